// Reading through a plan's views: pieces of strided memory into a contiguous tile.
#pragma once

#include <functional>
#include <span>

#include "host/plan/view.h"

namespace tendon::cpu {

// Elements [begin, begin + count) of the view, in row-major order, into `into`; bases[i] is the
// memory of its i-th piece. What no piece gives is zero.
void read(const plan::View& view, std::span<const void* const> bases, std::size_t element_bytes,
          std::int64_t begin, std::int64_t count, void* into);

// The runs of base elements that read() would take, for who counts them: run(base_offset, stride,
// count).
void for_each_run(const plan::Piece& piece, const Shape& shape, std::int64_t begin,
                  std::int64_t count,
                  const std::function<void(std::int64_t, std::int64_t, std::int64_t)>& run);

// `count` copies of the element at `from`, which may lie at `into`.
void fill(const void* from, std::size_t element_bytes, std::int64_t count, void* into);

}  // namespace tendon::cpu
