// Functions of a row (mean, var, std, norm, logsumexp, softmax, log_softmax): against values by
// mpmath, in 16 bits, and where a row is empty, infinite or at a kink.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <string>

#include "tests/support/numeric.h"

namespace tendon::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A line of tests/golden/rows.txt.
struct Row {
  bool is_short = false;  // of numbers that 16-bit dtypes hold
  std::string function;
  double parameter = 0;
  Values x, cotangent, value, gradient;
};

std::vector<Row> golden_rows() {
  std::vector<Row> rows;
  std::ifstream file(TENDON_GOLDEN_VALUES "/rows.txt");
  std::string line;
  while (std::getline(file, line)) {
    Row row;
    std::istringstream fields(line);
    std::string word;
    fields >> word;
    row.is_short = word == "short";
    if (row.is_short) fields >> word;
    row.function = word;
    fields >> word;
    row.parameter = std::stod(word);
    fields >> word;  // the first bar
    for (Values* into : {&row.x, &row.cotangent, &row.value, &row.gradient}) {
      while (fields >> word && word != "|") into->push_back(std::strtod(word.c_str(), nullptr));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Function function_of(const Row& row) {
  const double parameter = row.parameter;
  const std::map<std::string, Function> functions = {
      {"logsumexp", [](const Operands& at) { return reduce_logsumexp(at[0]); }},
      {"softmax", [](const Operands& at) { return softmax(at[0]); }},
      {"log_softmax", [](const Operands& at) { return log_softmax(at[0]); }},
      {"mean", [](const Operands& at) { return reduce_mean(at[0]); }},
      {"var",
       [=](const Operands& at) {
         return reduce_var(at[0], {}, false, static_cast<int>(parameter));
       }},
      {"std",
       [=](const Operands& at) {
         return reduce_std(at[0], {}, false, static_cast<int>(parameter));
       }},
      {"norm", [=](const Operands& at) { return reduce_norm(at[0], {}, false, parameter); }},
  };
  return functions.at(row.function);
}

double epsilon(DType dtype) {
  switch (dtype) {
    case DType::f64: return 0x1p-52;
    case DType::f32: return 0x1p-23;
    case DType::f16: return 0x1p-10;
    default: return 0x1p-7;
  }
}
double least(DType dtype) {  // the distance of subnormal numbers
  switch (dtype) {
    case DType::f64: return 0x1p-1074;
    case DType::f32: return 0x1p-149;
    case DType::f16: return 0x1p-24;
    default: return 0x1p-133;
  }
}
// The last place of a number in the dtype.
double ulp(double x, DType dtype) {
  if (x == 0 || std::abs(x) < least(dtype) / epsilon(dtype)) return least(dtype);
  return std::ldexp(epsilon(dtype), std::ilogb(x));
}

// What may be off by so many last places of the number, or of what cancels in it.
testing::AssertionResult within(const Values& got, const Values& want, DType dtype, double places,
                                double cancelling) {
  if (got.size() != want.size()) return testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double expected = values(tensor({want[i]}, {}).cast(dtype))[0];
    if (got[i] == expected || (std::isnan(got[i]) && std::isnan(want[i]))) continue;
    const double allowed = places * ulp(want[i], dtype) + cancelling;
    if (std::abs(got[i] - want[i]) <= allowed) continue;
    return testing::AssertionFailure()
           << std::hexfloat << got[i] << " instead of " << want[i] << ", " << std::defaultfloat
           << std::abs(got[i] - want[i]) / ulp(want[i], dtype) << " ulp off, element " << i;
  }
  return testing::AssertionSuccess();
}

double greatest_of(const Values& x) {
  double greatest = 0;
  for (const double each : x) greatest = std::max(greatest, std::abs(each));
  return greatest;
}

// A difference that is rounded is a factor once its exponential is taken.
double places_of(const Row& row) {
  if (row.function != "softmax" && row.function != "logsumexp") return 12;
  return 12 + *std::ranges::max_element(row.x) - *std::ranges::min_element(row.x);
}

// What cancels: in logarithms of sums numbers about 1, in gradients of softmax the cotangent.
double cancelling_of(const Row& row, bool is_gradient) {
  if (row.function == "log_softmax" && is_gradient) return 4 * greatest_of(row.cotangent);
  if (row.function == "softmax" && is_gradient)
    return 4 * greatest_of(row.cotangent) * greatest_of(row.value);
  if ((row.function == "var" || row.function == "std") && is_gradient)
    return greatest_of(row.gradient);
  if (row.function == "logsumexp" && !is_gradient) return 1;
  if (row.function == "log_softmax") return 1;
  if (row.function == "mean" && !is_gradient) return greatest_of(row.x);
  return 0;
}

class GoldenRows : public testing::TestWithParam<DType> {};

TEST_P(GoldenRows, AreThoseOfMpmath) {
  const DType dtype = GetParam();
  const bool is_short = size_bytes(dtype) == 2;
  const int step = default_device().is_cpu() ? 1 : 5;  // a row is a launch or several
  std::map<std::string, int> points;
  int at = 0;
  for (const Row& row : golden_rows()) {
    if ((is_short && !row.is_short) || at++ % step != 0) continue;
    const Function f = function_of(row);
    const Tensor x = tensor(row.x, row.x.size(), dtype);
    // f32 in 16 bits is as good as exact; rounding once is half a last place.
    const double places = is_short ? 0.51 : places_of(row);
    const double unit = is_short ? epsilon(DType::f32) : epsilon(dtype);
    const std::string text =
        row.function + " " + std::to_string(row.parameter) + " of " + testing::PrintToString(row.x);
    const Tensor value = f({x});
    EXPECT_EQ(value.dtype(), dtype) << text;
    EXPECT_TRUE(
        within(values(value), row.value, dtype, places, 2 * unit * cancelling_of(row, false)))
        << text;
    const Tensor cotangent = tensor(row.cotangent, value.shape(), dtype);
    EXPECT_TRUE(within(values(derivative(f, {x}, cotangent, 0)), row.gradient, dtype, places,
                       2 * unit * cancelling_of(row, true)))
        << "gradient of " << text;
    points[row.function + std::to_string(row.parameter)] += static_cast<int>(row.x.size());
    if (HasFailure()) break;
  }
  EXPECT_EQ(points.size(), 11U);
  for (const auto& [name, count] : points)
    EXPECT_GE(count, step > 1 ? 10 : is_short ? 75 : 300) << name;
}
INSTANTIATE_TEST_SUITE_P(Of, GoldenRows,
                         testing::Values(DType::f16, DType::bf16, DType::f32, DType::f64),
                         [](const auto& of) { return std::string(name(of.param)); });

constexpr DType kShort[] = {DType::f16, DType::bf16};

TEST(ShortRows, HaveSumsAndCountsBeyondTheirDtype) {
  for (const DType dtype : kShort) {
    const Tensor many = zeros(70'000, dtype);
    const auto is_all = [&](const Tensor& of, double want) {
      const Values got = values(of);
      return within({*std::ranges::min_element(got), *std::ranges::max_element(got)}, {want, want},
                    dtype, 0.51, 0);
    };
    EXPECT_TRUE(is_all(softmax(many), 1.0 / 70'000)) << dtype;
    EXPECT_TRUE(is_all(reduce_logsumexp(zeros(65'536, dtype)), std::log(65'536))) << dtype;
    EXPECT_TRUE(is_all(log_softmax(zeros(128'256, dtype)), -std::log(128'256))) << dtype;
    EXPECT_TRUE(is_all(reduce_mean(full(70'000, 2, dtype)), 2)) << dtype;
    EXPECT_TRUE(is_all(reduce_norm(ones(70'000, dtype)), std::sqrt(70'000))) << dtype;
    EXPECT_TRUE(
        is_all(reduce_norm(full(70'000, 0.5, dtype), {}, false, 3), 0.5 * std::cbrt(70'000)))
        << dtype;

    const auto gradient = [&](const Function& f) {
      return derivative(f, {many}, ones(f({many}).shape(), dtype), 0);
    };
    const double share = 1.0 / 70'000;
    EXPECT_TRUE(is_all(gradient([](const Operands& at) { return reduce_max(at[0]); }), share));
    EXPECT_TRUE(is_all(gradient([](const Operands& at) { return reduce_min(at[0]); }), share));
    EXPECT_TRUE(is_all(gradient([](const Operands& at) { return reduce_mean(at[0]); }), share));
    EXPECT_TRUE(
        is_all(gradient([](const Operands& at) { return reduce_logsumexp(at[0]); }), share));
    const auto picked = [](const Operands& at) {
      return reduce_sum(slice(log_softmax(at[0]), {0}, {1}));
    };
    const Values slope = values(derivative(picked, {many}, ones({}, dtype), 0));
    EXPECT_TRUE(within({slope[0], slope[1]}, {1 - share, -share}, dtype, 0.51, 0)) << dtype;
  }
}

TEST(ShortRows, AreRoundedOnce) {
  for (const DType dtype : kShort) {
    for (const std::int64_t length : {3, 1'000, 20'000}) {
      const Tensor x = tensor(points(length, -4, 4), length, dtype);
      const Tensor exact = x.cast(DType::f64);
      const auto agrees = [&](const Function& f) {
        return within(values(f({x})), values(f({exact})), dtype, 0.51, 1e-7);
      };
      EXPECT_TRUE(agrees([](const Operands& at) { return softmax(at[0]); })) << dtype << length;
      EXPECT_TRUE(agrees([](const Operands& at) { return log_softmax(at[0]); })) << dtype;
      EXPECT_TRUE(agrees([](const Operands& at) { return reduce_logsumexp(at[0]); })) << dtype;
      EXPECT_TRUE(agrees([](const Operands& at) { return reduce_mean(at[0]); })) << dtype;
      EXPECT_TRUE(agrees([](const Operands& at) { return reduce_var(at[0]); })) << dtype;
      EXPECT_TRUE(agrees([](const Operands& at) { return reduce_std(at[0]); })) << dtype;
      const Tensor cotangent = tensor(points(length, -2, 2, 1), length, dtype);
      const auto soft = [](const Operands& at) { return softmax(at[0]); };
      EXPECT_TRUE(within(values(derivative(soft, {x}, cotangent, 0)),
                         values(derivative(soft, {exact}, cotangent.cast(DType::f64), 0)), dtype,
                         0.51, 1e-7))
          << dtype;
    }
  }
}

// Values, and gradients of a sum: nothing is moved in f32 on the way.
TEST(ShortRows, TakeTheLaunchesOfF32AndHalfItsBytes) {
  const std::pair<const char*, Function> functions[] = {
      {"softmax", [](const Operands& at) { return softmax(at[0]); }},
      {"log_softmax", [](const Operands& at) { return log_softmax(at[0]); }},
      {"logsumexp", [](const Operands& at) { return reduce_logsumexp(at[0], -1, true); }},
      {"mean", [](const Operands& at) { return reduce_mean(at[0], -1, true); }},
      {"var", [](const Operands& at) { return reduce_var(at[0], -1, true); }},
      {"std", [](const Operands& at) { return reduce_std(at[0], -1, true); }},
      {"norm", [](const Operands& at) { return reduce_norm(at[0], -1, true); }},
      {"max", [](const Operands& at) { return reduce_max(at[0], -1, true); }}};
  for (const auto& [name, f] : functions) {
    for (const Shape& shape : {Shape(64, 1'000), Shape(2, 128'256)}) {
      for (const bool of_gradient : {false, true}) {
        const auto plan_of = [&, f = f](DType dtype) {
          const Tensor x = full(shape, 0.5, dtype), g = full(shape, 2, dtype);
          run({x, g});
          if (!of_gradient) return describe({f({x})});
          GradientTape tape;
          tape.watch(x);
          return describe({*tape.gradient(f({x}) * g, x)});
        };
        const PlanSummary wide = plan_of(DType::f32), narrow = plan_of(DType::f16);
        EXPECT_EQ(narrow.launches, wide.launches) << name << shape << of_gradient;
        // A few values are cheaper to store in f32 than to compute again.
        EXPECT_LE(static_cast<double>(2 * (narrow.bytes_read + narrow.bytes_written)),
                  1.15 * static_cast<double>(wide.bytes_read + wide.bytes_written))
            << name << shape << of_gradient;
      }
    }
  }
}

TEST(EmptyRows, GiveWhatNumPyGives) {
  for (const DType dtype : {DType::f16, DType::f32, DType::f64}) {
    EXPECT_EQ(softmax(zeros({0, 17}, dtype), 0).shape(), Shape(0, 17));
    EXPECT_EQ(log_softmax(zeros({0, 17}, dtype), 0).shape(), Shape(0, 17));
    EXPECT_TRUE(same(reduce_logsumexp(zeros({0, 2}, dtype), {0}), full({2}, -kInfinity, dtype)));
    EXPECT_TRUE(
        same(reduce_logsumexp(zeros({0, 2}, dtype), 0, true), full({1, 2}, -kInfinity, dtype)));
    EXPECT_TRUE(same(reduce_mean(zeros({0, 2}, dtype), 0), full({2}, kNaN, dtype)));
    EXPECT_TRUE(same(reduce_var(zeros({0, 2}, dtype), 0), full({2}, kNaN, dtype)));
    EXPECT_TRUE(same(reduce_std(zeros({0, 2}, dtype), 0), full({2}, kNaN, dtype)));
    for (const double order : {0.5, 1.0, 2.0, 3.0})
      EXPECT_TRUE(same(reduce_norm(zeros({0, 2}, dtype), 0, false, order), zeros({2}, dtype)));
  }
  const auto soft = [](const Operands& at) { return softmax(at[0], 0); };
  const Tensor empty = zeros({0, 17}, DType::f64);
  ASSERT_TRUE(gradients(soft, {empty}, empty)[0].has_value());
  EXPECT_EQ(derivative(soft, {empty}, empty, 0).shape(), Shape(0, 17));
  EXPECT_TRUE(throws<ShapeError>([] { reduce_max(zeros({0, 2}), 0); }, {"reduce_max", "empty"}));
  EXPECT_TRUE(throws<ShapeError>([] { reduce_norm(zeros({0}), {}, false, kInfinity); },
                                 {"reduce_norm", "empty"}));
  EXPECT_TRUE(throws<ShapeError>([] { softmax(zeros({0, 3}), 2); }, {"softmax", "axis 2"}));
  EXPECT_TRUE(throws<ShapeError>([] { reduce_std(zeros({0, 3}), 2); }, {"reduce_std", "axis 2"}));
}

TEST(LogSumExp, OfInfinitiesHasTheGradientOfItsFiniteNeighbours) {
  const auto f = [](const Operands& at) { return reduce_logsumexp(at[0], -1); };
  const Tensor x = tensor(
      {-kInfinity, -kInfinity, -kInfinity, 0, kInfinity, -kInfinity, 0, 0, -kInfinity, kNaN, 0, 0},
      {4, 3});
  for (const DType dtype : {DType::f16, DType::f32, DType::f64}) {
    const Tensor at = x.cast(dtype);
    EXPECT_TRUE(near(values(f({at})), {-kInfinity, kInfinity, std::log(2), kNaN}, 1e-3)) << dtype;
    EXPECT_TRUE(near(values(derivative(f, {at}, ones(4, dtype), 0)),
                     {0, 0, 0, 0, kNaN, 0, 0.5, 0.5, 0, kNaN, kNaN, kNaN}))
        << dtype;
  }
  const auto slope = [&](const Operands& at) { return derivative(f, at, ones(1, DType::f64), 0); };
  EXPECT_TRUE(near(values(derivative(slope, {full({1, 2}, -kInfinity, DType::f64)},
                                     ones({1, 2}, DType::f64), 0)),
                   {0, 0}));
}

TEST(Softmax, OfRowsThatAreMaskedWholeIsNaN) {
  // As in NumPy, torch and JAX: there is nothing to share.
  const Tensor x = full({1, 2}, -kInfinity, DType::f64);
  EXPECT_TRUE(near(values(softmax(x)), {kNaN, kNaN}));
  EXPECT_TRUE(near(values(log_softmax(x)), {kNaN, kNaN}));
}

TEST(Norm, IsItsDefinition) {
  const Tensor x = tensor({3, -4, 0, 12, 5, -0.5}, {2, 3});
  EXPECT_EQ(values(reduce_norm(x, 1)), Values({5, std::sqrt(144 + 25 + 0.25)}));
  EXPECT_EQ(values(reduce_norm(x, -1, true, 1)), Values({7, 17.5}));
  EXPECT_EQ(reduce_norm(x, -1, true, 1).shape(), Shape(2, 1));
  EXPECT_EQ(values(reduce_norm(x, 0, false, kInfinity)), Values({12, 5, 0.5}));
  EXPECT_TRUE(
      near(values(reduce_norm(x, {}, false, 3)), {std::cbrt(27 + 64 + 1728 + 125 + 0.125)}));
  EXPECT_TRUE(same(reduce_norm(Tensor::from({3, 4})), Tensor(5.0)));
  EXPECT_TRUE(throws<Error>([] { reduce_norm(ones(2), {}, false, 0); }, {"reduce_norm", "order"}));
  EXPECT_TRUE(
      throws<Error>([] { reduce_norm(ones(2), {}, false, kNaN); }, {"reduce_norm", "order"}));
}

TEST(Norm, NeitherOverflowsNorVanishes) {
  for (const DType dtype : {DType::bf16, DType::f32, DType::f64}) {
    for (const double scale : {1e30, 1e-30, 0x1p127, 0x1p-126, 0x1p-140}) {
      const bool is_subnormal = scale == 0x1p-140 && dtype != DType::f64;
      if (is_subnormal && dtype == DType::bf16) continue;
      const Tensor x = tensor({3 * scale / 4, -scale, 0}, 3, dtype);
      for (const double order : {1.0, 2.0, 200.0, kInfinity}) {
        if (is_subnormal && order == 200) continue;
        const auto f = [&](const Operands& at) { return reduce_norm(at[0], {}, false, order); };
        const double want = order == 1 ? 1.75 * scale : order == 2 ? 1.25 * scale : scale;
        if (want < 0x1p128) {
          EXPECT_TRUE(near(values(f({x}) / full({}, want, dtype)), {1}, 2e-2))
              << dtype << " " << scale << " " << order;
        }
        const Values slope = order == 1   ? Values({1, -1, 0})
                             : order == 2 ? Values({0.6, -0.8, 0})
                                          : Values({0, -1, 0});
        EXPECT_TRUE(near(values(derivative(f, {x}, ones({}, dtype), 0)), slope, 1e-2))
            << dtype << " " << scale << " " << order;
      }
    }
  }
  const Tensor huge = tensor({1e300, 1e300, -1e300}, 3);
  EXPECT_TRUE(near(values(reduce_norm(huge) / std::sqrt(3) / 1e300), {1}));
  EXPECT_TRUE(near(values(reduce_std(tensor({1e30, -1e30}, 2, DType::f32)) / 1e30), {1}, 1e-6));
  EXPECT_TRUE(near(values(reduce_std(tensor({1e-30, -1e-30}, 2, DType::f32)) * 1e30), {1}, 1e-6));
}

TEST(Norm, OfInfinitiesAndNaNIsInfiniteAndNaN) {
  for (const double order : {0.5, 1.0, 2.0, 3.0, kInfinity}) {
    const auto norm = [&](double x) {
      return values(reduce_norm(tensor({1, x}, 2), {}, false, order))[0];
    };
    EXPECT_EQ(norm(-kInfinity), kInfinity) << order;
    EXPECT_TRUE(std::isnan(norm(kNaN))) << order;
  }
}

TEST(Norm, AndDeviationHaveAGradientOf0At0) {
  struct Kink {
    const char* name;
    Function f;
    Values at;
  };
  const auto norm = [](double order) {
    return [=](const Operands& at) { return reduce_norm(at[0], {}, false, order); };
  };
  const auto deviation = [](const Operands& at) { return reduce_std(at[0]); };
  const Kink kinks[] = {
      {"half", norm(0.5), {0, 0, 0}},
      {"one", norm(1), {0, 0, 0}},
      {"two", norm(2), {0, 0, 0}},
      {"three", norm(3), {0, 0, 0}},
      {"infinite", norm(kInfinity), {0, 0, 0}},
      {"deviation", deviation, {0, 0, 0}},
      {"of equals", deviation, {3, 3, 3}},
      {"of tenths", deviation, {0.1, 0.1, 0.1}},
      {"variance", [](const Operands& at) { return reduce_var(at[0]); }, {0.1, 0.1, 0.1}}};
  for (const auto& [name, f, at] : kinks) {
    for (const DType dtype : {DType::f16, DType::f32, DType::f64}) {
      const Tensor x = tensor(at, 3, dtype);
      EXPECT_EQ(values(f({x})), Values({0})) << name;
      const auto slope = [&f = f, dtype](const Operands& of) {
        return derivative(f, of, ones({}, dtype), 0);
      };
      EXPECT_EQ(values(slope({x})), Values({0, 0, 0})) << name << dtype;
      for (const double second : values(derivative(slope, {x}, tensor({1, 2, 3}, 3, dtype), 0)))
        EXPECT_TRUE(std::isfinite(second)) << name << dtype;
    }
  }
  // Of an element that is 0 in a norm that is not.
  for (const double order : {0.5, 1.0, 1.5, 2.0, 3.0})
    EXPECT_EQ(values(derivative(norm(order), {tensor({0, 2}, 2)}, ones({}, DType::f64), 0)),
              Values({0, 1}))
        << order;
  EXPECT_EQ(values(derivative(norm(kInfinity), {tensor({2, -2, 1}, 3)}, ones({}, DType::f64), 0)),
            Values({0.5, -0.5, 0}));
}

TEST(Deviation, OfTenthsInManyPlacesIs0) {
  for (const DType dtype : {DType::bf16, DType::f32, DType::f64}) {
    const Tensor x = full({4, 777}, 0.1, dtype) + zeros({4, 777}, dtype);
    EXPECT_TRUE(same(reduce_std(x, 1), zeros({4}, dtype))) << dtype;
    EXPECT_TRUE(same(reduce_var(x, 0), zeros({777}, dtype))) << dtype;
  }
}

TEST(Variance, FollowsNumPyWhereDdofIsTheCountOrMore) {
  const Tensor x = Tensor::from({1.0F, 2.0F});
  EXPECT_EQ(values(reduce_var(x)), Values({0.25}));
  EXPECT_EQ(values(reduce_var(x, 0, true, 1)), Values({0.5}));
  EXPECT_EQ(reduce_var(x, 0, true, 1).shape(), Shape(1));
  EXPECT_EQ(values(reduce_std(x, {}, false, -2)), Values({std::sqrt(0.125F)}));
  for (const int ddof : {2, 3}) {
    EXPECT_EQ(values(reduce_var(x, 0, false, ddof)), Values({kInfinity})) << ddof;
    EXPECT_EQ(values(reduce_std(x, 0, false, ddof)), Values({kInfinity})) << ddof;
    EXPECT_TRUE(std::isnan(values(reduce_var(zeros(2), 0, false, ddof))[0])) << ddof;
    EXPECT_TRUE(std::isnan(values(reduce_std(zeros(2), 0, false, ddof))[0])) << ddof;
  }
  EXPECT_EQ(reduce_var(Tensor::from({1, 2})).dtype(), DType::f32);
}

TEST(Variance, HasTheGradientsThatDifferencesGive) {
  const Tensor x = tensor(points(24, -3, 3), {2, 3, 4});
  for (const Axes& axes : {Axes(), Axes(1), Axes(-1, 0)}) {
    for (const bool keep_dims : {false, true}) {
      const Function functions[] = {
          [&](const Operands& at) { return reduce_var(at[0], axes, keep_dims, 1); },
          [&](const Operands& at) { return reduce_std(at[0], axes, keep_dims); },
          [&](const Operands& at) { return reduce_norm(at[0], axes, keep_dims); },
          [&](const Operands& at) { return reduce_norm(at[0], axes, keep_dims, 3); },
          [&](const Operands& at) { return reduce_norm(at[0], axes, keep_dims, 0.5); },
          [&](const Operands& at) { return square(reduce_norm(at[0], axes, keep_dims, 1)); },
      };
      for (std::size_t i = 0; i < std::size(functions); ++i) {
        EXPECT_TRUE(gradient_agrees(functions[i], {x})) << i << axes;
        EXPECT_TRUE(second_order_agrees(functions[i], {x})) << i << axes;
      }
    }
  }
}

TEST(Rows, AreNamedAsTheFunctionThatWasCalled) {
  const Tensor x = ones({2, 3}, DType::f16);
  const std::pair<const char*, Function> functions[] = {
      {"softmax", [](const Operands& at) { return softmax(at[0]); }},
      {"log_softmax", [](const Operands& at) { return log_softmax(at[0]); }},
      {"reduce_logsumexp", [](const Operands& at) { return reduce_logsumexp(at[0]); }},
      {"reduce_mean", [](const Operands& at) { return reduce_mean(at[0]); }},
      {"reduce_var", [](const Operands& at) { return reduce_var(at[0]); }},
      {"reduce_std", [](const Operands& at) { return reduce_std(at[0]); }},
      {"reduce_norm", [](const Operands& at) { return reduce_norm(at[0]); }}};
  for (const auto& [name, f] : functions) {
    GradientTape tape;
    tape.watch(x);
    const Tensor other = ones({});
    tape.watch(other);
    const Tensor unused = f({x});
    const Gradient none = tape.gradient(other * 2, x);
    EXPECT_NE(none.why().text.find(std::string(name) + " at rows_test.cpp:"), std::string::npos)
        << name << ": " << none.why().text;
  }
}

}  // namespace
}  // namespace tendon::test
