// The end of the process: the report file, the closing line and the exit status.
#pragma once

#include <optional>

namespace emulator {

struct Context;

// Memory that the program has not freed, all of it or a device's, becomes findings.
void find_leaks(Context& state, std::optional<int> device = {});

// Asks for it; once, while the state is made, so that what the program makes later is gone by then.
void watch_exit();

}  // namespace emulator
