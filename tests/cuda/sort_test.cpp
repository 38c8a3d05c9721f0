// Keys sorted on the device against the standard library's stable sort.
#include "kernels/sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "host/cuda/runtime.h"
#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

class CudaSort : public OnDevice {
 protected:
  void expect_sorted(const kernels::KeySort& sort) {
    const StreamHandle stream = new_stream();
    std::vector<std::uint64_t> keys(static_cast<std::size_t>(sort.count));
    for (std::uint64_t& key : keys) key = random();
    const std::size_t bytes = keys.size() * sizeof(std::uint64_t);
    std::size_t workspace_bytes = 0;
    ASSERT_EQ(kernels::sort_workspace_bytes(sort, &workspace_bytes), cudaSuccess);
    void *from = nullptr, *into = nullptr, *workspace = nullptr;
    TENDON_CUDA_CHECK(cudaMallocAsync(&from, bytes + 1, stream.get()));
    TENDON_CUDA_CHECK(cudaMallocAsync(&into, bytes + 1, stream.get()));
    TENDON_CUDA_CHECK(cudaMallocAsync(&workspace, workspace_bytes + 1, stream.get()));
    TENDON_CUDA_CHECK(
        cudaMemcpyAsync(from, keys.data(), bytes, cudaMemcpyHostToDevice, stream.get()));
    ASSERT_EQ(kernels::sort_keys(sort, static_cast<const std::uint64_t*>(from),
                                 static_cast<std::uint64_t*>(into), workspace, workspace_bytes,
                                 stream.get()),
              cudaSuccess);
    std::vector<std::uint64_t> sorted(keys.size());
    TENDON_CUDA_CHECK(
        cudaMemcpyAsync(sorted.data(), into, bytes, cudaMemcpyDeviceToHost, stream.get()));
    for (void* memory : {from, into, workspace})
      TENDON_CUDA_CHECK(cudaFreeAsync(memory, stream.get()));
    TENDON_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
    const auto looked_at = [&](std::uint64_t key) {
      const std::uint64_t from_first = key >> sort.first_bit;
      const int bits = sort.last_bit - sort.first_bit;
      return bits == 64 ? from_first : from_first & ((std::uint64_t{1} << bits) - 1);
    };
    std::ranges::stable_sort(keys, {}, looked_at);
    EXPECT_TRUE(sorted == keys) << sort.count << " keys by bits " << sort.first_bit << " to "
                                << sort.last_bit;
  }

  std::mt19937_64 random{1};
};

TEST_F(CudaSort, InOneBlockIsTheStandardLibrarys) {
  for_each_seed([&] {
    for (const std::int64_t count : {1, 2, 31, 255, 256, 257, 2047, 2048}) {
      expect_sorted({count, 0, 64});
      expect_sorted({count, 11, 12});
      expect_sorted({count, 9, 22});
    }
  });
}

TEST_F(CudaSort, OfADeviceIsTheStandardLibrarys) {
  for_each_seed([&] {
    for (const std::int64_t count : {2049, 4096, 20'000}) {
      expect_sorted({count, 15, 16});
      expect_sorted({count, 12, 25});
    }
  });
}

}  // namespace
}  // namespace tendon::cuda
