// A launch of several parts, each with blocks of its own: the grid's blocks are those of one part
// after another.
#pragma once

#include <tendon/memory.cuh>

namespace tendon {

// What a block works at: which part, and as which of the part's blocks.
struct Share {
  i32 part;
  u32 block;
};

// By the first block of each part, in rising order. They are a power of two: behind the last part
// stand some of no block.
template <int kCount>
__device__ inline Share share_of(const i64 (&begins)[kCount]) {
  i32 part = 0;
#pragma unroll
  for (i32 half = kCount / 2; half > 0; half /= 2) {
    if (static_cast<u32>(begins[part + half]) <= blockIdx.x) part += half;
  }
  return {part, blockIdx.x - static_cast<u32>(begins[part])};
}

}  // namespace tendon
