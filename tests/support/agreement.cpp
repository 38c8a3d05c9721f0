#include "tests/support/agreement.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string_view>

#include "host/cpu/compute.h"
#include "host/cpu/visit.h"
#include "host/ops/op_row.h"
#include "host/support/text.h"
#include "tests/support/tape_text.h"

namespace tendon::test {
namespace {

constexpr std::size_t kDisturbedRuns = 4;
// Where functions differ: as many, so that a jump which one of them may turn is seen to turn.
constexpr std::size_t kDisturbedFunctionRuns = 8;
// The worst of a few random disturbances is to the worst error as one to this.
constexpr double kMargin = 16;

// What sums of a dtype may lose, relative to their largest addend; 16-bit types are summed in f32.
double disturbance(DType dtype) {
  switch (dtype) {
    case DType::f16: return 0x1p-10;
    case DType::bf16: return 0x1p-7;
    case DType::f32: return 1e-5;
    default: return 1e-13;
  }
}
// What is allowed beside it, relative to the largest element.
double relative(DType dtype) {
  switch (dtype) {
    case DType::f16:
    case DType::bf16: return 2e-2;
    case DType::f32: return 1e-4;
    default: return 1e-10;
  }
}
double unit_in_last_place(DType dtype) {  // of 1
  switch (dtype) {
    case DType::f16: return 0x1p-10;
    case DType::bf16: return 0x1p-7;
    case DType::f32: return 0x1p-23;
    default: return 0x1p-52;
  }
}
int precision(DType dtype) { return dtype == DType::f64 ? 53 : 24; }
// Beyond this, squares and long sums overflow.
double large(DType dtype) { return dtype == DType::f64 ? 1e290 : dtype == DType::f16 ? 1e3 : 1e30; }

// Calls use(i, element), as a double, for each element; i64 may lose its last bits.
template <class Use>
void for_each(DType dtype, std::span<const std::byte> bytes, Use&& use) {
  cpu::visit(dtype, [&]<class T>() {
    const auto* elements = reinterpret_cast<const T*>(bytes.data());
    for (std::size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
      if constexpr (sizeof(T) == 2) {
        use(i, static_cast<double>(static_cast<float>(elements[i])));
      } else {
        use(i, static_cast<double>(elements[i]));
      }
    }
  });
}

std::vector<double> doubles(DType dtype, std::span<const std::byte> bytes) {
  std::vector<double> result(bytes.size() / size_bytes(dtype));
  for_each(dtype, bytes, [&](std::size_t i, double element) { result[i] = element; });
  return result;
}

// The finite elements are multiples of 2^unit, the largest of them `most`.
struct Grid {
  int unit = 0;
  double most = 0;
  bool finite = true;
};
Grid grid_of(DType dtype, std::span<const std::byte> bytes) {
  Grid grid{.unit = std::numeric_limits<int>::max()};
  for_each(dtype, bytes, [&](std::size_t, double element) {
    if (!std::isfinite(element)) grid.finite = false;
    if (!std::isfinite(element) || element == 0) return;
    grid.most = std::max(grid.most, std::abs(element));
    int exponent = 0;
    const auto significand = static_cast<std::int64_t>(std::frexp(element, &exponent) * 0x1p53);
    grid.unit = std::min(grid.unit,
                         exponent - 53 + std::countr_zero(static_cast<std::uint64_t>(significand)));
  });
  if (grid.most == 0) grid.unit = 0;
  return grid;
}

bool is_floating_sum(const Tape& tape, Ref value) {
  const Op op = tape.op(value);
  return (op == Op::reduce_sum || op == Op::matmul || op == Op::scatter_add) &&
         is_floating(tape.dtype(value));
}

// Whether the formula calls what is not rounded correctly everywhere.
bool calls_functions(const char* formula) {
  constexpr std::array<std::string_view, 16> kExact = {
      "where", "maximum", "minimum", "abs",  "sqrt",   "one",    "floor",     "ceil",
      "round", "trunc",   "mod",     "sign", "is_nan", "is_inf", "is_finite", ""};
  const std::string_view text = formula;
  for (std::size_t open = text.find('('); open != text.npos; open = text.find('(', open + 1)) {
    std::size_t begin = open;
    while (begin > 0 && (std::isalnum(static_cast<unsigned char>(text[begin - 1])) != 0 ||
                         text[begin - 1] == '_'))
      --begin;
    if (std::ranges::find(kExact, text.substr(begin, open - begin)) == kExact.end()) return true;
  }
  return false;
}
bool is_inexact_function(const Tape& tape, Ref value) {
  const ops::OpRow& row = ops::row(tape.op(value));
  return row.kind == ops::OpKind::pointwise && is_floating(tape.dtype(value)) &&
         calls_functions(row.elementwise.formula);
}

// Whether the result of a changed operand is the same or quite another.
bool jumps(const Tape& tape, Ref value) {
  switch (tape.op(value)) {
    case Op::sign:
    case Op::step:
    case Op::floor:
    case Op::ceil:
    case Op::round:
    case Op::trunc:
    case Op::share_of_greater:
    case Op::same: return true;
    default: return !is_floating(tape.dtype(value));
  }
}

// The values of a tape's ops, each kept.
class Values {
 public:
  Values(const Tape& tape, std::span<const Bytes> inputs) : tape_(tape), values_(tape.size()) {
    for (std::size_t i = 0; i < inputs.size(); ++i) values_[tape.inputs()[i].id] = inputs[i];
  }
  const Bytes& operator[](Ref value) const { return values_[value.id]; }

  void compute(Ref value) {
    std::vector<cpu::Array> operands;
    for (const Ref operand : tape_.operands(value)) operands.push_back(array(operand));
    compute(value, operands);
  }

  // Each element as a device gives it whose results are `ulp` off, to one side or the other.
  void compute_disturbed_function(Ref value, double ulp, std::mt19937_64& random) {
    compute(value);
    const DType dtype = tape_.dtype(value);
    // 16-bit types are computed in f32, and rounded to one or the other side of it.
    const double disturbance = (size_bytes(dtype) == 2 ? 1 : ulp) * unit_in_last_place(dtype);
    disturb(values_[value.id], dtype, disturbance,
            [&] { return (random() & 1) == 0 ? 1.0 : -1.0; });
  }

  // The sum as another order might round it: of addends that are slightly others. Where it is 0,
  // its sign is the other one.
  void compute_disturbed_sum(Ref value, double disturbance, std::mt19937_64& random) {
    std::vector<cpu::Array> operands;
    for (const Ref operand : tape_.operands(value)) operands.push_back(array(operand));
    Bytes addends = values_[tape_.operands(value)[0].id];
    if (disturbance > 0) {
      operands[0].data = addends.data();
      disturb(addends, operands[0].dtype, disturbance,
              [&] { return static_cast<double>(random() >> 11) * 0x1p-52 - 1; });
    }
    compute(value, operands);
    cpu::visit(tape_.dtype(value), [&]<class T>() {
      if constexpr (is_floating(dtype_of<T>())) {
        using Number = std::conditional_t<sizeof(T) == 2, float, T>;
        auto* elements = reinterpret_cast<T*>(values_[value.id].data());
        for (std::size_t i = 0; i < values_[value.id].size() / sizeof(T); ++i) {
          const auto element = static_cast<Number>(elements[i]);
          if (element == 0) elements[i] = static_cast<T>(-element);
        }
      }
    });
  }

 private:
  // Changes each element by share() of `disturbance`, relative to it.
  template <class Share>
  static void disturb(Bytes& bytes, DType dtype, double disturbance, Share&& share) {
    cpu::visit(dtype, [&]<class T>() {
      if constexpr (is_floating(dtype_of<T>())) {
        using Number = std::conditional_t<sizeof(T) == 2, float, T>;
        auto* elements = reinterpret_cast<T*>(bytes.data());
        for (std::size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
          elements[i] = static_cast<Number>(static_cast<double>(static_cast<Number>(elements[i])) *
                                            (1 + disturbance * share()));
        }
      }
    });
  }

  cpu::Array array(Ref value) {
    return {tape_.dtype(value), tape_.shape(value), values_[value.id].data()};
  }
  void compute(Ref value, std::span<const cpu::Array> operands) {
    values_[value.id].resize(static_cast<std::size_t>(tape_.bytes(value)));
    const bool literal = tape_.op(value) == Op::literal;
    cpu::compute({tape_.op(value), operands, tape_.attributes(value), array(value),
                  literal ? tape_.literal(value) : std::span<const std::byte>(),
                  tape_.place(value)});
  }

  const Tape& tape_;
  std::vector<Bytes> values_;
};

// Whether the sum is the same in any order: its addends are multiples of one unit, and few and
// small enough that no partial sum of them needs more bits than there are.
bool is_exact(const Tape& tape, Ref value, const Values& values) {
  const auto operands = tape.operands(value);
  Grid grid = grid_of(tape.dtype(operands[0]), values[operands[0]]);
  const Shape& shape = tape.shape(operands[0]);
  double count = static_cast<double>(std::max<std::int64_t>(shape.size(), 1));
  if (tape.op(value) == Op::matmul) {
    const Grid other = grid_of(tape.dtype(operands[1]), values[operands[1]]);
    grid.unit += other.unit;
    grid.most *= other.most;
    count = static_cast<double>(shape[shape.rank() - (tape.attributes(value).transpose_a ? 2 : 1)]);
  } else if (tape.op(value) == Op::reduce_sum && tape.shape(value).size() > 0) {
    count /= static_cast<double>(tape.shape(value).size());
  }
  if (grid.most == 0) return true;
  return grid.unit >= (tape.dtype(value) == DType::f64 ? -1000 : -120) &&
         count * grid.most <= std::ldexp(1, grid.unit + precision(tape.dtype(value))) &&
         count * grid.most < large(tape.dtype(value));
}

bool meets_large_numbers(const Tape& tape, Ref value, const Values& values) {
  return std::ranges::any_of(tape.operands(value), [&](Ref operand) {
    if (!is_floating(tape.dtype(operand))) return false;
    const Grid grid = grid_of(tape.dtype(operand), values[operand]);
    return !grid.finite || grid.most > large(tape.dtype(operand));
  });
}

bool are_same_numbers(DType dtype, std::span<const std::byte> a, std::span<const std::byte> b) {
  return static_cast<bool>(agrees(dtype, a, b, {.agreement = Agreement::numbers}));
}

struct Difference {
  double most = 0;  // between elements that are finite on both sides
  bool is_finite_alike = true;
};
Difference difference_of(DType dtype, std::span<const std::byte> a, std::span<const std::byte> b) {
  const std::vector<double> left = doubles(dtype, a);
  Difference found;
  for_each(dtype, b, [&](std::size_t i, double right) {
    if (std::isfinite(left[i]) != std::isfinite(right)) found.is_finite_alike = false;
    if (!std::isfinite(left[i]) || !std::isfinite(right)) return;
    found.most = std::max(found.most, std::abs(left[i] - right));
  });
  return found;
}

}  // namespace

std::vector<Bound> bounds(const Tape& tape, std::span<const Bytes> inputs, Functions functions) {
  const std::vector<bool> is_needed = needed(tape);
  Values plain(tape, inputs);
  std::vector<Values> disturbed(
      functions == Functions::same ? kDisturbedRuns : kDisturbedFunctionRuns, plain);
  std::mt19937_64 random(1);
  std::vector<Bound> all(tape.size());
  std::vector<bool> is_of_rounded_sum(tape.size());
  for (std::uint32_t id = 0; id < tape.size(); ++id) {
    const Ref value{id};
    if (!is_needed[id] || tape.op(value) == Op::input) continue;
    plain.compute(value);
    Bound& bound = all[id];
    for (const Ref operand : tape.operands(value)) {
      bound.agreement = std::max(bound.agreement, all[operand.id].agreement);
      bound.may_turn_nonfinite |= all[operand.id].may_turn_nonfinite;
      if (is_of_rounded_sum[operand.id]) is_of_rounded_sum[id] = true;
    }
    const bool sums = is_floating_sum(tape, value);
    bool exact = true;
    if (sums) {
      exact = is_exact(tape, value, plain);
      bound.agreement = std::max(bound.agreement, exact ? Agreement::numbers : Agreement::near);
      bound.may_turn_nonfinite |= !exact && meets_large_numbers(tape, value, plain);
      if (!exact) is_of_rounded_sum[id] = true;
    }
    const bool differs = functions == Functions::within_ulp && is_inexact_function(tape, value);
    if (differs) bound.agreement = std::max(bound.agreement, Agreement::near);
    // A sum may be off by more than the disturbed ones are; a function is not, and a jump that none
    // of them turns is the same.
    if (bound.agreement == Agreement::near && jumps(tape, value))
      bound.agreement = is_of_rounded_sum[id] ? Agreement::none : Agreement::numbers;
    const DType dtype = tape.dtype(value);
    double difference = 0;
    for (Values& run : disturbed) {
      if (sums) {
        run.compute_disturbed_sum(value, exact ? 0 : disturbance(dtype), random);
      } else if (differs) {
        run.compute_disturbed_function(value, ops::row(tape.op(value)).elementwise.tolerance,
                                       random);
      } else {
        run.compute(value);
      }
      const bool is_same = are_same_numbers(dtype, run[value], plain[value]);
      if (bound.agreement == Agreement::numbers && !is_same) bound.agreement = Agreement::none;
      if (bound.agreement != Agreement::near || is_same) continue;
      const auto [most, is_finite_alike] = difference_of(dtype, run[value], plain[value]);
      difference = std::max(difference, most);
      bound.may_turn_nonfinite |= !is_finite_alike;
    }
    if (bound.agreement == Agreement::near && is_floating(dtype)) {
      const double most = grid_of(dtype, plain[value]).most;
      bound.tolerance = relative(dtype) * most + kMargin * difference;
    }
  }
  std::vector<Bound> result;
  for (const Ref target : tape.targets()) result.push_back(all[target.id]);
  return result;
}

testing::AssertionResult agrees(DType dtype, std::span<const std::byte> got,
                                std::span<const std::byte> want, const Bound& bound) {
  if (bound.agreement == Agreement::none) return testing::AssertionSuccess();
  const std::size_t width = size_bytes(dtype);
  const std::vector<double> wanted = doubles(dtype, want);
  const std::vector<double> given = doubles(dtype, got);
  const bool finite =
      std::ranges::all_of(wanted, [](double element) { return std::isfinite(element); });
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::memcmp(&got[i * width], &want[i * width], width) == 0) continue;
    if (std::isnan(given[i]) && std::isnan(wanted[i])) continue;
    if (bound.agreement != Agreement::bits && given[i] == 0 && wanted[i] == 0) continue;
    if (bound.agreement == Agreement::near && is_floating(dtype)) {
      if (std::abs(given[i] - wanted[i]) <= bound.tolerance) continue;
      // Which elements are not finite may differ, once a sum has been rounded; that some are, not.
      if (!std::isfinite(wanted[i])) continue;
      if (!std::isfinite(given[i]) && (!finite || bound.may_turn_nonfinite)) continue;
    }
    return testing::AssertionFailure()
           << fmt::format("element {} of {} is {}, not {} (tolerance {})", i, wanted.size(),
                          given[i], wanted[i], bound.tolerance);
  }
  return testing::AssertionSuccess();
}

}  // namespace tendon::test
