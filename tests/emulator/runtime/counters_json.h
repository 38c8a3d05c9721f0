// What was counted and found, as JSON. README.md has the keys.
#pragma once

#include <string>

#include "runtime/context.h"

namespace emulator {

// {"calls": ..., "total": ..., "launches": [...]}, and "reports" too where they are asked for.
std::string counters_json(const Context& context, bool with_reports);

}  // namespace emulator
