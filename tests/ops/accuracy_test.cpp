// Every row of the op table against mpmath, over its whole domain: values, first and second
// derivatives, in f32 and f64. The points are in tests/golden/accuracy.txt, which accuracy.py
// writes; what does not keep a row's tolerance is in accuracy_exceptions.inc.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/ops/elementwise_rows.h"

namespace tendon::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Row {
  const char* name;
  std::size_t arity;
  bool has_parameter;
  std::function<Tensor(const Operands&, double parameter)> apply;
  double tolerance;
  bool is_boolean;  // its operands
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
#define TENDON_CLASS(operands) ops::OperandClass::operands == ops::OperandClass::boolean
#define TENDON_UNARY(name, value, partial, operands, result, domain, ulp) \
  {#name, 1,                                                              \
   false, [](const Operands& x, double) { return tendon::name(x[0]); },                              \
   ulp,   TENDON_CLASS(operands)},
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, partial, operands, result, domain, \
                               ulp)                                                                \
  {#name, 1,                                                                                       \
   true,  [](const Operands& x, double given) { return tendon::name(x[0], given); },                                                 \
   ulp,   TENDON_CLASS(operands)},
#define TENDON_BINARY(name, value, partial_a, partial_b, operands, result, domain, ulp) \
  {#name, 2,                                                                            \
   false, [](const Operands& x, double) { return tendon::name(x[0], x[1]); },                                            \
   ulp,   TENDON_CLASS(operands)},
#define TENDON_TERNARY(name, value, partial_a, partial_b, partial_c, operands, result, domain, \
                       ulp)                                                                    \
  {#name, 3,                                                                                   \
   false, [](const Operands& x, double) { return tendon::name(x[0], x[1], x[2]); },                                                   \
   ulp,   TENDON_CLASS(operands)},
#include <tendon/op_table.inc>
#undef TENDON_CLASS
  };
  return all;
}

const Row& row_of(const std::string& name) {
  return *std::ranges::find_if(rows(), [&name](const Row& row) { return row.name == name; });
}

// The numbers of a line, in the order of accuracy.py.
using Point = std::vector<double>;
const std::map<std::string, std::vector<Point>>& points() {
  static const auto all = [] {
    std::map<std::string, std::vector<Point>> found;
    std::ifstream file(TENDON_ACCURACY_POINTS);
    std::string line;
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string name, word;
      words >> name;
      Point point;
      while (words >> word) point.push_back(std::strtod(word.c_str(), nullptr));
      found[name].push_back(std::move(point));
    }
    return found;
  }();
  return all;
}

// A float's or double's last place, and the range.
struct Format {
  int digits, least_exponent;
  double most;
  double unit(double at) const {
    if (at == 0) return std::ldexp(1, least_exponent);
    return std::ldexp(1, std::max(std::ilogb(at) - digits + 1, least_exponent));
  }
};
constexpr Format kF32 = {24, -149, 0x1.fffffep127};
constexpr Format kF64 = {53, -1074, std::numeric_limits<double>::max()};

// |got - want| in units in the last place of want, or of `of` where that is larger. Beyond the
// range counts as right behind its end.
double error_of(double got, double want, double of, const Format& format) {
  if (got == want || std::isnan(want)) return 0;
  if (std::isnan(got)) return kInfinity;
  if (std::abs(want) > format.most) want = std::copysign(kInfinity, want);
  if (got == want) return 0;
  const double last = format.unit(format.most);
  if (std::isinf(got))
    got = std::copysign(format.most, got) / last + std::copysign(1, got);
  else if (std::isinf(want))
    got /= last;
  else
    return std::abs(got - want) / format.unit(std::max(std::abs(want), of));
  const double bounded = std::isinf(want)
                             ? std::copysign(format.most, want) / last + std::copysign(1, want)
                             : want / last;
  return std::abs(got - bounded);
}

struct Allowed {
  double ulp, of;
};
// What a derivative of a row may be off by, at a point.
Allowed allowed(const Row& row, int order, const Point& at, double want, bool is_f32) {
  constexpr double kAny = 1e30;
  [[maybe_unused]] const double x = at[0], a = at[0], b = at[row.arity > 1 ? 1 : 0];
  [[maybe_unused]] const double y = at[row.arity + (row.has_parameter ? 1 : 0)];
  const double kLeast = is_f32 ? 0x1p-149 : 0x1p-1074;
  const double kNormal = is_f32 ? 0x1p-126 : 0x1p-1022;
  const double kMost = is_f32 ? kF32.most : kF64.most;
  const std::string name = row.name;
  bool is_derivative = false;
#define TENDON_DERIVATIVE_OF(row_name, whole) is_derivative |= name == #row_name;
#include "tests/ops/accuracy_exceptions.inc"
  const double factor = is_derivative ? (order == 0   ? 1
                                         : order == 1 ? 4
                                                      : kInfinity)
                                      : (order == 2 ? 4 : 1);
  // The C library's functions are good to 4 ulp in f64.
  const double tolerance =
      is_f32 || row.tolerance == 0 ? row.tolerance : std::max(row.tolerance, 4.0);
  Allowed found = {tolerance * factor, 0};
#define TENDON_EXCEPTION(row_name, of_order, where, exceptional, least, reason) \
  if (name == #row_name && order == of_order && (where)) {                      \
    if (const double of = least; of > found.of) found.of = of;                  \
    if (exceptional > found.ulp) found.ulp = exceptional;                       \
  }
#define TENDON_DERIVATIVE_OF(row_name, whole)                                   \
  if (name == #row_name && order < 2) {                                         \
    const Allowed there = allowed(row_of(#whole), order + 1, at, want, is_f32); \
    found = {std::max(found.ulp, there.ulp), std::max(found.of, there.of)};     \
  }
#include "tests/ops/accuracy_exceptions.inc"
  return found;
}

// The values and derivatives of a row at points of one parameter, in the order of a line.
std::vector<std::optional<Values>> computed(const Row& row, const std::vector<Point>& at,
                                            DType dtype, double parameter, bool has_derivatives) {
  Operands operands;
  for (std::size_t k = 0; k < row.arity; ++k) {
    Values numbers;
    for (const Point& point : at) numbers.push_back(point[k]);
    operands.push_back(tensor(numbers, static_cast<std::int64_t>(at.size()),
                              row.is_boolean ? DType::boolean : dtype));
  }
  if (!has_derivatives) return {values(row.apply(operands, parameter))};
  GradientTape outer({.persistent = true});
  outer.watch(operands);
  Tensor value;
  std::vector<std::optional<Tensor>> all, first;
  {
    GradientTape inner({.persistent = true});
    inner.watch(operands);
    value = row.apply(operands, parameter);
    for (const Tensor& operand : operands) {
      const Gradient slope = inner.gradient(value, operand);
      first.push_back(slope ? std::optional(*slope) : std::nullopt);
    }
  }
  all.emplace_back(value);
  all.insert(all.end(), first.begin(), first.end());
  for (std::size_t k = 0; k < row.arity; ++k) {
    for (std::size_t j = 0; j < row.arity; ++j) {
      std::optional<Tensor> second;
      if (first[k]) {
        if (const Gradient bend = outer.gradient(*first[k], operands[j])) second = *bend;
      }
      all.push_back(second);
    }
  }
  std::vector<Tensor> present;
  for (const auto& tensor : all)
    if (tensor) present.push_back(*tensor);
  run(present);
  std::vector<std::optional<Values>> result;
  for (const auto& tensor : all)
    result.push_back(tensor ? std::optional(values(*tensor)) : std::nullopt);
  return result;
}

std::string text(const Point& point, std::size_t count) {
  std::ostringstream stream;
  stream.precision(17);
  for (std::size_t k = 0; k < count; ++k) stream << (k == 0 ? "" : ", ") << point[k];
  return stream.str();
}

// Compares everything that the file has of the row. Says the worst of each derivative that is off.
void expect_accurate(const Row& row, DType dtype) {
  const bool is_f32 = dtype == DType::f32;
  const Format& format = is_f32 ? kF32 : kF64;
  const std::size_t given = row.arity + (row.has_parameter ? 1 : 0);
  std::map<double, std::vector<Point>> groups;
  for (const Point& point : points().at(row.name)) {
    bool is_held = true;
    for (std::size_t k = 0; k < row.arity; ++k) {
      const double x = point[k];
      is_held = is_held && (!is_f32 || std::isnan(x) || double{static_cast<float>(x)} == x);
    }
    if (is_held) groups[row.has_parameter ? point[1] : 0].push_back(point);
  }
  for (const auto& [parameter, group] : groups) {
    const std::size_t columns = group.front().size();
    const auto got = computed(row, group, dtype, parameter, columns > given + 1);
    for (std::size_t column = 0; column < got.size(); ++column) {
      // d2/da db is in the file once, and is compared in both orders.
      const bool is_second = column > row.arity;
      const std::size_t pair = is_second ? column - row.arity - 1 : 0;
      const std::size_t first = pair / row.arity, second = pair % row.arity;
      const std::size_t at = given + (is_second ? 1 + row.arity + first + second : column);
      if (at >= columns || (is_second && row.arity == 3)) continue;
      const int order = column == 0 ? 0 : is_second ? 2 : 1;
      double worst = 0;
      std::string words;
      for (std::size_t i = 0; i < group.size(); ++i) {
        const Point& point = group[i];
        const double want = point[at];
        bool is_finite = true;
        for (std::size_t k = 0; k < row.arity; ++k)
          is_finite = is_finite && std::isfinite(point[k]) && point[k] != 0;
        // Where the value overflows, what it is a factor of may too.
        const double value = point[given];
        if (order > 0 && is_finite && !(std::abs(value) <= format.most) &&
            (!is_f32 || std::isfinite(value)))
          continue;
        const Allowed most = allowed(row, order, point, want, is_f32);
        const double number = got[column] ? (*got[column])[i] : 0;
        const double excess = error_of(number, want, most.of, format) - most.ulp;
        if (!(excess > worst)) continue;
        worst = excess;
        std::ostringstream stream;
        stream.precision(17);
        stream << row.name << '(' << text(point, given) << ") in " << dtype;
        if (order > 0) stream << ", order " << order << " by " << first << ' ' << second;
        stream << ": " << number << " instead of " << want << ", " << excess + most.ulp
               << " ulp where " << most.ulp << " are allowed";
        words = stream.str();
      }
      EXPECT_EQ(worst, 0) << words;
    }
  }
}

TEST(AccuracyPoints, AreAtLeast300ForEveryRow) {
  for (const Row& row : rows()) {
    const auto found = points().find(row.name);
    ASSERT_NE(found, points().end()) << row.name;
    // Of booleans, all there are.
    const std::size_t least = row.is_boolean ? std::size_t{1} << row.arity : 300;
    EXPECT_GE(found->second.size(), least) << row.name;
  }
}

constexpr int kParts = 6;
class Accuracy : public testing::TestWithParam<std::tuple<DType, int>> {};

TEST_P(Accuracy, OfValuesAndDerivativesIsThatOfTheRow) {
  const auto [dtype, part] = GetParam();
  for (auto i = static_cast<std::size_t>(part); i < rows().size(); i += kParts) {
    if (points().contains(rows()[i].name)) expect_accurate(rows()[i], dtype);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, Accuracy,
                         testing::Combine(testing::Values(DType::f32, DType::f64),
                                          testing::Range(0, kParts)),
                         [](const auto& part) {
                           return std::string(name(std::get<0>(part.param))) + "_" +
                                  std::to_string(std::get<1>(part.param));
                         });

}  // namespace
}  // namespace tendon::test
