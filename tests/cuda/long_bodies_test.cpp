// Kernels of many ops, some of which are functions that are called, in a loop over the elements of
// a vector: the results are those of the ops one by one.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <bit>
#include <cmath>
#include <vector>

#include "tests/cuda/measured_run.h"

namespace tendon::cuda {
namespace {

constexpr int kOps = 40;

using LongBody = CudaGate;

// Where a vector's elements end before its end, and where there is less than one vector.
const std::vector<std::int64_t> kSizes = {1, 3, 256, 1027};

template <class T>
std::vector<double> values(const Tensor& tensor) {
  const std::vector<T> read = tensor.to_vector<T>();
  return {read.begin(), read.end()};
}

// Of values up to `most`.
template <class T>
void expect_same_bits(double most) {
  const auto op = [&](const Tensor& x) { return sin(x) * most / (1 + square(tanh(x))); };
  for (const std::int64_t size : kSizes) {
    const Tensor x = cast(most * sin(arange(0, static_cast<double>(size))), dtype_of<T>());
    Tensor fused = x, alone = x;
    for (int i = 0; i < kOps; ++i) {
      fused = op(fused);
      alone = op(alone);
      values<T>(alone);  // so that it is computed before the next op is recorded
    }
    const std::vector<double> once = values<T>(fused), one_by_one = values<T>(alone);
    for (std::size_t i = 0; i < once.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint64_t>(once[i]), std::bit_cast<std::uint64_t>(one_by_one[i]))
          << "element " << i << " of " << size;
    }
  }
}

TEST_F(LongBody, OfCalledOpsGivesTheBitsOfEachOpAlone) {
  // Beyond 105615 sine of f32 takes another way.
  expect_same_bits<float>(1e6);
  expect_same_bits<double>(1e6);
  expect_same_bits<half>(1e4);
}

}  // namespace
}  // namespace tendon::cuda
