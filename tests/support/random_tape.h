// Random tapes, to compare executors on: every op, shape and wiring that a planner may meet.
#pragma once

#include <tendon/backend.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tendon::test {

struct RandomTape {
  Tape tape;
  std::vector<std::vector<std::byte>> inputs;  // the values of the tape's inputs
};

// The same tape for the same seed, everywhere. Of half the seeds the inputs are small multiples of
// 1/4 and most ops keep them so: floating sums are then exact in any order. Of some the tape is
// differentiated, once or twice, and the gradients are targets too.
RandomTape random_tape(std::uint64_t seed);

}  // namespace tendon::test
