// The dtypes of results: JAX's promotion lattice, and numbers that bend to their neighbours.
#include <cstdint>
#include <limits>

#include "tests/support/numeric.h"

namespace tendon::test {
namespace {

using enum DType;

constexpr DType kAll[] = {boolean, i32, i64, f16, bf16, f32, f64};
// jax.numpy.promote_types, rows and columns in the order of kAll.
constexpr DType kPromoted[7][7] = {
    {boolean, i32, i64, f16, bf16, f32, f64},  // boolean
    {i32, i32, i64, f16, bf16, f32, f64},      // i32
    {i64, i64, i64, f16, bf16, f32, f64},      // i64
    {f16, f16, f16, f16, f32, f32, f64},       // f16
    {bf16, bf16, bf16, f32, bf16, f32, f64},   // bf16
    {f32, f32, f32, f32, f32, f32, f64},       // f32
    {f64, f64, f64, f64, f64, f64, f64},       // f64
};

DType integer_if_boolean(DType dtype) { return dtype == boolean ? i32 : dtype; }
DType floating(DType dtype) { return is_floating(dtype) ? dtype : f32; }

TEST(Promotion, OfEachPairIsThatOfJax) {
  for (std::size_t i = 0; i < 7; ++i) {
    for (std::size_t j = 0; j < 7; ++j) {
      const Tensor a = ones(2, kAll[i]);
      const Tensor b = ones(2, kAll[j]);
      const DType want = kPromoted[i][j];
      EXPECT_EQ(add(a, b).dtype(), want) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(mul(a, b).dtype(), want) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(maximum(a, b).dtype(), want) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(sub(a, b).dtype(), integer_if_boolean(want)) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(div(a, b).dtype(), floating(want)) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(tendon::atan2(a, b).dtype(), floating(want)) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(equal(a, b).dtype(), boolean) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(where(true, a, b).dtype(), want) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(concat({a, b}).dtype(), want) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(stack({a, b}).dtype(), want) << kAll[i] << ' ' << kAll[j];
      EXPECT_EQ(matmul(a, b).dtype(), integer_if_boolean(want)) << kAll[i] << ' ' << kAll[j];
    }
  }
}

TEST(Promotion, OfThreeOperandsIsThatOfAllPairs) {
  const auto clipped = [](DType a, DType b, DType c) {
    return clip(ones(1, a), ones(1, b), ones(1, c)).dtype();
  };
  EXPECT_EQ(clipped(i32, i64, boolean), i64);
  EXPECT_EQ(clipped(i64, f16, i32), f16);
  EXPECT_EQ(clipped(bf16, i32, f16), f32);
  EXPECT_EQ(clipped(f32, boolean, f64), f64);
}

TEST(Promotion, LeavesTheValuesWhole) {
  const std::int64_t large = (std::int64_t{1} << 53) + 1;
  EXPECT_EQ((Tensor::from({large}) + Tensor::from({1})).item<std::int64_t>(), large + 1);
  EXPECT_EQ((Tensor::from({2.5F}) + Tensor::from({half(0.25F)})).item<float>(), 2.75F);
  EXPECT_EQ((Tensor::from({bfloat16(0.5F)}) + Tensor::from({half(0.25F)})).item<float>(), 0.75F);
  EXPECT_EQ(where(true, Tensor::from(std::vector<bool>{true}, 1), Tensor::from({7})).item<int>(),
            1);
}

TEST(Promotion, OfAnIntegerNumberKeepsTheDtype) {
  for (const DType dtype : kAll) {
    EXPECT_EQ((ones(2, dtype) + 1).dtype(), integer_if_boolean(dtype)) << dtype;
    EXPECT_EQ((2 * ones(2, dtype)).dtype(), integer_if_boolean(dtype)) << dtype;
    EXPECT_EQ((ones(2, dtype) / 2).dtype(), floating(dtype)) << dtype;
    EXPECT_EQ(where(true, ones(2, dtype), 0).dtype(), integer_if_boolean(dtype)) << dtype;
    EXPECT_EQ(clip(ones(2, dtype), 0, 1).dtype(), integer_if_boolean(dtype)) << dtype;
  }
}

TEST(Promotion, OfAFloatingNumberTurnsIntegersToF32) {
  for (const DType dtype : kAll) {
    EXPECT_EQ((ones(2, dtype) + 0.5).dtype(), floating(dtype)) << dtype;
    EXPECT_EQ((0.5F * ones(2, dtype)).dtype(), floating(dtype)) << dtype;
    EXPECT_EQ(where(true, 0.5, ones(2, dtype)).dtype(), floating(dtype)) << dtype;
    EXPECT_EQ(clip(ones(2, dtype), 0, 0.5).dtype(), floating(dtype)) << dtype;
    EXPECT_EQ((ones(2, dtype) < 0.5).dtype(), boolean) << dtype;
  }
  EXPECT_EQ((Tensor::from({1, 2}) * 0.5).to_vector<float>(), std::vector<float>({0.5F, 1.0F}));
}

TEST(Promotion, OfABooleanNumberKeepsTheDtype) {
  for (const DType dtype : kAll) {
    EXPECT_EQ(where(true, ones(2, dtype), false).dtype(), dtype) << dtype;
    EXPECT_EQ((ones(2, dtype) + true).dtype(), dtype) << dtype;
  }
}

TEST(Promotion, OfNumbersAloneGivesI32AndF32) {
  EXPECT_EQ(add(1, 2).dtype(), i32);
  EXPECT_EQ(add(1, 2).item<int>(), 3);
  EXPECT_EQ(add(1, 2.5).dtype(), f32);
  EXPECT_EQ(div(1, 2).dtype(), f32);
  EXPECT_EQ(div(1, 2).item<float>(), 0.5F);
  EXPECT_EQ(tendon::exp(0).dtype(), f32);
  EXPECT_EQ(logical_and(true, false).dtype(), boolean);
  EXPECT_EQ(reshape(3, {1, 1}).dtype(), i32);
}

TEST(Promotion, KeepsANumberBesideI64Exact) {
  const std::int64_t large = (std::int64_t{1} << 53) + 1;
  EXPECT_EQ((Tensor::from({std::int64_t{1}}) + large).item<std::int64_t>(), large + 1);
}

TEST(Promotion, ReadsAFloatingNumberInTheDtypeBesideIt) {
  EXPECT_EQ((zeros(1, f64) + 0.1).item<double>(), 0.1);
  EXPECT_EQ((zeros(1, f32) + 0.1).item<float>(), 0.1F);
  EXPECT_EQ((zeros(1, f16) + 0.1).item<float>(), static_cast<float>(half(0.1F)));
}

TEST(Promotion, CarriesTheGradientBackInTheOperandsDtype) {
  const Tensor a = Tensor::from({half(1.5F), half(2.0F)});
  const Tensor b = Tensor::from({3.0, 4.0});
  const auto product = [](const Operands& x) { return x[0] * x[1]; };
  const std::vector<Gradient> answers = gradients(product, {a, b}, ones(2, f64));
  EXPECT_TRUE(same(*answers[0], tensor({3, 4}, 2, f16)));
  EXPECT_TRUE(same(*answers[1], tensor({1.5, 2}, 2, f64)));
}

TEST(Promotion, OfCastsTruncatesAndSaturates) {
  const Tensor x = tensor({-1.9, 1.9, 3e9, -3e9, 0, std::numeric_limits<double>::quiet_NaN()}, 6);
  constexpr std::int32_t kHigh = std::numeric_limits<std::int32_t>::max();
  constexpr std::int32_t kLow = std::numeric_limits<std::int32_t>::min();
  EXPECT_EQ(x.cast(i32).to_vector<int>(), std::vector<int>({-1, 1, kHigh, kLow, 0, 0}));
  EXPECT_EQ(values(x.cast(boolean)), Values({1, 1, 1, 1, 0, 1}));
  EXPECT_EQ(values(Tensor::from(std::vector<bool>{true, false}, 2).cast(f16)), Values({1, 0}));
}

TEST(Promotion, OfAnIntegerToANarrowerOneWraps) {
  const std::int64_t high = std::int64_t{1} << 32;
  const Tensor x = Tensor::from({high + 5, -high - 5, (high >> 1), std::int64_t{-7}});
  EXPECT_EQ(x.cast(i32).to_vector<int>(),
            std::vector<int>({5, -5, std::numeric_limits<std::int32_t>::min(), -7}));
}

// A number that two roundings would bring to another 16-bit number than one, and that one.
struct Rounding {
  double from;
  DType to;
  float want;
};
const Rounding kRoundings[] = {
    {1 + 0x1p-11 + 0x1p-40, f16, 1 + 0x1p-10F},
    {-1 - 0x1p-11 - 0x1p-40, f16, -1 - 0x1p-10F},
    {1 + 0x1p-11, f16, 1},
    {1 + 0x3p-11 - 0x1p-40, f16, 1 + 0x1p-10F},
    {65519.999, f16, 65504},
    {65520, f16, std::numeric_limits<float>::infinity()},
    {0x1p-25 + 0x1p-60, f16, 0x1p-24F},
    {0x1p-25, f16, 0},
    {1 + 0x1p-8 + 0x1p-40, bf16, 1 + 0x1p-7F},
    {-1 - 0x1p-8 - 0x1p-40, bf16, -1 - 0x1p-7F},
    {1 + 0x1p-8, bf16, 1},
    {0x1.fefffffffp127, bf16, 0x1.fep127F},
    {1e300, bf16, std::numeric_limits<float>::infinity()},
    {1e-300, bf16, 0},
};

TEST(Promotion, OfAnF64RoundsToSixteenBitsOnce) {
  for (const auto& [from, to, want] : kRoundings) {
    const auto is_want = [&, want = want](const Tensor& got, const char* route) {
      EXPECT_EQ(values(got)[0], want) << from << " to " << to << " as " << route;
    };
    const Tensor x = Tensor::from({from, from});
    is_want(x.cast(to), "a cast");
    is_want((x + x - x).cast(to), "a cast of a computed value");
    is_want((x.cast(to) + zeros(2, to)) * ones(2, to), "an operand");
    is_want(full(2, from, to), "a constant");
    is_want(zeros(2, to) + from, "a number beside a tensor");
    if (to == f16) {
      is_want(Tensor::from({half(from)}), "half");
      EXPECT_EQ(static_cast<float>(Tensor::from({from}).item<half>()), want);
    } else {
      is_want(Tensor::from({bfloat16(from)}), "bfloat16");
      EXPECT_EQ(static_cast<float>(Tensor::from({from}).item<bfloat16>()), want);
    }
  }
}

TEST(Promotion, OfAnIntegerRoundsToSixteenBitsOnce) {
  const auto is = [](const Tensor& x, DType to, float want) {
    EXPECT_EQ(values(x.cast(to))[0], want) << x.dtype() << " to " << to;
    EXPECT_EQ(values((x + 0).cast(to))[0], want) << x.dtype() << " to " << to;
  };
  is(Tensor::from({(1 << 24) + (1 << 16) + 1}), bf16, 0x1.02p24F);
  is(Tensor::from({-(1 << 24) - (1 << 16) - 1}), bf16, -0x1.02p24F);
  is(Tensor::from({(1 << 24) + (1 << 16)}), bf16, 0x1p24F);
  const std::int64_t large = std::int64_t{1} << 62;
  is(Tensor::from({large + (large >> 8) + 1}), bf16, 0x1.02p62F);
  is(Tensor::from({-large - (large >> 8) - 1}), bf16, -0x1.02p62F);
  is(Tensor::from({large + (large >> 8)}), bf16, 0x1p62F);
  is(Tensor::from({std::int64_t{1} << 40}), f16, std::numeric_limits<float>::infinity());
  is(Tensor::from({std::int64_t{65519}}), f16, 65504);
  EXPECT_EQ(static_cast<float>(bfloat16(large + (large >> 8) + 1)), 0x1.02p62F);
}

TEST(Promotion, ThroughAnIntegerDtypeHasNoGradient) {
  const Tensor x = tensor({1.5, 2.5}, 2);
  const auto through = [](DType dtype) {
    return [dtype](const Operands& at) { return at[0].cast(dtype).cast(f64); };
  };
  for (const DType dtype : {boolean, i32, i64}) {
    EXPECT_FALSE(gradients(through(dtype), {x}, ones(2, f64))[0].has_value()) << dtype;
  }
  for (const DType dtype : {f16, bf16, f32, f64}) {
    const std::vector<Gradient> answers = gradients(through(dtype), {x}, ones(2, f64));
    EXPECT_TRUE(same(*answers[0], ones(2, f64))) << dtype;
  }
}

}  // namespace
}  // namespace tendon::test
