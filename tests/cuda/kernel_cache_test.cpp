// Cases that need a device report skipped where there is none.
#include "host/cuda/kernel_cache.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "host/cuda/disk_cache.h"
#include "host/cuda/nvrtc.h"
#include "tests/cuda/cache_folder.h"

namespace tendon::cuda {
namespace {

using Precompile = CacheFolderTest;

TEST_F(Precompile, FillsTheCacheOnDisk) {
  const std::array texts = {gelu("a"), gelu("b"), gelu("c")};
  precompile(texts, 90);
  EXPECT_EQ(files().size(), 3U);
  const Target target = target_for(90, Nvrtc::instance().architectures());
  const DiskCache disk(DiskCacheSettings::of_environment());
  for (const KernelText& text : texts) {
    EXPECT_TRUE(disk.find(cache_key(text, target), Nvrtc::instance().version()).code.has_value());
  }
}

class KernelCacheTest : public CacheFolderTest {
 protected:
  void SetUp() override {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) GTEST_SKIP() << "no CUDA device";
    int major = 0;
    int minor = 0;
    TENDON_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
    TENDON_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0));
    architecture_ = 10 * major + minor;
  }
  int architecture_ = 0;
};

TEST_F(KernelCacheTest, CompilesOnceForManyThreads) {
  KernelCache cache(0, architecture_);
  std::vector<std::shared_ptr<const CompiledKernel>> kernels(8);
  {
    std::vector<std::jthread> threads;
    for (auto& kernel : kernels) {
      threads.emplace_back([&] { kernel = cache.get(std::array{gelu(), gelu()}).at(1); });
    }
  }
  for (const auto& kernel : kernels) EXPECT_EQ(kernel, kernels[0]);
  EXPECT_EQ(cache.compiled_count(), 1);
  EXPECT_EQ(kernels[0]->name(), "gelu");
  EXPECT_GT(kernels[0]->register_count(), 0);
  EXPECT_GT(kernels[0]->blocks_per_multiprocessor(256, 0), 0);
}

TEST_F(KernelCacheTest, ReportsWhatItDoesAndFindsItOnDiskTheNextTime) {
  const std::array texts = {gelu("a"), gelu("b")};
  std::vector<CompileProgress> reports;
  const auto keep = [&](const CompileProgress& progress) { reports.push_back(progress); };
  KernelCache first(0, architecture_);
  first.set_progress(keep);
  first.get(texts);
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[1].done, 2);
  EXPECT_EQ(reports[1].total, 2);
  EXPECT_FALSE(reports[1].is_hit);
  EXPECT_EQ(reports[1].why, "not in the cache");

  reports.clear();
  KernelCache second(0, architecture_);
  second.set_progress(keep);
  second.get(texts);
  second.get(texts);
  EXPECT_EQ(second.compiled_count(), 0);
  EXPECT_EQ(second.from_disk_count(), 2);
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_TRUE(reports[0].is_hit);
}

TEST_F(KernelCacheTest, CompilesAgainWhatFailed) {
  KernelCache cache(0, architecture_);
  const KernelText wrong{"wrong", "extern \"C\" __global__ void wrong() { no_such_function(); }"};
  EXPECT_THROW(cache.get(std::array{wrong}), CompileError);
  EXPECT_THROW(cache.get(std::array{wrong}), CompileError);
  EXPECT_EQ(cache.get(std::array{gelu()}).size(), 1U);
}

}  // namespace
}  // namespace tendon::cuda
