// The end of the process: the report file, the closing line and the exit status.
#pragma once

namespace emulator {

// Asks for it; once, while the state is made, so that what the program makes later is gone by then.
void watch_exit();

}  // namespace emulator
