// The elements of a part that does not reduce, and how a grid's threads share them.
#pragma once

#include <cstdint>

#include "host/cuda/emitter.h"
#include "host/plan/plan.h"

namespace tendon::cuda {

inline constexpr std::uint32_t kElementThreads = 256;  // of a block

// How blocks share the elements: those of the whole grid take turns at them; or there are as many
// as there is work for, and each has its number as `block`.
enum class Blocks : std::uint8_t { take_turns, once };

struct ElementsGeometry {
  std::int64_t blocks = 1;  // if each did one unit
  int resident_blocks = 0;  // to be resident on a multiprocessor; 0: any
  int instructions = 0;     // of all copies of the element, nearly
};

// Writes a function of one element, and what calls it: for vectors of elements, then for the rest.
// `is_aligned`: as in generate.
ElementsGeometry write_elements(const plan::Plan& plan, const plan::Part& part, bool is_aligned,
                                Blocks blocks, Emitter& out);

}  // namespace tendon::cuda
