// Sorts keys on a device, stably, by some of their bits. Every pointer is to memory of the device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace tendon::kernels {

// So many are sorted by one block, in one launch; more by CUB's sort of a whole device, which also
// fills memory and so cannot stand in a graph's conditional bodies.
inline constexpr std::int64_t kKeysOfOneBlock = 2048;

// The keys, by their bits [first_bit, last_bit).
struct KeySort {
  std::int64_t count = 0;
  int first_bit = 0, last_bit = 64;
};

// Memory that the sort needs, of the current device; 256-byte aligned.
cudaError_t sort_workspace_bytes(const KeySort& sort, std::size_t* bytes);

// Enqueues the sort on the stream and waits for nothing; can be captured. `from` and `into` do not
// overlap.
cudaError_t sort_keys(const KeySort& sort, const std::uint64_t* from, std::uint64_t* into,
                      void* workspace, std::size_t workspace_bytes, cudaStream_t stream);

}  // namespace tendon::kernels
