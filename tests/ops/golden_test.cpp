// Values and derivatives against JAX, in f64. The numbers are good to 1e-14 of themselves
// (tests/golden/elementwise.py); what is computed here may lose a few digits more.
#include <cmath>
#include <iomanip>
#include <map>
#include <string>

#include "tests/golden/elementwise.h"
#include "tests/golden/structured.h"
#include "tests/ops/elementwise_rows.h"

namespace tendon::test {
namespace {

constexpr double kTolerance = 1e-12;

// Relative, but for what 1 - y and the like leave where y has rounded to 1.
testing::AssertionResult close(double got, double want) {
  if (got == want || std::abs(got - want) <= kTolerance * std::abs(want) + 1e-14) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << std::setprecision(17) << got << " instead of " << want;
}

// The op at a golden point; leaky_relu and elu have their parameter where others have b.
struct Application {
  Function apply;
  Operands at;
};
Application application_of(const golden::ElementwisePoint& point) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (std::string(row.name()) != point.op) continue;
    const double numbers[] = {point.a, point.b, point.c};
    Application application{row.apply, {}};
    for (std::size_t k = 0; k < row.arity; ++k) {
      application.at.push_back(tensor({numbers[k]}, {}));
    }
    if (row.op == Op::leaky_relu) {
      application.apply = [&point](const Operands& x) { return leaky_relu(x[0], point.b); };
    }
    if (row.op == Op::elu) {
      application.apply = [&point](const Operands& x) { return elu(x[0], point.b); };
    }
    return application;
  }
  return {};
}

TEST(Golden, ElementwiseValuesAndDerivativesAreThoseOfJax) {
  const Tensor one = ones({}, DType::f64);
  for (const golden::ElementwisePoint& point : golden::kElementwise) {
    const auto [apply, at] = application_of(point);
    ASSERT_FALSE(at.empty()) << "no row " << point.op;
    const std::string where = std::string(point.op) + " at " + testing::PrintToString(point.a) +
                              ", " + testing::PrintToString(point.b) + ", " +
                              testing::PrintToString(point.c);
    EXPECT_TRUE(close(apply(at).item<double>(), point.value)) << where;
    const double slopes[] = {point.da, point.db, point.dc};
    for (std::size_t k = 0; k < at.size(); ++k) {
      EXPECT_TRUE(close(derivative(apply, at, one, k).item<double>(), slopes[k]))
          << where << " by " << k;
    }
    const auto first = [&apply = apply, &one](const Operands& x) {
      return derivative(apply, x, one, 0);
    };
    EXPECT_TRUE(close(derivative(first, at, one, 0).item<double>(), point.second))
        << where << ", second";
  }
}

TEST(Golden, HasAPointForEveryRowThatGivesNumbers) {
  std::map<std::string, int> counts;
  for (const golden::ElementwisePoint& point : golden::kElementwise) ++counts[point.op];
  // These follow from others, or are checked against other values (accuracy_test.cpp).
  for (const char* without : {"identity", "stop_gradient", "scale", "polygamma", "step",
                              "share_of_greater", "same", "logaddexp", "xlogy", "exp_difference"})
    ++counts[without];
#define TENDON_DERIVATIVE_OF(name, of) ++counts[#name];
#include "tests/ops/accuracy_exceptions.inc"
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.gives_numbers()) continue;
    EXPECT_GE(counts[row.name()], 1) << row.name();
  }
}

struct Expected {
  Values value, cotangent;
  std::vector<Values> by;
};
void expect_golden(const Function& f, const Operands& at, const Expected& expected) {
  const Tensor value = f(at);
  EXPECT_TRUE(near(values(value), expected.value, 1e-13));
  const Tensor cotangent = tensor(expected.cotangent, value.shape());
  for (std::size_t k = 0; k < expected.by.size(); ++k) {
    EXPECT_TRUE(near(values(derivative(f, at, cotangent, k)), expected.by[k], 1e-13))
        << "by operand " << k;
  }
}

template <std::size_t N>
Values all(const double (&numbers)[N]) {
  return Values(numbers, numbers + N);
}

TEST(Golden, SoftmaxIsThatOfJax) {
  expect_golden(
      [](const Operands& x) { return softmax(x[0]); }, {tensor(all(golden::kSoftmaxInput), {3, 4})},
      {all(golden::kSoftmaxValue), all(golden::kSoftmaxCotangent), {all(golden::kSoftmaxByInput)}});
}

TEST(Golden, LogSoftmaxIsThatOfJax) {
  expect_golden([](const Operands& x) { return log_softmax(x[0]); },
                {tensor(all(golden::kLogSoftmaxInput), {3, 4})},
                {all(golden::kLogSoftmaxValue),
                 all(golden::kLogSoftmaxCotangent),
                 {all(golden::kLogSoftmaxByInput)}});
}

TEST(Golden, LogSumExpIsThatOfJax) {
  expect_golden([](const Operands& x) { return reduce_logsumexp(x[0], -1); },
                {tensor(all(golden::kLogSumExpInput), {3, 4})},
                {all(golden::kLogSumExpValue),
                 all(golden::kLogSumExpCotangent),
                 {all(golden::kLogSumExpByInput)}});
}

TEST(Golden, MaximumOverAnAxisWithTiesIsThatOfJax) {
  expect_golden([](const Operands& x) { return reduce_max(x[0], -1); },
                {tensor(all(golden::kReduceMaxInput), {3, 4})},
                {all(golden::kReduceMaxValue),
                 all(golden::kReduceMaxCotangent),
                 {all(golden::kReduceMaxByInput)}});
}

TEST(Golden, MinimumIsTheMaximumOfTheNegative) {
  const auto negated = [](Values numbers) {
    for (double& x : numbers) x = -x;
    return numbers;
  };
  expect_golden([](const Operands& x) { return reduce_min(x[0], -1); },
                {tensor(negated(all(golden::kReduceMaxInput)), {3, 4})},
                {negated(all(golden::kReduceMaxValue)),
                 all(golden::kReduceMaxCotangent),
                 {all(golden::kReduceMaxByInput)}});
}

TEST(Golden, MeanOverAnAxisIsThatOfJax) {
  expect_golden([](const Operands& x) { return reduce_mean(x[0], -1); },
                {tensor(all(golden::kReduceMeanInput), {3, 4})},
                {all(golden::kReduceMeanValue),
                 all(golden::kReduceMeanCotangent),
                 {all(golden::kReduceMeanByInput)}});
}

Function product(bool transpose_a, bool transpose_b) {
  return [=](const Operands& x) { return matmul(x[0], x[1], transpose_a, transpose_b); };
}

TEST(Golden, MatmulWithEachTransposeIsThatOfJax) {
  using namespace golden;
  expect_golden(
      product(false, false), {tensor(all(kMatmulNnA), {2, 3}), tensor(all(kMatmulNnB), {3, 4})},
      {all(kMatmulNnValue), all(kMatmulNnCotangent), {all(kMatmulNnByA), all(kMatmulNnByB)}});
  expect_golden(
      product(true, false), {tensor(all(kMatmulTnA), {3, 2}), tensor(all(kMatmulTnB), {3, 4})},
      {all(kMatmulTnValue), all(kMatmulTnCotangent), {all(kMatmulTnByA), all(kMatmulTnByB)}});
  expect_golden(
      product(false, true), {tensor(all(kMatmulNtA), {2, 3}), tensor(all(kMatmulNtB), {4, 3})},
      {all(kMatmulNtValue), all(kMatmulNtCotangent), {all(kMatmulNtByA), all(kMatmulNtByB)}});
  expect_golden(
      product(true, true), {tensor(all(kMatmulTtA), {3, 2}), tensor(all(kMatmulTtB), {4, 3})},
      {all(kMatmulTtValue), all(kMatmulTtCotangent), {all(kMatmulTtByA), all(kMatmulTtByB)}});
}

TEST(Golden, BatchedMatmulWithEachTransposeIsThatOfJax) {
  using namespace golden;
  expect_golden(product(false, false),
                {tensor(all(kBatchMatmulNnA), {2, 2, 3}), tensor(all(kBatchMatmulNnB), {3, 2})},
                {all(kBatchMatmulNnValue),
                 all(kBatchMatmulNnCotangent),
                 {all(kBatchMatmulNnByA), all(kBatchMatmulNnByB)}});
  expect_golden(product(true, false),
                {tensor(all(kBatchMatmulTnA), {2, 3, 2}), tensor(all(kBatchMatmulTnB), {3, 2})},
                {all(kBatchMatmulTnValue),
                 all(kBatchMatmulTnCotangent),
                 {all(kBatchMatmulTnByA), all(kBatchMatmulTnByB)}});
  expect_golden(product(false, true),
                {tensor(all(kBatchMatmulNtA), {2, 2, 3}), tensor(all(kBatchMatmulNtB), {2, 3})},
                {all(kBatchMatmulNtValue),
                 all(kBatchMatmulNtCotangent),
                 {all(kBatchMatmulNtByA), all(kBatchMatmulNtByB)}});
  expect_golden(product(true, true),
                {tensor(all(kBatchMatmulTtA), {2, 3, 2}), tensor(all(kBatchMatmulTtB), {2, 3})},
                {all(kBatchMatmulTtValue),
                 all(kBatchMatmulTtCotangent),
                 {all(kBatchMatmulTtByA), all(kBatchMatmulTtByB)}});
}

TEST(Golden, GatherIsThatOfJax) {
  const Tensor indices = Tensor::from(golden::kGatherIndices);
  expect_golden(
      [&](const Operands& x) { return gather(x[0], indices, 1); },
      {tensor(all(golden::kGatherInput), {2, 4, 3})},
      {all(golden::kGatherValue), all(golden::kGatherCotangent), {all(golden::kGatherByInput)}});
}

}  // namespace
}  // namespace tendon::test
