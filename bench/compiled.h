// Contests of a tape that is compiled once and run on the same buffers again and again: value and
// gradients by every floating input, with seeds of one. On the default device; on a CUDA one the
// buffers are the device's, and nobody competes.
#pragma once

#include <tendon/backend.h>

#include <string>
#include <vector>

#include "bench/array.h"
#include "bench/by_hand/by_hand.h"
#include "bench/contest.h"

namespace tendon::bench {

struct Range {  // inputs are uniform in [low, high), whole numbers where the input is i32
  double low, high;
};

// Fills the outputs (the targets, then a gradient an input) from the inputs.
using by_hand::Loop;

struct CompiledWorkload {
  std::string name;  // torch knows its formula by it
  Tape tape;
  std::vector<Range> inputs;
  bool gradients = true;
  Loop by_hand = nullptr;
  Loop reference = nullptr;  // the loop in f64, which every contestant's results are compared with
  double flops = 0;          // of one run; a transcendental function counts kTranscendentalFlops
  double operations = 1;
  double host_operations = 0;
};
inline constexpr double kTranscendentalFlops = 16;

// Makes the first result of ours wrong before it is compared, to show that the comparison fails.
void spoil_results();

// Throws std::runtime_error where a contestant's results differ from the reference.
Contest compiled_contest(const std::string& size, const CompiledWorkload& workload);

}  // namespace tendon::bench
