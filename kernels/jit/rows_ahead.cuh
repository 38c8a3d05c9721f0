// Vectors of rows to come, on their way to shared memory while the rows before are computed: many
// are under way, and no registers wait for them. A thread takes what it has fetched itself, so that
// no thread waits for another.
#pragma once

#include <tendon/memory.cuh>

namespace tendon {

// Places for so many rows, of each of which each of a block's threads has so many vectors.
template <class T, int kCount, int kVectors, int kRows, int kThreads>
struct RowsAhead {
  Vector<T, kCount> vectors[kRows][kVectors][kThreads];

  __device__ void fetch(int place, int vector, const T* from, i64 which) {
    constexpr int kBytes = sizeof(T) * kCount;
    const auto into =
        static_cast<u32>(__cvta_generic_to_shared(&vectors[place][vector][threadIdx.x]));
    const Vector<T, kCount>* const at = reinterpret_cast<const Vector<T, kCount>*>(from) + which;
    if constexpr (kBytes == 16) {
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(into), "l"(at) : "memory");
    } else {
      asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(into), "l"(at), "n"(kBytes)
                   : "memory");
    }
  }
  __device__ Vector<T, kCount> vector(int place, int vector) const {
    return vectors[place][vector][threadIdx.x];
  }
};

// What was fetched since the last call is a row's.
__device__ inline void end_of_row() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits for all rows but the last `kLater`.
template <int kLater>
__device__ inline void await_row() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLater) : "memory");
}

}  // namespace tendon
