// CUB's reductions and scans over whole arrays against the standard library.
#include <algorithm>
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_scan.cuh>
#include <cub/device/device_segmented_reduce.cuh>
#include <limits>
#include <numeric>

#include "support/device.h"
#include "support/sizes.h"

namespace emulator_test {
namespace {

constexpr std::size_t kMost = 100'000;

// Calls an algorithm the way CUB's are called: for its size first, then with that much memory.
template <typename Algorithm>
void run(Algorithm&& algorithm) {
  std::size_t bytes = 0;
  require(algorithm(nullptr, bytes));
  const DeviceArray<char> storage(bytes);
  require(algorithm(storage.get(), bytes));
}

// `algorithm(storage, bytes, in, out, count)` for arrays of many sizes; `want(in)` says what comes.
template <typename T, typename Algorithm, typename Want>
void expect_of_arrays(Algorithm&& algorithm, Want&& want, std::size_t least = 0) {
  for_each_seed([&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (const std::size_t count : array_sizes(random, kMost)) {
      if (count < least) continue;
      const std::vector<T> in = whole_numbers<T>(count, random, 100);
      const std::vector<T> wanted = want(in);
      const DeviceArray<T> device_in(in), device_out(wanted.size());
      run([&](void* storage, std::size_t& bytes) {
        return algorithm(storage, bytes, device_in.get(), device_out.get(),
                         static_cast<int>(count));
      });
      ASSERT_TRUE(same(device_out.values(), wanted)) << "of " << count << " elements";
    }
  });
}

template <typename T>
void expect_sums() {
  expect_of_arrays<T>(
      [](void* storage, std::size_t& bytes, const T* in, T* out, int count) {
        return cub::DeviceReduce::Sum(storage, bytes, in, out, count);
      },
      [](const std::vector<T>& in) {
        return std::vector<T>{std::accumulate(in.begin(), in.end(), T())};
      });
}

using CubReduce = DeviceTest;
using CubScan = DeviceTest;

TEST_F(CubReduce, SumOfIntegersIsTheStandardLibrarys) { expect_sums<int>(); }
TEST_F(CubReduce, SumOfLongIntegersIsTheStandardLibrarys) { expect_sums<std::uint64_t>(); }
TEST_F(CubReduce, SumOfFloatsIsTheStandardLibrarys) { expect_sums<float>(); }

TEST_F(CubReduce, MostOfDoublesIsTheStandardLibrarys) {
  expect_of_arrays<double>(
      [](void* storage, std::size_t& bytes, const double* in, double* out, int count) {
        return cub::DeviceReduce::Max(storage, bytes, in, out, count);
      },
      [](const std::vector<double>& in) {
        return std::vector<double>{*std::max_element(in.begin(), in.end())};
      },
      1);
}

TEST_F(CubReduce, SegmentsMayBeEmpty) {
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto in = whole_numbers<float>(20'000, random, 100);
    std::vector<int> offsets{0, 0, 1, 33};
    std::uniform_int_distribution<int> length(0, 700);
    while (offsets.back() + 700 < static_cast<int>(in.size())) {
      offsets.push_back(offsets.back() + length(random));
    }
    offsets.push_back(static_cast<int>(in.size()));
    const int segments = static_cast<int>(offsets.size()) - 1;
    const DeviceArray<float> device_in(in), device_out(segments);
    const DeviceArray<int> device_offsets(offsets);
    run([&](void* storage, std::size_t& bytes) {
      return cub::DeviceSegmentedReduce::Sum(storage, bytes, device_in.get(), device_out.get(),
                                             segments, device_offsets.get(),
                                             device_offsets.get() + 1);
    });
    std::vector<float> want;
    for (int i = 0; i < segments; ++i) {
      want.push_back(std::accumulate(in.begin() + offsets[i], in.begin() + offsets[i + 1], 0.0f));
    }
    EXPECT_TRUE(same(device_out.values(), want));
  });
}

TEST_F(CubScan, ExclusiveSumIsTheStandardLibrarys) {
  expect_of_arrays<int>(
      [](void* storage, std::size_t& bytes, const int* in, int* out, int count) {
        return cub::DeviceScan::ExclusiveSum(storage, bytes, in, out, count);
      },
      [](const std::vector<int>& in) {
        std::vector<int> out(in.size());
        std::exclusive_scan(in.begin(), in.end(), out.begin(), 0);
        return out;
      });
}

TEST_F(CubScan, InclusiveSumOfDoublesIsTheStandardLibrarys) {
  expect_of_arrays<double>(
      [](void* storage, std::size_t& bytes, const double* in, double* out, int count) {
        return cub::DeviceScan::InclusiveSum(storage, bytes, in, out, count);
      },
      [](const std::vector<double>& in) {
        std::vector<double> out(in.size());
        std::inclusive_scan(in.begin(), in.end(), out.begin());
        return out;
      });
}

struct Most {
  __host__ __device__ std::uint64_t operator()(std::uint64_t a, std::uint64_t b) const {
    return a > b ? a : b;
  }
};

TEST_F(CubScan, RunningMostIsTheStandardLibrarys) {
  expect_of_arrays<std::uint64_t>(
      [](void* storage, std::size_t& bytes, const std::uint64_t* in, std::uint64_t* out,
         int count) {
        return cub::DeviceScan::InclusiveScan(storage, bytes, in, out, Most(), count);
      },
      [](const std::vector<std::uint64_t>& in) {
        std::vector<std::uint64_t> out(in.size());
        std::inclusive_scan(in.begin(), in.end(), out.begin(), Most());
        return out;
      });
}

}  // namespace
}  // namespace emulator_test
