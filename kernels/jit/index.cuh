// Indices of gather and scatter_add, and those that are out of range.
#pragma once

#include <tendon/memory.cuh>

namespace tendon {

// The first index out of range that an op met in a run, in memory of the host. Both words hold its
// position in the upper half and half of the index in the lower, so that each is the least by
// position whatever the order of the threads; all ones: there was none. (host/cuda/index_check.h)
struct IndexFault {
  u64 low;
  u64 high;
};

// Where in an axis of `extent` the index lies: below 0 it counts from the end. -1: out of range.
__device__ inline i64 place_in(i64 extent, i64 index) {
  if (index < -extent || index >= extent) return -1;
  return index < 0 ? index + extent : index;
}

__device__ inline void note(IndexFault* fault, i64 position, i64 index) {
  const u64 at = static_cast<u64>(position) << 32;
  atomicMin(&fault->low, at | static_cast<u32>(index));
  atomicMin(&fault->high, at | static_cast<u32>(index >> 32));
}

}  // namespace tendon
