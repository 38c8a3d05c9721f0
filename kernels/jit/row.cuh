// Reductions over the threads of a row: some of a warp, a group of warps, or a block. Every thread
// gets the result. The order is fixed, so the bits are the same on every run.
#pragma once

#include <tendon/memory.cuh>

namespace tendon {

// The value of the lane whose number differs in the bits `by`; `lanes` come here together.
template <class T>
__device__ inline T shuffled(T value, int by, u32 lanes) {
  return __shfl_xor_sync(lanes, value, by);
}
__device__ inline boolean shuffled(boolean value, int by, u32 lanes) {
  return __shfl_xor_sync(lanes, static_cast<i32>(value), by) != 0;
}

template <class T>
struct Indexed {
  T value;
  i64 index;  // -1: no element yet
};
template <class T>
__device__ inline Indexed<T> shuffled(Indexed<T> of, int by, u32 lanes) {
  return {shuffled(of.value, by, lanes), shuffled(of.index, by, lanes)};
}
// The extreme, and of equal ones the first; the first NaN before all.
template <bool kGreatest, class T>
__device__ inline Indexed<T> extreme(Indexed<T> a, Indexed<T> b) {
  if (a.index < 0) return b;
  if (b.index < 0) return a;
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  if (a_nan || b_nan) return a_nan && (!b_nan || a.index < b.index) ? a : b;
  if (a.value == b.value) return a.index < b.index ? a : b;
  return (kGreatest ? a.value > b.value : a.value < b.value) ? a : b;
}

// Over so many neighbouring lanes of a warp, a power of two. Other lanes may be elsewhere.
template <int kThreads, class T, class Combine>
__device__ inline T reduce_lanes(T value, Combine combine) {
  const u32 lanes = ~0u >> (32 - kThreads) << (threadIdx.x % 32 / kThreads * kThreads);
#pragma unroll
  for (int by = kThreads / 2; by > 0; by /= 2) value = combine(value, shuffled(value, by, lanes));
  return value;
}

// Waits for the other threads of a group: a block's threads are so many groups of so many. Each
// group has a barrier, whose number the compiler knows: else it would set all 16 aside.
template <int kThreads, int kGroups, int kGroup = 0>
__device__ inline void synchronize_group() {
  if constexpr (kGroups == 1) {
    __syncthreads();
  } else if constexpr (kGroup < kGroups) {
    if (threadIdx.x / kThreads == kGroup) {
      asm volatile("bar.sync %0, %1;" ::"n"(kGroup + 1), "n"(kThreads) : "memory");
    } else {
      synchronize_group<kThreads, kGroups, kGroup + 1>();
    }
  }
}

// The memory that the warps of a block pass results through: the same one for all calls with as
// many bytes and the same turn.
template <int kBytes, int kTurn>
__device__ inline void* memory_of_warps() {
  __shared__ f64 words[(kBytes + sizeof(f64) - 1) / sizeof(f64)];
  return words;
}

// Over a group's threads. Others of the group may still read what was reduced before. Of any turn,
// this waits for them; it need not where that had another turn, as the one after has: who is there
// has read what was reduced before this.
inline constexpr int kAnyTurn = -1;
template <int kThreads, int kGroups, int kTurn, class T, class Combine>
__device__ inline T reduce_group(T value, Combine combine) {
  constexpr int kWarps = kThreads / 32;
  constexpr int kBytes = kGroups * kWarps * static_cast<int>(sizeof(T));
  T* const of_warps =
      static_cast<T*>(memory_of_warps<kBytes, kTurn>()) + threadIdx.x / kThreads * kWarps;
  value = reduce_lanes<32>(value, combine);
  if constexpr (kTurn == kAnyTurn) synchronize_group<kThreads, kGroups>();
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x % kThreads / 32] = value;
  synchronize_group<kThreads, kGroups>();
  value = of_warps[0];
#pragma unroll
  for (int warp = 1; warp < kWarps; ++warp) value = combine(value, of_warps[warp]);
  return value;
}
template <int kThreads, class T, class Combine>
__device__ inline T reduce_block(T value, Combine combine) {
  return reduce_group<kThreads, 1, kAnyTurn>(value, combine);
}

// The memory that a block's threads share for values that pass from one to another at once: the
// same one for all calls with as many bytes.
template <int kBytes>
__device__ inline void* passing_memory() {
  __shared__ f64 words[kBytes / sizeof(f64)];
  return words;
}

// Each thread of a group has values: those of the threads at the same place in their groups, in the
// order of the groups. The first group has the results.
template <int kGroups, int kThreads, int kCount, class T, class Combine>
__device__ inline void combine_groups(T (&values)[kCount], Combine combine) {
  if constexpr (kGroups > 1) {
    T* const passed = static_cast<T*>(passing_memory<(kGroups - 1) * kThreads * sizeof(T)>());
    const int group = threadIdx.x / kThreads, thread = threadIdx.x % kThreads;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      __syncthreads();  // of what passed before and is still read
      if (group > 0) passed[(group - 1) * kThreads + thread] = values[i];
      __syncthreads();
      if (group > 0) continue;
      for (int other = 0; other < kGroups - 1; ++other)
        values[i] = combine(values[i], passed[other * kThreads + thread]);
    }
  }
}
template <int kGroups, int kThreads, class T, class Combine>
__device__ inline void combine_groups(T& value, Combine combine) {
  T values[1] = {value};
  combine_groups<kGroups, kThreads>(values, combine);
  value = values[0];
}

// The least and greatest of a type, which a reduction begins with.
template <class T>
struct Limits;
template <>
struct Limits<f32> {
  __device__ static f32 lowest() { return -__int_as_float(0x7f800000); }
  __device__ static f32 highest() { return __int_as_float(0x7f800000); }
};
template <>
struct Limits<f64> {
  __device__ static f64 lowest() { return -__longlong_as_double(0x7ff0000000000000ll); }
  __device__ static f64 highest() { return __longlong_as_double(0x7ff0000000000000ll); }
};
template <>
struct Limits<i32> {
  __device__ static i32 lowest() { return -2147483647 - 1; }
  __device__ static i32 highest() { return 2147483647; }
};
template <>
struct Limits<i64> {
  __device__ static i64 lowest() { return -9223372036854775807ll - 1; }
  __device__ static i64 highest() { return 9223372036854775807ll; }
};
template <>
struct Limits<boolean> {
  __device__ static boolean lowest() { return false; }
  __device__ static boolean highest() { return true; }
};

}  // namespace tendon
