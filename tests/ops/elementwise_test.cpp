// Every row of the op table: its numbers. How rows treat shapes and dtypes is in
// elementwise_forms_test.cpp.
#include <cmath>
#include <limits>

#include "tests/ops/elementwise_rows.h"

namespace tendon::test {
namespace {

constexpr std::int64_t kPoints = 256;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Operands cast_all(const Operands& operands, DType dtype) {
  Operands result;
  for (const Tensor& operand : operands) result.push_back(operand.cast(dtype));
  return result;
}

TEST(Elementwise, MatchesItsF64EvaluationInF32) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.takes(DType::f32)) continue;
    const Operands wide = operands_of(row, kPoints, DType::f64);
    const Tensor got = row.apply(cast_all(wide, DType::f32));
    EXPECT_EQ(got.dtype(), row.gives_numbers() ? DType::f32 : DType::boolean) << row.name();
    EXPECT_TRUE(within_ulp(values(got), values(row.apply(wide)), row.table().tolerance))
        << row.name();
  }
}

TEST(Elementwise, HasTheGradientThatCentralDifferencesGive) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.gives_numbers() || row.is_cut()) continue;
    EXPECT_TRUE(gradient_agrees(row.apply, operands_of(row, kPoints, DType::f64), Sweep::together))
        << row.name();
  }
}

TEST(Elementwise, HasTheSecondDerivativeThatDifferencesOfTheFirstGive) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.gives_numbers() || row.is_cut()) continue;
    EXPECT_TRUE(second_order_agrees(row.apply, operands_of(row, 64, DType::f64), Sweep::together))
        << row.name();
  }
}

TEST(Elementwise, GradientInF32MatchesItsF64Evaluation) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.gives_numbers() || row.is_cut()) continue;
    const Operands wide = operands_of(row, kPoints, DType::f64);
    for (std::size_t k = 0; k < row.arity; ++k) {
      const Tensor got =
          derivative(row.apply, cast_all(wide, DType::f32), ones(kPoints, DType::f32), k);
      const Tensor want = derivative(row.apply, wide, ones(kPoints, DType::f64), k);
      EXPECT_EQ(got.dtype(), DType::f32) << row.name();
      EXPECT_TRUE(near(values(got), values(want), 2e-5)) << row.name() << " by operand " << k;
    }
  }
}

TEST(Elementwise, HasNoGradientExactlyWhereItsPartialIsNone) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.gives_numbers()) continue;
    const std::vector<Gradient> answers =
        gradients(row.apply, operands_of(row, 4, DType::f64), ones(4, DType::f64));
    for (std::size_t k = 0; k < row.arity; ++k) {
      EXPECT_EQ(answers[k].has_value(), row.partials[k] != "none") << row.name() << ' ' << k;
    }
  }
}

TEST(Elementwise, OfBooleanResultHasNoGradientEvenThroughACast) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (row.table().result != ops::ResultClass::boolean) continue;
    const auto as_number = [&row](const Operands& x) { return row.apply(x).cast(DType::f64); };
    for (const Gradient& answer :
         gradients(as_number, operands_of(row, 4, DType::f64), ones(4, DType::f64))) {
      EXPECT_FALSE(answer.has_value()) << row.name();
    }
  }
}

TEST(Elementwise, GivesZerosThatAreValuesWhereItsPartialIsZero) {
  int count = 0;
  for (const ElementwiseRow& row : elementwise_rows()) {
    const std::vector<Gradient> answers =
        row.gives_numbers()
            ? gradients(row.apply, operands_of(row, 4, DType::f64), ones(4, DType::f64))
            : std::vector<Gradient>();
    for (std::size_t k = 0; k < answers.size(); ++k) {
      if (row.partials[k] != "0") continue;
      ++count;
      ASSERT_TRUE(answers[k].has_value()) << row.name();
      EXPECT_TRUE(same(*answers[k], zeros(4, DType::f64))) << row.name();
    }
  }
  EXPECT_GE(count, 1);
}

TEST(Elementwise, GivesTheSameBitsThroughACompiledTape) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    const DType dtype = row.takes(DType::f32) ? DType::f32 : DType::boolean;
    const Operands at = operands_of(row, 32, dtype);
    const bool has_gradient = row.gives_numbers() && !row.is_cut();
    const std::vector<Tensor> got =
        through_executable(row.op, at, {.number = row.parameter}, has_gradient);
    ASSERT_EQ(got.size(), has_gradient ? 1 + row.arity : 1) << row.name();
    EXPECT_TRUE(same(got[0], row.apply(at))) << row.name();
    for (std::size_t k = 0; k + 1 < got.size(); ++k) {
      EXPECT_TRUE(same(got[k + 1], derivative(row.apply, at, ones(32), k))) << row.name();
    }
  }
}

TEST(Elementwise, MakesNaNOfNaN) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    // These compare, and say in numbers how it came out.
    const bool compares =
        row.op == Op::step || row.op == Op::share_of_greater || row.op == Op::same;
    if (!row.gives_numbers() || compares) continue;
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
      for (std::size_t k = 0; k < row.arity; ++k) {
        Operands at = operands_of(row, 3, dtype);
        at[k] = full(3, kNaN, dtype);
        for (const double got : values(row.apply(at))) {
          EXPECT_TRUE(std::isnan(got)) << row.name() << " of " << dtype << ", operand " << k;
        }
      }
    }
  }
}

TEST(Elementwise, AgreesWithF64AtInfinitiesAndZeros) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.takes(DType::f32)) continue;
    for (std::size_t k = 0; k < row.arity; ++k) {
      for (const double special : {kInfinity, -kInfinity, 0.0, -0.0, kNaN}) {
        Operands at = operands_of(row, 3, DType::f64);
        at[k] = full(3, special, DType::f64);
        const Tensor got = row.apply(cast_all(at, DType::f32));
        EXPECT_TRUE(within_ulp(values(got), values(row.apply(at)), row.table().tolerance))
            << row.name() << " with operand " << k << " = " << special;
        if (!row.gives_numbers() || row.is_cut()) continue;
        for (std::size_t by = 0; by < row.arity; ++by) {
          const Tensor slope = derivative(row.apply, cast_all(at, DType::f32), ones(3), by);
          const Tensor want = derivative(row.apply, at, ones(3, DType::f64), by);
          EXPECT_TRUE(near(values(slope), values(want), 2e-5))
              << row.name() << " by " << by << " with operand " << k << " = " << special;
        }
      }
    }
  }
}

TEST(Elementwise, GradientAtLargeArgumentsIsNaNOnlyWhereItIsInF64) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.gives_numbers() || row.is_cut()) continue;
    for (const double large : {-1e4, -200.0, -60.0, 60.0, 200.0, 1e4}) {
      for (std::size_t k = 0; k < row.arity; ++k) {
        Operands at = operands_of(row, 3, DType::f64);
        at[k] = full(3, large, DType::f64);
        for (std::size_t by = 0; by < row.arity; ++by) {
          const Values got = values(derivative(row.apply, cast_all(at, DType::f32), ones(3), by));
          const Values want = values(derivative(row.apply, at, ones(3, DType::f64), by));
          for (std::size_t i = 0; i < got.size(); ++i) {
            EXPECT_EQ(std::isnan(got[i]), std::isnan(want[i]))
                << row.name() << " by " << by << " with operand " << k << " = " << large;
          }
        }
      }
    }
  }
}

TEST(Elementwise, HasTheStatedDerivativesAtKinks) {
  const auto slope = [](const Function& f, const Values& x, std::size_t k) {
    Operands at;
    for (const double value : x) at.push_back(tensor({value}, {}));
    return derivative(f, at, ones({}, DType::f64), k).item<double>();
  };
  const auto unary = [&](Tensor (*op)(const Operand&), double x) {
    return slope([op](const Operands& at) { return op(at[0]); }, {x}, 0);
  };
  const auto binary = [&](Tensor (*op)(const Operand&, const Operand&), double a, double b,
                          std::size_t k) {
    return slope([op](const Operands& at) { return op(at[0], at[1]); }, {a, b}, k);
  };
  const auto clipped = [&](double a, double b, double c, std::size_t k) {
    return slope([](const Operands& at) { return clip(at[0], at[1], at[2]); }, {a, b, c}, k);
  };
  EXPECT_EQ(unary(tendon::abs, 0), 0);
  EXPECT_EQ(unary(relu, 0), 0);
  EXPECT_EQ(unary(sign, 0), 0);
  EXPECT_EQ(unary(relu6, 6), 0);
  for (const std::size_t k : {0U, 1U}) {
    EXPECT_EQ(binary(maximum, 2, 2, k), 0.5);
    EXPECT_EQ(binary(minimum, 2, 2, k), 0.5);
    EXPECT_EQ(binary(tendon::hypot, 0, 0, k), 0);
  }
  EXPECT_EQ(binary(tendon::pow, 0, 2, 1), 0);
  EXPECT_EQ(binary(tendon::pow, 0, 1, 0), 1);
  EXPECT_EQ(binary(tendon::pow, 0, 0, 0), 0);
  EXPECT_EQ(binary(tendon::pow, -2, 3, 0), 12);
  EXPECT_EQ(binary(tendon::pow, -2, 3, 1), 0);
  for (const double bound : {-1.0, 1.0}) EXPECT_EQ(clipped(bound, -1, 1, 0), 1);
  EXPECT_EQ(clipped(-1, -1, 1, 1), 0);
  EXPECT_EQ(clipped(1, -1, 1, 2), 0);
  EXPECT_EQ(clipped(0, 2, 1, 2), 1);  // crossed bounds give the upper one
}

TEST(Elementwise, MixedDerivativesOfPowAgreeAtAZeroExponent) {
  // d2 a^b / da db = a^(b - 1) (1 + b log(a)), in either order.
  const Operands at = {tensor({2}, {}), tensor({0}, {})};
  const Tensor one = ones({}, DType::f64);
  const auto power = [](const Operands& x) { return tendon::pow(x[0], x[1]); };
  for (const std::size_t first : {0U, 1U}) {
    const auto slope = [&](const Operands& x) { return derivative(power, x, one, first); };
    EXPECT_DOUBLE_EQ(derivative(slope, at, one, 1 - first).item<double>(), 0.5) << first;
  }
}

}  // namespace
}  // namespace tendon::test
