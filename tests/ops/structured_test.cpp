// gather, where, clip over broadcasts, and scale: the ops that choose or scatter.
#include <cmath>
#include <cstdint>
#include <limits>

#include "tests/support/numeric.h"

namespace tendon::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Tensor numbers(const Shape& shape, unsigned salt = 0) {
  return tensor(points(shape.size(), -2, 2, salt), shape);
}
Values slope(const Function& f, const Values& x) {
  const Tensor at = tensor(x, x.size());
  return values(derivative(f, {at}, ones(f({at}).shape(), DType::f64), 0));
}

TEST(Gather, TakesAlongAnyAxisAndCountsNegativesFromTheEnd) {
  const Tensor x = reshape(arange(12, DType::f64), {3, 4});
  EXPECT_EQ(values(gather(x, Tensor::from({2, 0, -1}))),
            Values({8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11}));
  EXPECT_EQ(values(gather(x, Tensor::from({-4, 1}), 1)), Values({0, 1, 4, 5, 8, 9}));
  EXPECT_EQ(values(gather(x, Tensor::from({std::int64_t{3}}), -1)), Values({3, 7, 11}));
  EXPECT_EQ(gather(x, Tensor::from({0, 1, 2, 0, 1, 2}, {3, 2}), 1).shape(), Shape(3, 3, 2));
  EXPECT_EQ(values(gather(x, 1)), Values({4, 5, 6, 7}));
  EXPECT_EQ(gather(x, zeros(0, DType::i32), 1).shape(), Shape(3, 0));
  EXPECT_EQ(gather(zeros({3, 0}), Tensor::from({1})).shape(), Shape(1, 0));
}

TEST(Gather, KeepsEveryDtype) {
  for (const DType dtype :
       {DType::boolean, DType::i32, DType::i64, DType::f16, DType::bf16, DType::f32, DType::f64}) {
    const Tensor x = tensor({1, 0, 0}, 3, dtype);
    EXPECT_TRUE(same(gather(x, Tensor::from({2, 0, 0})), tensor({0, 1, 1}, 3, dtype))) << dtype;
  }
}

TEST(Gather, SumsTheGradientOfRepeatedIndices) {
  const Tensor indices = Tensor::from({1, -2, 0, 1}, {2, 2});
  for (const int axis : {0, 1, 2, -1}) {
    const auto f = [&](const Operands& at) { return gather(at[0], indices, axis); };
    const auto squared = [&](const Operands& at) { return square(f(at)); };
    EXPECT_TRUE(gradient_agrees(f, {numbers({2, 3, 2})})) << axis;
    EXPECT_TRUE(second_order_agrees(squared, {numbers({2, 3, 2})})) << axis;
  }
  const auto f = [](const Operands& at) { return gather(at[0], Tensor::from({1, 1, -2})); };
  EXPECT_EQ(slope(f, {5, 6, 7}), Values({0, 3, 0}));
  const auto nothing = [](const Operands& at) { return gather(at[0], zeros(0, DType::i64)); };
  EXPECT_EQ(slope(nothing, {5, 6}), Values({0, 0}));
}

TEST(Gather, OfSixteenBitsSumsItsGradientOnce) {
  // 2049 ones: a sum that is rounded to f16 at each step would stop at 2048.
  const Tensor x = ones(1, DType::f16);
  const auto f = [](const Operands& at) { return gather(at[0], zeros(2050, DType::i32)); };
  EXPECT_EQ(values(derivative(f, {x}, ones(2050, DType::f16), 0)), Values({2050}));
}

TEST(Where, ChoosesAndBroadcasts) {
  const Tensor condition = tensor({1, 0, 1}, {3, 1}, DType::boolean);
  const Tensor a = numbers({2});
  EXPECT_EQ(where(condition, a, 7).shape(), Shape(3, 2));
  EXPECT_EQ(values(where(condition, Tensor::from({1, 2}), 7)), Values({1, 2, 7, 7, 1, 2}));
  EXPECT_EQ(values(where(true, 1, 2)), Values({1}));
  EXPECT_EQ(where(zeros({0, 1}, DType::boolean), a, a).shape(), Shape(0, 2));
  for (const DType dtype :
       {DType::boolean, DType::i32, DType::i64, DType::f16, DType::bf16, DType::f32, DType::f64}) {
    EXPECT_TRUE(same(where(condition, ones({3, 1}, dtype), zeros({3, 1}, dtype)),
                     tensor({1, 0, 1}, {3, 1}, dtype)))
        << dtype;
  }
}

TEST(Where, HasTheGradientsThatDifferencesGive) {
  const Tensor condition = tensor({1, 0, 1}, {3, 1}, DType::boolean);
  const struct {
    Shape a, b;
  } cases[] = {{{3, 2}, {3, 2}}, {{2}, {}}, {{}, {3, 1}}, {{2, 1, 1}, {1}}};
  for (const auto& [a, b] : cases) {
    const auto f = [&](const Operands& at) { return where(condition, at[0], at[1]); };
    const auto squared = [&](const Operands& at) { return square(f(at)); };
    const Operands at = {numbers(a, 1), numbers(b, 2)};
    EXPECT_TRUE(gradient_agrees(f, at)) << a << b;
    EXPECT_TRUE(second_order_agrees(squared, at)) << a << b;
  }
}

TEST(Where, HasNoGradientByItsCondition) {
  const auto f = [](const Operands& at) { return where(at[0] > 0, 2.0, 3.0) * 1.0; };
  EXPECT_FALSE(gradients(f, {numbers(3)}, ones(3))[0].has_value());
}

TEST(Where, KeepsNaNAndInfinityOfTheInactiveSideOutOfTheGradient) {
  const auto safe_log = [](const Operands& at) { return where(at[0] > 0, log(at[0]), 0); };
  EXPECT_EQ(slope(safe_log, {0, -1, 2}), Values({0, 0, 0.5}));
  const auto safe_sqrt = [](const Operands& at) { return where(at[0] > 0, sqrt(at[0]), 0); };
  EXPECT_EQ(slope(safe_sqrt, {0, -1, 4}), Values({0, 0, 0.25}));
  const auto safe_ratio = [](const Operands& at) { return where(at[0] == 0, 1, 1 / at[0]); };
  EXPECT_EQ(slope(safe_ratio, {0, 2}), Values({0, -0.25}));
  const auto safe_power = [](const Operands& at) { return where(at[0] > 0, pow(at[0], 0.5), 0); };
  EXPECT_EQ(slope(safe_power, {0, -1, 4}), Values({0, 0, 0.25}));
  const auto safe_exp = [](const Operands& at) { return where(at[0] < 99, exp(at[0]), 0); };
  EXPECT_EQ(slope(safe_exp, {0, 1e6}), Values({1, 0}));
}

TEST(Where, KeepsThemOutOfHigherOrdersToo) {
  for (const bool is_log : {true, false}) {
    const auto f = [=](const Operands& at) {
      return where(at[0] > 0, is_log ? log(at[0]) : sqrt(at[0]), 0);
    };
    const auto first = [&](const Operands& at) {
      return derivative(f, at, ones(2, DType::f64), 0);
    };
    const auto second = [&](const Operands& at) {
      return derivative(first, at, ones(2, DType::f64), 0);
    };
    EXPECT_TRUE(near(slope(first, {0, 4}), {0, is_log ? -1.0 / 16 : -1.0 / 32})) << is_log;
    EXPECT_TRUE(near(slope(second, {0, 4}), {0, is_log ? 2.0 / 64 : 3.0 / 256})) << is_log;
  }
}

TEST(Where, KeepsThemOutThroughStructuredOps) {
  const auto through_matmul = [](const Operands& at) {
    const Tensor roots = reshape(sqrt(at[0]), {1, 2});
    return where(reshape(at[0] > 0, {1, 2}), matmul(roots, eye(2, DType::f64)), 0);
  };
  EXPECT_EQ(slope(through_matmul, {0, 4}), Values({0, 0.25}));
  const auto through_gather = [](const Operands& at) {
    const Tensor order = Tensor::from({1, 0});
    return where(gather(at[0], order) > 0, gather(log(at[0]), order), 0);
  };
  EXPECT_EQ(slope(through_gather, {0, 4}), Values({0, 0.25}));
  const auto through_sum = [](const Operands& at) {
    return reduce_sum(where(at[0] > 0, square(sqrt(at[0])), 0));
  };
  EXPECT_EQ(slope(through_sum, {0, 4}), Values({0, 1}));
}

TEST(Clip, HasTheGradientsThatDifferencesGiveOverBroadcasts) {
  const auto f = [](const Operands& at) { return clip(at[0], at[1], at[2]); };
  const Operands at = {numbers({3, 4}), tensor({-1, -0.5, -1.5}, {3, 1}), tensor({1.25}, {})};
  EXPECT_TRUE(gradient_agrees(f, at));
  EXPECT_TRUE(second_order_agrees([&](const Operands& x) { return square(f(x)); }, at));
  EXPECT_EQ(values(clip(Tensor::from({-5, 0, 5}), -1, 2)), Values({-1, 0, 2}));
}

TEST(Scale, IsZeroWhereItsFirstOperandIsWhateverTheSecond) {
  const Tensor g = tensor({0, 0, 0, -0.0, 2, 2, 2}, 7);
  const Tensor d = tensor({kInfinity, kNaN, 3, -kInfinity, kInfinity, kNaN, 3}, 7);
  EXPECT_TRUE(near(values(scale(g, d)), {0, 0, 0, 0, kInfinity, kNaN, 6}));
  EXPECT_TRUE(near(values(scale(g.cast(DType::f16), d.cast(DType::f16))),
                   {0, 0, 0, 0, kInfinity, kNaN, 6}));
}

TEST(Scale, IsItsOwnPullback) {
  // By g: scale(cotangent, d); by d: scale(cotangent, g).
  const Tensor g = tensor({0, 2, 2, kInfinity}, 4);
  const Tensor d = tensor({kNaN, kInfinity, 3, 5}, 4);
  const Tensor cotangent = tensor({0, 0, 7, 0}, 4);
  const auto f = [](const Operands& at) { return scale(at[0], at[1]); };
  EXPECT_EQ(values(derivative(f, {g, d}, cotangent, 0)), Values({0, 0, 21, 0}));
  EXPECT_EQ(values(derivative(f, {g, d}, cotangent, 1)), Values({0, 0, 14, 0}));
  // Where the cotangent is not 0, a NaN shows.
  EXPECT_TRUE(near(values(derivative(f, {g, d}, ones(4, DType::f64), 0)), {kNaN, kInfinity, 3, 5}));
  EXPECT_TRUE(gradient_agrees(f, {numbers(6, 1), numbers(6, 2)}));
  EXPECT_TRUE(second_order_agrees(f, {numbers(6, 1), numbers(6, 2)}));
}

TEST(Structured, ExpressionsHaveTheGradientsThatDifferencesGive) {
  const auto layer = [](const Operands& at) {
    const Tensor hidden = tanh(matmul(at[0], at[1]) + at[2]);
    const Tensor scaled = hidden / reduce_max(abs(hidden), 1, true);
    return reduce_logsumexp(concat({scaled, stop_gradient(hidden) * hidden}, 1), 1);
  };
  // What stop_gradient holds still moves in the differences; it is left out of them here.
  const auto plain = [](const Operands& at) {
    const Tensor hidden = tanh(matmul(at[0], at[1]) + at[2]);
    const Tensor scaled = hidden / reduce_logsumexp(hidden, 1, true);
    return reduce_sum(gather(softmax(scaled), Tensor::from({0, 2, 0}), 1) * hidden, 1);
  };
  const Operands at = {numbers({2, 2}, 1), numbers({2, 3}, 2), numbers({3}, 3)};
  EXPECT_TRUE(gradient_agrees(plain, at));
  EXPECT_TRUE(second_order_agrees(plain, at));
  EXPECT_FALSE(gradient_agrees(layer, at));
}

}  // namespace
}  // namespace tendon::test
