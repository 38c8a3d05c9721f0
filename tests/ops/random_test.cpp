// What random numbers promise in each dtype. That they are the same on every device is in
// tests/cuda/generate_test.cpp.
#include <cmath>
#include <numbers>

#include "tests/support/numeric.h"

namespace tendon::test {
namespace {

constexpr DType kFloating[] = {DType::f16, DType::bf16, DType::f32, DType::f64};
constexpr std::int64_t kCount = 1 << 18;

struct Interval {
  double low, high;
};
constexpr Interval kIntervals[] = {{0, 1},     {5, 6},    {-6, -5},        {-1, 1},
                                   {0.1, 0.7}, {0, 1e-5}, {-3.3, 1000.25}, {1, 1 + 0x1p-6}};

TEST(Random, UniformLiesInItsInterval) {
  for (const DType dtype : kFloating) {
    for (const auto& [low, high] : kIntervals) {
      const Tensor drawn = random::uniform({1, 0}, {kCount}, low, high, dtype);
      EXPECT_EQ(drawn.dtype(), dtype);
      const Values numbers = values(drawn);
      double sum = 0;
      for (const double x : numbers) {
        sum += x;
        ASSERT_TRUE(x >= low && x < high) << x << " in " << dtype << " [" << low << ", " << high;
      }
      // Rounding towards low costs half a step on average, of at most 2^-7 of the greater bound.
      const double step = dtype == DType::bf16 ? 0x1p-7 : dtype == DType::f16 ? 0x1p-10 : 0;
      const double most = std::max(std::abs(low), std::abs(high));
      EXPECT_NEAR(sum / kCount, (low + high) / 2, 0.01 * (high - low) + step * most)
          << dtype << ' ' << low;
    }
  }
}

TEST(Random, UniformOfSixteenBitsTakesEachNumberAsOften) {
  // In [5, 6) bf16 has 32 numbers, f16 256.
  const auto counts = [](DType dtype, int steps) {
    std::vector<int> found(static_cast<std::size_t>(steps));
    for (const double x : values(random::uniform({7, 0}, {kCount}, 5, 6, dtype)))
      ++found[static_cast<std::size_t>((x - 5) * steps)];
    return found;
  };
  for (const int count : counts(DType::bf16, 32)) EXPECT_NEAR(count, kCount / 32.0, kCount / 320.0);
  for (const int count : counts(DType::f16, 256))
    EXPECT_NEAR(count, kCount / 256.0, kCount / 1024.0);
}

TEST(Random, UniformOfSixteenBitsIsTheF32DrawRoundedDown) {
  const Values wide = values(random::uniform({3, 4}, {1000}, 0, 1, DType::f32));
  const Values drawn = values(random::uniform({3, 4}, {1000}, 0, 1, DType::bf16));
  for (std::size_t i = 0; i < wide.size(); ++i) {
    EXPECT_LE(drawn[i], wide[i]);
    EXPECT_GT(drawn[i] * (1 + 0x1p-7) + 1e-30, wide[i]);
  }
}

TEST(Random, UniformOfAnEmptyIntervalIsItsBound) {
  for (const DType dtype : kFloating) {
    for (const double x : values(random::uniform({1, 0}, {16}, 2, 2, dtype))) EXPECT_EQ(x, 2);
  }
}

TEST(Random, NormalOfSixteenBitsIsTheF32DrawRounded) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const Tensor wide = random::normal({5, 6}, {kCount}, 1, 2, DType::f32);
    const Tensor drawn = random::normal({5, 6}, {kCount}, 1, 2, dtype);
    EXPECT_TRUE(same(drawn, wide.cast(dtype)));
    double most = 0;
    for (const double x : values(drawn)) most = std::max(most, std::abs((x - 1) / 2));
    EXPECT_GT(most, 4) << dtype;
  }
}

}  // namespace
}  // namespace tendon::test
