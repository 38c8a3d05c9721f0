// Puts a device, or what was found and counted, back to the beginning.
#pragma once

#include "runtime/context.h"

namespace emulator {

// Its memory, streams, events and modules go; its work does not run any more; it is usable again.
void reset_device(Context& context, Device& device);

// Forgets reports, counters, faults and the calling thread's last error. Memory and unfinished work
// stay, but for the work of a device that had failed.
void reset_findings(Context& context);

}  // namespace emulator
