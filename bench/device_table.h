// The table of a CUDA device: times by its own clock; of an emulated one what it counts, and no
// time. The host's time is that of recording, of finding the plan and of launching.
#pragma once

#include <string>
#include <vector>

#include "bench/contest.h"

namespace tendon::bench {

// `seconds`: of a contest. A line of --json is written to the file `json`, unless it is empty.
void run_on_device(const std::vector<std::string>& names, double seconds, const std::string& json);

}  // namespace tendon::bench
