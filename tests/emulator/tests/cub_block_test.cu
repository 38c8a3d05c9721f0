// CUB's block algorithms against the standard library.
#include <algorithm>
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <numeric>

#include "support/device.h"

namespace emulator_test {
namespace {

constexpr int kThreads = 128;
constexpr int kItems = 4;
constexpr int kBlocks = 5;

template <typename T, cub::BlockReduceAlgorithm algorithm>
__global__ void reduce_blocks(const T* in, T* out, int valid) {
  using Reduce = cub::BlockReduce<T, kThreads, algorithm>;
  __shared__ typename Reduce::TempStorage storage;
  const T value =
      static_cast<int>(threadIdx.x) < valid ? in[blockIdx.x * kThreads + threadIdx.x] : T();
  const T sum = Reduce(storage).Sum(value, valid);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

template <typename T, cub::BlockScanAlgorithm algorithm>
__global__ void scan_blocks(const T* in, T* out, T* totals) {
  using Scan = cub::BlockScan<T, kThreads, algorithm>;
  __shared__ typename Scan::TempStorage storage;
  const int first = (blockIdx.x * kThreads + threadIdx.x) * kItems;
  T items[kItems];
  for (int i = 0; i < kItems; ++i) items[i] = in[first + i];
  T total;
  Scan(storage).ExclusiveSum(items, items, total);
  for (int i = 0; i < kItems; ++i) out[first + i] = items[i];
  if (threadIdx.x == 0) totals[blockIdx.x] = total;
}

template <typename Key>
__global__ void sort_blocks(Key* keys, int* values) {
  using Sort = cub::BlockRadixSort<Key, kThreads, kItems, int>;
  __shared__ typename Sort::TempStorage storage;
  const int first = (blockIdx.x * kThreads + threadIdx.x) * kItems;
  Key key[kItems];
  int value[kItems];
  for (int i = 0; i < kItems; ++i) {
    key[i] = keys[first + i];
    value[i] = values[first + i];
  }
  Sort(storage).Sort(key, value);
  for (int i = 0; i < kItems; ++i) {
    keys[first + i] = key[i];
    values[first + i] = value[i];
  }
}

template <typename T, cub::BlockReduceAlgorithm algorithm>
void expect_block_sums() {
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto in = whole_numbers<T>(kBlocks * kThreads, random, 1000);
    const DeviceArray<T> device_in(in), device_out(kBlocks);
    for (const int valid : {1, 31, 32, 33, 100, kThreads}) {
      reduce_blocks<T, algorithm><<<kBlocks, kThreads>>>(device_in.get(), device_out.get(), valid);
      std::vector<T> want;
      for (int block = 0; block < kBlocks; ++block) {
        const auto first = in.begin() + block * kThreads;
        want.push_back(std::accumulate(first, first + valid, T()));
      }
      EXPECT_TRUE(same(device_out.values(), want)) << valid << " threads are valid";
    }
  });
}

template <typename T, cub::BlockScanAlgorithm algorithm>
void expect_block_scans() {
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    constexpr int kTile = kThreads * kItems;
    const auto in = whole_numbers<T>(kBlocks * kTile, random, 1000);
    const DeviceArray<T> device_in(in), device_out(in.size()), device_totals(kBlocks);
    scan_blocks<T, algorithm>
        <<<kBlocks, kThreads>>>(device_in.get(), device_out.get(), device_totals.get());
    std::vector<T> want(in.size()), totals;
    for (int block = 0; block < kBlocks; ++block) {
      const auto first = in.begin() + block * kTile;
      std::exclusive_scan(first, first + kTile, want.begin() + block * kTile, T());
      totals.push_back(std::accumulate(first, first + kTile, T()));
    }
    EXPECT_TRUE(same(device_out.values(), want));
    EXPECT_TRUE(same(device_totals.values(), totals));
  });
}

template <typename Key>
void expect_sorted_blocks() {
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    constexpr int kTile = kThreads * kItems;
    const auto keys = whole_numbers<Key>(kBlocks * kTile, random, 200);  // with equal ones
    std::vector<int> order(keys.size());
    std::iota(order.begin(), order.end(), 0);
    const DeviceArray<Key> device_keys(keys);
    const DeviceArray<int> device_order(order);
    sort_blocks<<<kBlocks, kThreads>>>(device_keys.get(), device_order.get());
    for (int block = 0; block < kBlocks; ++block) {
      const auto first = order.begin() + block * kTile;
      std::stable_sort(first, first + kTile, [&](int a, int b) { return keys[a] < keys[b]; });
    }
    std::vector<Key> want;
    for (const int i : order) want.push_back(keys[i]);
    EXPECT_TRUE(same(device_keys.values(), want));
    EXPECT_TRUE(same(device_order.values(), order));
  });
}

using CubBlock = DeviceTest;

TEST_F(CubBlock, ReduceOfWarpsAddsWhatIsValid) {
  expect_block_sums<int, cub::BLOCK_REDUCE_WARP_REDUCTIONS>();
  expect_block_sums<double, cub::BLOCK_REDUCE_WARP_REDUCTIONS>();
}

TEST_F(CubBlock, RakingReduceAddsWhatIsValid) {
  expect_block_sums<std::uint64_t, cub::BLOCK_REDUCE_RAKING>();
  expect_block_sums<float, cub::BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY>();
}

TEST_F(CubBlock, ScanOfWarpsSumsWhatCameBefore) {
  expect_block_scans<int, cub::BLOCK_SCAN_WARP_SCANS>();
  expect_block_scans<float, cub::BLOCK_SCAN_WARP_SCANS>();
}

TEST_F(CubBlock, RakingScanSumsWhatCameBefore) {
  expect_block_scans<std::uint64_t, cub::BLOCK_SCAN_RAKING>();
  expect_block_scans<double, cub::BLOCK_SCAN_RAKING_MEMOIZE>();
}

TEST_F(CubBlock, RadixSortIsStable) {
  expect_sorted_blocks<int>();
  expect_sorted_blocks<float>();
  expect_sorted_blocks<std::uint64_t>();
}

}  // namespace
}  // namespace emulator_test
