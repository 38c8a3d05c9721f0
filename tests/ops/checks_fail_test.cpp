// The checks of the other op tests, seen to fail: a wrong formula, a wrong pullback.
#include <cmath>
#include <limits>

#include "tests/support/numeric.h"

namespace tendon::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const Function kSquare = [](const Operands& at) { return square(at[0]); };

TEST(ChecksFail, OnAFormulaThatLosesDigits) {
  // exp(x) - 1 is what expm1 must not be.
  const auto lossy = [](const Operands& at) { return exp(at[0]) - 1; };
  const auto exact = [](const Operands& at) { return expm1(at[0]); };
  const Tensor x = tensor(points(256, -4, 4), 256);
  const Operands narrow = {x.cast(DType::f32)};
  EXPECT_TRUE(within_ulp(values(exact(narrow)), values(exact({x})), 2));
  const auto answer = within_ulp(values(lossy(narrow)), values(lossy({x})), 2);
  EXPECT_FALSE(answer);
  EXPECT_NE(std::string(answer.message()).find("ulp"), std::string::npos);
}

TEST(ChecksFail, OnAConstantThatIsWrongInTheSeventhDigit) {
  const auto half_pi = [](double constant) {
    return [constant](const Operands& at) { return at[0] * constant; };
  };
  const Tensor x = tensor(points(64, 1, 2), 64);
  const Values want = values(half_pi(1.5707963)({x}));
  EXPECT_TRUE(within_ulp(values(half_pi(1.5707963)({x.cast(DType::f32)})), want, 1));
  EXPECT_FALSE(within_ulp(values(half_pi(1.5707969)({x.cast(DType::f32)})), want, 1));
  EXPECT_FALSE(near(values(half_pi(1.5707969)({x})), want));
}

TEST(ChecksFail, OnAPullbackThatForgetsATerm) {
  // Its value is the square, its gradient half of the square's.
  const auto half_pulled = [](const Operands& at) { return at[0] * stop_gradient(at[0]); };
  for (const Sweep sweep : {Sweep::each, Sweep::together}) {
    const Operands at = {tensor(points(16, -2, 2), 16)};
    EXPECT_TRUE(gradient_agrees(kSquare, at, sweep));
    const auto answer = gradient_agrees(half_pulled, at, sweep);
    EXPECT_FALSE(answer);
    EXPECT_NE(std::string(answer.message()).find("central differences"), std::string::npos);
  }
}

TEST(ChecksFail, OnADerivativeThatIsSlightlyOff) {
  const auto off = [](const Function& f, const Operands& at, const Tensor& cotangent,
                      std::size_t k) { return derivative(f, at, cotangent, k) * 1.00001; };
  const Operands at = {tensor(points(16, 1, 2), 16)};
  EXPECT_TRUE(gradient_agrees(kSquare, at, Sweep::each, derivative));
  EXPECT_FALSE(gradient_agrees(kSquare, at, Sweep::each, off));
  EXPECT_FALSE(gradient_agrees(kSquare, at, Sweep::together, off));
}

TEST(ChecksFail, OnADerivativeOfTheWrongShapeDtypeOrSign) {
  const Operands at = {tensor(points(4, 1, 2), {2, 2})};
  const auto answered = [&](const std::function<Tensor(const Tensor&)>& change) {
    return gradient_agrees(kSquare, at, Sweep::each,
                           [&](const Function& f, const Operands& x, const Tensor& cotangent,
                               std::size_t k) { return change(derivative(f, x, cotangent, k)); });
  };
  EXPECT_TRUE(answered([](const Tensor& g) { return g; }));
  EXPECT_FALSE(answered([](const Tensor& g) { return reshape(g, 4); }));
  EXPECT_FALSE(answered([](const Tensor& g) { return g.cast(DType::f32); }));
  EXPECT_FALSE(answered([](const Tensor& g) { return -g; }));
  EXPECT_FALSE(answered([](const Tensor& g) { return g * kNaN; }));
  EXPECT_FALSE(answered([](const Tensor& g) { return transpose(g); }));
}

TEST(ChecksFail, OnAGradientThatIsCut) {
  const auto cut = [](const Operands& at) { return square(stop_gradient(at[0])); };
  EXPECT_FALSE(gradient_agrees(cut, {tensor(points(4, 1, 2), 4)}));
}

TEST(ChecksFail, OnASecondDerivativeThatIsWrongWhereTheFirstIsRight) {
  // The gradient 2 x of the square, with a slope of its own that is 0.
  const auto first_right = [](const Operands& at) {
    const Tensor held = stop_gradient(at[0]);
    return square(held) + 2 * held * (at[0] - held);
  };
  const Operands at = {tensor(points(8, 1, 2), 8)};
  const auto pulled = [&](const Operands& x) {
    return derivative(first_right, x, ones(8, DType::f64), 0);
  };
  EXPECT_TRUE(near(values(pulled(at)), values(at[0] * 2)));
  EXPECT_TRUE(second_order_agrees(kSquare, at));
  const auto answer = second_order_agrees(first_right, at);
  EXPECT_FALSE(answer);
  EXPECT_NE(std::string(answer.message()).find("derivative"), std::string::npos);
}

TEST(ChecksFail, OnAFunctionThatIsKinkedEverywhere) {
  const auto jagged = [](const Operands& at) { return mod(at[0] * 1e6, 1.0); };
  EXPECT_FALSE(gradient_agrees(jagged, {tensor(points(32, 1, 2), 32)}, Sweep::together));
}

TEST(ChecksFail, OnValuesThatDifferAsNaNInfinityOrCount) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(near({kNaN, kInfinity}, {kNaN, kInfinity}));
  EXPECT_FALSE(near({kNaN}, {1}));
  EXPECT_FALSE(near({1}, {kNaN}));
  EXPECT_FALSE(near({kInfinity}, {1e308}));
  EXPECT_FALSE(near({1, 2}, {1}));
  EXPECT_FALSE(within_ulp({kNaN}, {1}, 4));
  EXPECT_FALSE(within_ulp({-kInfinity}, {kInfinity}, 4));
  EXPECT_FALSE(same(tensor({0.0}, 1), tensor({-0.0}, 1)));
  EXPECT_FALSE(same(zeros(2), zeros({2, 1})));
  EXPECT_FALSE(same(zeros(2), zeros(2, DType::f64)));
}

TEST(ChecksFail, WhereUlpsAreCountedByHand) {
  const double ulp = std::ldexp(1.0, -23);
  EXPECT_EQ(ulp_distance(1 + ulp, 1), 1);
  EXPECT_EQ(ulp_distance(8 - 4 * ulp, 8), 0.5);  // finer below the power of two
  EXPECT_EQ(ulp_distance(kNaN, kNaN), 0);
  EXPECT_TRUE(within_ulp({1 + ulp}, {1}, 1));
  EXPECT_FALSE(within_ulp({1 + 2 * ulp}, {1}, 1));
}

TEST(ChecksFail, OnErrorsOfAnotherTypeOrWithoutTheWords) {
  const Tensor a = zeros({2, 3});
  const auto wrong = [&] { a + zeros(2); };
  EXPECT_TRUE(throws<ShapeError>(wrong, {"add"}));
  EXPECT_FALSE(throws<DTypeError>(wrong, {"add"}));
  EXPECT_FALSE(throws<ShapeError>(wrong, {"matmul"}));
  EXPECT_FALSE(throws<ShapeError>([] {}, {}));
  const Place far_off = Place::current();
  const std::string elsewhere = "add at another_test.cpp:1: shapes do not broadcast";
  const std::string too_far = "add at checks_fail_test.cpp:1: shapes do not broadcast";
  EXPECT_FALSE(words_found(elsewhere, {}, far_off));
  EXPECT_FALSE(words_found(too_far, {}, far_off));
}

}  // namespace
}  // namespace tendon::test
