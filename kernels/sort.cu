#include <cub/block/block_radix_sort.cuh>
#include <cub/device/device_radix_sort.cuh>

#include "kernels/sort.h"

namespace tendon::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kKeysOfThread = static_cast<int>(kKeysOfOneBlock / kThreads);

__global__ void __launch_bounds__(kThreads)
    sort_in_one_block_kernel(KeySort sort, const std::uint64_t* from, std::uint64_t* into) {
  using Sort = cub::BlockRadixSort<std::uint64_t, kThreads, kKeysOfThread>;
  __shared__ typename Sort::TempStorage storage;
  const auto thread = static_cast<int>(threadIdx.x);
  std::uint64_t keys[kKeysOfThread];
  for (int i = 0; i < kKeysOfThread; ++i) {
    const int at = thread * kKeysOfThread + i;
    keys[i] = at < sort.count ? from[at] : ~std::uint64_t{0};  // behind all others
  }
  Sort(storage).SortBlockedToStriped(keys, sort.first_bit, sort.last_bit);
  for (int i = 0; i < kKeysOfThread; ++i) {
    const int at = i * kThreads + thread;
    if (at < sort.count) into[at] = keys[i];
  }
}

}  // namespace

cudaError_t sort_workspace_bytes(const KeySort& sort, std::size_t* bytes) {
  *bytes = 0;
  if (sort.count <= kKeysOfOneBlock) return cudaSuccess;
  return cub::DeviceRadixSort::SortKeys(nullptr, *bytes, static_cast<const std::uint64_t*>(nullptr),
                                        static_cast<std::uint64_t*>(nullptr),
                                        static_cast<std::uint64_t>(sort.count), sort.first_bit,
                                        sort.last_bit);
}

cudaError_t sort_keys(const KeySort& sort, const std::uint64_t* from, std::uint64_t* into,
                      void* workspace, std::size_t workspace_bytes, cudaStream_t stream) {
  if (sort.count > kKeysOfOneBlock) {
    return cub::DeviceRadixSort::SortKeys(workspace, workspace_bytes, from, into,
                                          static_cast<std::uint64_t>(sort.count), sort.first_bit,
                                          sort.last_bit, stream);
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(1);
  config.blockDim = dim3(kThreads);
  config.stream = stream;
  return cudaLaunchKernelEx(&config, sort_in_one_block_kernel, sort, from, into);
}

}  // namespace tendon::kernels
