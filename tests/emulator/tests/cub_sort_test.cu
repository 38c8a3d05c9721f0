// CUB's radix sort of whole arrays against the standard library's stable sort.
#include <algorithm>
#include <cub/device/device_radix_sort.cuh>
#include <limits>
#include <numeric>

#include "support/device.h"
#include "support/sizes.h"

namespace emulator_test {
namespace {

constexpr std::size_t kMost = 60'000;

template <typename Sort>
void run(Sort&& sort) {
  std::size_t bytes = 0;
  require(sort(nullptr, bytes));
  const DeviceArray<char> storage(bytes);
  require(sort(storage.get(), bytes));
}

template <typename Key>
std::vector<Key> random_keys(std::size_t count, std::mt19937_64& random) {
  std::vector<Key> keys(count);
  for (Key& key : keys) key = static_cast<Key>(static_cast<std::int64_t>(random()));
  // Equal ones, and those at the ends.
  for (std::size_t i = 0; i + 1 < count; i += 7) keys[i + 1] = keys[i];
  if (count > 2) {
    keys[count / 2] = std::numeric_limits<Key>::lowest();
    keys[count / 3] = std::numeric_limits<Key>::max();
  }
  return keys;
}

template <typename Key>
void expect_sorted_keys() {
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (const std::size_t count : array_sizes(random, kMost)) {
      std::vector<Key> keys = random_keys<Key>(count, random);
      const DeviceArray<Key> in(keys), out(count);
      run([&](void* storage, std::size_t& bytes) {
        return cub::DeviceRadixSort::SortKeys(storage, bytes, in.get(), out.get(),
                                              static_cast<int>(count));
      });
      std::sort(keys.begin(), keys.end());
      ASSERT_TRUE(same(out.values(), keys)) << "of " << count << " keys";
    }
  });
}

using CubRadixSort = DeviceTest;

TEST_F(CubRadixSort, OrdersSignedKeys) { expect_sorted_keys<int>(); }
TEST_F(CubRadixSort, OrdersLongKeys) { expect_sorted_keys<std::uint64_t>(); }

TEST_F(CubRadixSort, OrdersPairsFromTheGreatestAndKeepsTheOrderOfEquals) {
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (const std::size_t count : array_sizes(random, kMost)) {
      const auto keys = random_keys<float>(count, random);
      std::vector<int> order(count);
      std::iota(order.begin(), order.end(), 0);
      const DeviceArray<float> keys_in(keys), keys_out(count);
      const DeviceArray<int> order_in(order), order_out(count);
      run([&](void* storage, std::size_t& bytes) {
        return cub::DeviceRadixSort::SortPairsDescending(storage, bytes, keys_in.get(),
                                                         keys_out.get(), order_in.get(),
                                                         order_out.get(), static_cast<int>(count));
      });
      std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return keys[a] > keys[b]; });
      std::vector<float> want;
      for (const int i : order) want.push_back(keys[i]);
      ASSERT_TRUE(same(keys_out.values(), want)) << "of " << count << " pairs";
      ASSERT_TRUE(same(order_out.values(), order)) << "of " << count << " pairs";
    }
  });
}

TEST_F(CubRadixSort, LooksAtTheBitsItIsTold) {
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    auto keys = random_keys<int>(5000, random);
    const DeviceArray<int> in(keys), out(keys.size());
    run([&](void* storage, std::size_t& bytes) {
      return cub::DeviceRadixSort::SortKeys(storage, bytes, in.get(), out.get(),
                                            static_cast<int>(keys.size()), 4, 9);
    });
    std::stable_sort(keys.begin(), keys.end(),
                     [](int a, int b) { return (a >> 4 & 31) < (b >> 4 & 31); });
    EXPECT_TRUE(same(out.values(), keys));
  });
}

}  // namespace
}  // namespace emulator_test
