// Reading through a plan's views: pieces of strided memory into a contiguous tile.
#pragma once

#include <span>

#include "host/plan/view.h"

namespace tendon::cpu {

// Elements [begin, begin + count) of the view, in row-major order, into `into`; bases[i] is the
// memory of its i-th piece. What no piece gives is zero.
void read(const plan::View& view, std::span<const void* const> bases, std::size_t element_bytes,
          std::int64_t begin, std::int64_t count, void* into);

// `count` copies of the element at `from`, which may lie at `into`.
void fill(const void* from, std::size_t element_bytes, std::int64_t count, void* into);

}  // namespace tendon::cpu
