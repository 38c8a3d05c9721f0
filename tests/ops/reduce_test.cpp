// reduce_*, argmax, argmin, softmax, log_softmax.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/numeric.h"

namespace tendon::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Reduction {
  const char* name;
  Tensor (*apply)(const Operand&, const Axes&, bool);
  double (*of)(const Values&);
};
const Reduction kReductions[] = {
    {"reduce_sum", reduce_sum,
     [](const Values& x) {
       double sum = 0;
       for (const double each : x) sum += each;
       return sum;
     }},
    {"reduce_mean", reduce_mean,
     [](const Values& x) {
       double sum = 0;
       for (const double each : x) sum += each;
       return sum / static_cast<double>(x.size());
     }},
    {"reduce_max", reduce_max, [](const Values& x) { return *std::ranges::max_element(x); }},
    {"reduce_min", reduce_min, [](const Values& x) { return *std::ranges::min_element(x); }},
    {"reduce_logsumexp", reduce_logsumexp,
     [](const Values& x) {
       double sum = 0;
       for (const double each : x) sum += std::exp(each);
       return std::log(sum);
     }},
};

struct Case {
  Axes axes;
  Shape kept;     // of (2, 3, 4), with extents of 1
  Shape dropped;  // without them
};
const Case kCases[] = {
    {{}, {1, 1, 1}, {}},        {0, {1, 3, 4}, {3, 4}},    {1, {2, 1, 4}, {2, 4}},
    {2, {2, 3, 1}, {2, 3}},     {-1, {2, 3, 1}, {2, 3}},   {-3, {1, 3, 4}, {3, 4}},
    {{0, 2}, {1, 3, 1}, {3}},   {{-1, 0}, {1, 3, 1}, {3}}, {{1, 2}, {2, 1, 1}, {2}},
    {{2, 1, 0}, {1, 1, 1}, {}},
};

// Applies `of` to the elements that fall together when (2, 3, 4) shrinks to `kept`.
Values reduced(const Values& x, const Shape& kept, double (*of)(const Values&)) {
  Values targets;
  for (std::int64_t i = 0; i < kept.size(); ++i) targets.push_back(static_cast<double>(i));
  const Values target = expanded(targets, kept, {2, 3, 4});
  Values result;
  for (const double each : targets) {
    Values together;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (target[i] == each) together.push_back(x[i]);
    }
    result.push_back(of(together));
  }
  return result;
}

TEST(Reduce, OverAnyAxesIsItsDefinition) {
  const Values x = points(24, -3, 3);
  for (const Reduction& reduction : kReductions) {
    for (const Case& each : kCases) {
      const Values want = reduced(x, each.kept, reduction.of);
      for (const bool keep_dims : {false, true}) {
        const Tensor got = reduction.apply(tensor(x, {2, 3, 4}), each.axes, keep_dims);
        EXPECT_EQ(got.shape(), keep_dims ? each.kept : each.dropped) << reduction.name << each.axes;
        EXPECT_TRUE(near(values(got), want, 1e-14)) << reduction.name << each.axes;
      }
    }
  }
}

TEST(Reduce, HasTheGradientsThatDifferencesGive) {
  const Tensor x = tensor(points(24, -3, 3), {2, 3, 4});
  for (const Reduction& reduction : kReductions) {
    for (const Case& each : kCases) {
      for (const bool keep_dims : {false, true}) {
        const auto f = [&](const Operands& at) {
          return reduction.apply(at[0], each.axes, keep_dims);
        };
        EXPECT_TRUE(gradient_agrees(f, {x})) << reduction.name << each.axes;
        // The product makes the second derivative of the linear ones more than zero.
        const auto squared = [&](const Operands& at) { return square(f(at)); };
        EXPECT_TRUE(second_order_agrees(squared, {tensor(points(24, -1, 1), {2, 3, 4})}))
            << reduction.name << each.axes;
      }
    }
  }
}

TEST(Reduce, OfEmptyExtentsIsTheNeutralElement) {
  const Tensor x = zeros({2, 0, 3}, DType::f64);
  EXPECT_TRUE(same(reduce_sum(x, 1), zeros({2, 3}, DType::f64)));
  EXPECT_TRUE(same(reduce_sum(x), zeros({}, DType::f64)));
  EXPECT_TRUE(same(reduce_sum(x, 0), zeros({0, 3}, DType::f64)));
  EXPECT_TRUE(same(reduce_max(x, 0), zeros({0, 3}, DType::f64)));
  EXPECT_TRUE(same(reduce_logsumexp(x, 2), zeros({2, 0}, DType::f64)));
  EXPECT_TRUE(same(reduce_mean(x, 1), full({2, 3}, kNaN, DType::f64)));
  EXPECT_EQ(argmax(x, 0).shape(), Shape(0, 3));
  const auto sum = [](const Operands& at) { return reduce_sum(at[0], 1); };
  EXPECT_TRUE(gradient_agrees(sum, {x}));
}

TEST(Reduce, OfAScalarIsTheScalar) {
  const Tensor x = tensor({2.5}, {});
  for (const Reduction& reduction : kReductions) {
    EXPECT_TRUE(same(reduction.apply(x, {}, false), x)) << reduction.name;
    const auto f = [&](const Operands& at) { return reduction.apply(at[0], {}, true); };
    EXPECT_TRUE(gradient_agrees(f, {x})) << reduction.name;
  }
}

TEST(Reduce, OfIntegersAndBooleansIsExact) {
  const Tensor booleans = tensor({1, 0, 1, 1, 0, 0}, {2, 3}, DType::boolean);
  EXPECT_TRUE(same(reduce_sum(booleans, 1), Tensor::from({2, 1})));
  EXPECT_TRUE(same(reduce_mean(booleans, 0), Tensor::from({1.0F, 0.0F, 0.5F})));
  EXPECT_TRUE(same(reduce_max(booleans, 0), tensor({1, 0, 1}, 3, DType::boolean)));
  EXPECT_TRUE(same(reduce_min(booleans), tensor({0}, {}, DType::boolean)));
  EXPECT_EQ(values(argmax(booleans, 1)), Values({0, 0}));

  const std::int64_t large = std::int64_t{1} << 62;
  EXPECT_EQ(reduce_sum(Tensor::from({large, std::int64_t{3}})).item<std::int64_t>(), large + 3);
  EXPECT_EQ(reduce_sum(Tensor::from({2147483647, 1})).item<int>(), -2147483647 - 1);
  EXPECT_EQ(reduce_max(Tensor::from({-5, -3, -4})).item<int>(), -3);
  EXPECT_TRUE(same(reduce_mean(Tensor::from({1, 2})), Tensor(1.5)));
  EXPECT_EQ(reduce_logsumexp(Tensor::from({0, 0})).dtype(), DType::f32);
}

TEST(Reduce, OfSixteenBitsIsTheF32ResultRounded) {
  for (const Reduction& reduction : {kReductions[0], kReductions[2], kReductions[3]}) {
    for (const DType dtype : {DType::f16, DType::bf16}) {
      const Tensor x = tensor(points(300, -1, 9), {3, 100}, dtype);
      EXPECT_TRUE(same(reduction.apply(x, 1, false),
                       reduction.apply(x.cast(DType::f32), 1, false).cast(dtype)))
          << reduction.name << dtype;
    }
  }
}

TEST(Reduce, OfSixteenBitsHasAMeanWhereTheSumOverflows) {
  EXPECT_EQ(reduce_mean(full(100, 1000, DType::f16)).item<float>(), 1000);
}

TEST(Reduce, ExtremesShareTheirGradientAmongTies) {
  const Tensor x = tensor({2, 5, 5, 1, 5, 0}, {2, 3});
  const auto greatest = [](const Operands& at) { return reduce_max(at[0]); };
  EXPECT_TRUE(near(values(derivative(greatest, {x}, ones({}, DType::f64), 0)),
                   {0, 1.0 / 3, 1.0 / 3, 0, 1.0 / 3, 0}));
  const auto in_rows = [](const Operands& at) { return reduce_max(at[0], 1, true); };
  EXPECT_TRUE(
      near(values(derivative(in_rows, {x}, ones({2, 1}, DType::f64), 0)), {0, 0.5, 0.5, 0, 1, 0}));
  const auto least = [](const Operands& at) { return reduce_min(at[0], 0); };
  EXPECT_TRUE(
      near(values(derivative(least, {tensor({1, 2, 1, 3}, {2, 2})}, ones(2, DType::f64), 0)),
           {0.5, 1, 0.5, 0}));
}

TEST(Reduce, ExtremesOfNaNAreNaN) {
  const Tensor x = tensor({1, kNaN, 3, kNaN, 0, kInfinity}, {2, 3});
  EXPECT_TRUE(near(values(reduce_max(x, 1)), {kNaN, kNaN}));
  EXPECT_TRUE(near(values(reduce_min(x, 0)), {kNaN, kNaN, 3}));
  EXPECT_TRUE(near(values(reduce_sum(x, 0)), {kNaN, kNaN, kInfinity}));
}

TEST(Reduce, ArgmaxAndArgminNameTheFirstExtremeAndTheFirstNaN) {
  EXPECT_TRUE(same(argmax(Tensor::from({1.0F, 4.0F, 4.0F})), tensor({1}, {}, DType::i64)));
  EXPECT_TRUE(same(argmin(Tensor::from({3, 1, 1})), tensor({1}, {}, DType::i64)));
  const Tensor x = tensor({1, kNaN, 9, kNaN, 2, 7, 7, 7, 0, -kInfinity, 1, 1}, {3, 4});
  EXPECT_EQ(values(argmax(x, 1)), Values({1, 1, 2}));
  EXPECT_EQ(values(argmin(x, -1)), Values({1, 0, 1}));
  EXPECT_EQ(values(argmax(x, 0)), Values({1, 0, 0, 0}));
  EXPECT_EQ(values(argmin(x)), Values({2, 0, 2, 0}));
  EXPECT_EQ(values(argmax(reshape(tensor(points(24, 0, 1), 24), {2, 3, 4}), -2)).size(), 8U);
}

TEST(Reduce, ArgmaxHasNoGradient) {
  const auto through = [](const Operands& at) { return argmax(at[0]).cast(DType::f64); };
  EXPECT_FALSE(gradients(through, {tensor({1, 2}, 2)}, ones({}, DType::f64))[0].has_value());
}

TEST(LogSumExp, IsFiniteWhereTheExponentialsAreNot) {
  EXPECT_NEAR(reduce_logsumexp(tensor({1000, 1000}, 2)).item<double>(), 1000 + std::log(2), 1e-12);
  EXPECT_EQ(reduce_logsumexp(tensor({-kInfinity, -kInfinity}, 2)).item<double>(), -kInfinity);
  EXPECT_EQ(reduce_logsumexp(tensor({0, kInfinity}, 2)).item<double>(), kInfinity);
  const auto f = [](const Operands& at) { return reduce_logsumexp(at[0]); };
  EXPECT_TRUE(
      near(values(derivative(f, {tensor({-kInfinity, 3}, 2)}, ones({}, DType::f64), 0)), {0, 1}));
}

TEST(Softmax, SumsToOneAndIgnoresAShift) {
  const Tensor x = tensor(points(24, -5, 5), {2, 3, 4});
  for (const int axis : {0, 1, 2, -1, -3}) {
    const Tensor y = softmax(x, axis);
    const Tensor sum = reduce_sum(y, axis);
    EXPECT_TRUE(near(values(sum), values(ones_like(sum)), 1e-14)) << axis;
    EXPECT_TRUE(near(values(softmax(x + 700, axis)), values(y), 1e-12)) << axis;
    EXPECT_TRUE(near(values(log_softmax(x, axis)), values(tendon::log(y)), 1e-13)) << axis;
    EXPECT_TRUE(
        near(values(x - reduce_logsumexp(x, axis, true)), values(log_softmax(x, axis)), 1e-13))
        << axis;
  }
}

TEST(Softmax, HasTheGradientsThatDifferencesGive) {
  const Tensor x = tensor(points(12, -2, 2), {2, 3, 2});
  for (const int axis : {0, 1, -1}) {
    const auto soft = [axis](const Operands& at) { return softmax(at[0], axis); };
    const auto log_soft = [axis](const Operands& at) { return log_softmax(at[0], axis); };
    EXPECT_TRUE(gradient_agrees(soft, {x})) << axis;
    EXPECT_TRUE(gradient_agrees(log_soft, {x})) << axis;
    EXPECT_TRUE(second_order_agrees(soft, {x})) << axis;
    EXPECT_TRUE(second_order_agrees(log_soft, {x})) << axis;
  }
}

TEST(Softmax, IsFiniteForHugeAndMaskedValues) {
  EXPECT_EQ(values(softmax(tensor({1e300, 0, 1e300}, 3))), Values({0.5, 0, 0.5}));
  EXPECT_EQ(values(softmax(tensor({-kInfinity, 0, 0, -kInfinity}, 4))), Values({0, 0.5, 0.5, 0}));
  const auto f = [](const Operands& at) { return softmax(at[0]); };
  const Tensor slope = derivative(f, {tensor({-kInfinity, 1, 1}, 3)}, tensor({1, 1, 0}, 3), 0);
  EXPECT_TRUE(near(values(slope), {0, 0.25, -0.25}));
  EXPECT_EQ(softmax(Tensor::from({1, 1})).to_vector<float>(), std::vector<float>({0.5F, 0.5F}));
}

TEST(Softmax, OfEmptyRowsIsEmpty) {
  EXPECT_EQ(softmax(zeros({0, 3})).shape(), Shape(0, 3));
  EXPECT_EQ(log_softmax(zeros({0, 3})).shape(), Shape(0, 3));
}

}  // namespace
}  // namespace tendon::test
