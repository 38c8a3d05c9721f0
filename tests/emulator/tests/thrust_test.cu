// Thrust's common algorithms against the standard library.
#include <thrust/device_vector.h>
#include <thrust/functional.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sort.h>
#include <thrust/transform_reduce.h>
#include <thrust/unique.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <regex>

#include "support/device.h"
#include "support/sizes.h"

namespace emulator_test {
namespace {

constexpr std::size_t kMost = 40'000;

template <typename T>
std::vector<T> on_host(const thrust::device_vector<T>& values) {
  std::vector<T> result(values.size());
  thrust::copy(values.begin(), values.end(), result.begin());
  return result;
}

// Runs `body(numbers)` for arrays of many sizes, with numbers of which many are equal.
template <typename T, typename Body>
void for_each_array(Body&& body) {
  for_each_seed([&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (const std::size_t count : array_sizes(random, kMost)) {
      SCOPED_TRACE(std::to_string(count) + " elements");
      body(whole_numbers<T>(count, random, 50));
      if (testing::Test::HasFailure()) return;
    }
  });
}

// Not one that sorting by radix knows: Thrust merges.
struct ByLastDigit {
  __host__ __device__ bool operator()(int a, int b) const { return abs(a) % 10 < abs(b) % 10; }
};

struct Square {
  __host__ __device__ double operator()(double value) const { return value * value; }
};

using Thrust = DeviceTest;

TEST_F(Thrust, SortIsTheStandardLibrarys) {
  for_each_array<int>([](std::vector<int> numbers) {
    thrust::device_vector<int> device(numbers.begin(), numbers.end());
    thrust::sort(device.begin(), device.end());
    std::sort(numbers.begin(), numbers.end());
    EXPECT_TRUE(same(on_host(device), numbers));
  });
}

// The line of the source that a finding is from, as it stands in its file.
std::string source_of(const Finding& finding) {
  std::smatch place;
  if (!std::regex_search(finding.text, place, std::regex("\n  from (.*):([0-9]+)"))) return "";
  std::ifstream file(place[1]);
  std::string line;
  for (int left = std::stoi(place[2]); left > 0 && std::getline(file, line); --left) {
  }
  return line;
}

// CUB's merge (SerialMerge) reads the key behind the last one of its second part, and then decides
// by the number of keys left that it does not want it. That read alone is let pass.
void forget_reads_behind_the_last_key() {
  if (emulator() == nullptr) return;
  for (int i = 0; i < emulator()->report_count(); ++i) {
    const Finding finding{emulator()->report_fault(i), emulator()->report_text(i)};
    EXPECT_EQ(finding.fault, "read of unwritten memory");
    EXPECT_TRUE(mentions(finding, "DeviceMergeSort"));
    EXPECT_TRUE(mentions(finding, "ld.shared"));
    EXPECT_TRUE(mentions(finding, "block_merge_sort.cuh"));
    EXPECT_NE(source_of(finding).find("key2 = keys_shared[keys2_beg];"), std::string::npos)
        << finding.text;
  }
  emulator()->reset();
}

TEST_F(Thrust, StableSortByAnOrderOfOnesOwnIsTheStandardLibrarys) {
  for_each_array<int>([](std::vector<int> numbers) {
    thrust::device_vector<int> device(numbers.begin(), numbers.end());
    thrust::stable_sort(device.begin(), device.end(), ByLastDigit());
    forget_reads_behind_the_last_key();
    std::stable_sort(numbers.begin(), numbers.end(), ByLastDigit());
    EXPECT_TRUE(same(on_host(device), numbers));
  });
}

TEST_F(Thrust, SortByKeyTakesTheValuesAlong) {
  for_each_array<int>([](const std::vector<int>& keys) {
    std::vector<double> order(keys.size());
    std::iota(order.begin(), order.end(), 0.0);
    thrust::device_vector<int> device_keys(keys.begin(), keys.end());
    thrust::device_vector<double> device_order(order.begin(), order.end());
    thrust::sort_by_key(device_keys.begin(), device_keys.end(), device_order.begin());
    const auto sorted = on_host(device_keys);
    EXPECT_TRUE(std::is_sorted(sorted.begin(), sorted.end()));
    const auto places = on_host(device_order);
    for (std::size_t i = 0; i < places.size(); ++i) {
      ASSERT_EQ(keys[static_cast<std::size_t>(places[i])], sorted[i]) << "at " << i;
    }
  });
}

TEST_F(Thrust, ReduceIsTheStandardLibrarys) {
  for_each_array<int>([](const std::vector<int>& numbers) {
    const thrust::device_vector<int> device(numbers.begin(), numbers.end());
    EXPECT_EQ(thrust::reduce(device.begin(), device.end(), 7),
              std::accumulate(numbers.begin(), numbers.end(), 7));
  });
}

TEST_F(Thrust, TransformReduceIsTheStandardLibrarys) {
  for_each_array<double>([](const std::vector<double>& numbers) {
    const thrust::device_vector<double> device(numbers.begin(), numbers.end());
    EXPECT_EQ(thrust::transform_reduce(device.begin(), device.end(), Square(), 0.0,
                                       ::cuda::std::plus<double>()),
              std::transform_reduce(numbers.begin(), numbers.end(), 0.0, std::plus<>(), Square()));
  });
}

TEST_F(Thrust, ReduceByKeySumsRuns) {
  for_each_array<int>([](std::vector<int> keys) {
    for (int& key : keys) key /= 20;  // longer runs
    std::vector<int> values(keys.size()), want_keys, want_sums;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      values[i] = static_cast<int>(i % 13);
      if (i == 0 || keys[i] != keys[i - 1]) {
        want_keys.push_back(keys[i]);
        want_sums.push_back(0);
      }
      want_sums.back() += values[i];
    }
    const thrust::device_vector<int> device_keys(keys.begin(), keys.end());
    const thrust::device_vector<int> device_values(values.begin(), values.end());
    thrust::device_vector<int> out_keys(keys.size()), out_sums(keys.size());
    const auto ends =
        thrust::reduce_by_key(device_keys.begin(), device_keys.end(), device_values.begin(),
                              out_keys.begin(), out_sums.begin());
    out_keys.resize(static_cast<std::size_t>(ends.first - out_keys.begin()));
    out_sums.resize(static_cast<std::size_t>(ends.second - out_sums.begin()));
    EXPECT_TRUE(same(on_host(out_keys), want_keys));
    EXPECT_TRUE(same(on_host(out_sums), want_sums));
  });
}

TEST_F(Thrust, ScansAreTheStandardLibrarys) {
  for_each_array<int>([](const std::vector<int>& numbers) {
    const thrust::device_vector<int> device(numbers.begin(), numbers.end());
    thrust::device_vector<int> out(numbers.size());
    std::vector<int> want(numbers.size());
    thrust::inclusive_scan(device.begin(), device.end(), out.begin());
    std::inclusive_scan(numbers.begin(), numbers.end(), want.begin());
    EXPECT_TRUE(same(on_host(out), want));
    thrust::exclusive_scan(device.begin(), device.end(), out.begin(), 5);
    std::exclusive_scan(numbers.begin(), numbers.end(), want.begin(), 5);
    EXPECT_TRUE(same(on_host(out), want));
  });
}

TEST_F(Thrust, UniqueKeepsTheFirstOfEachRun) {
  for_each_array<int>([](std::vector<int> numbers) {
    for (int& number : numbers) number /= 20;
    thrust::device_vector<int> device(numbers.begin(), numbers.end());
    device.erase(thrust::unique(device.begin(), device.end()), device.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    EXPECT_TRUE(same(on_host(device), numbers));
  });
}

}  // namespace
}  // namespace emulator_test
