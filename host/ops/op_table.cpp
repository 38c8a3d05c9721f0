// The op table: a row for every op. The rows of the elementwise ops, with their pullbacks, are made
// from <tendon/op_table.inc>; those of the structured ops name the rules in their files.
#include <array>
#include <cmath>
#include <utility>

#include "host/ops/checks.h"
#include "host/ops/op_row.h"
#include "host/ops/pullback.h"
#include "host/ops/rules.h"

namespace tendon {
namespace ops {
namespace {

struct None {};
constexpr None none;

// What a partial makes of the cotangent. 1, -1 and 0 need no product.
void give_scaled(Pullback& pullback, int i, int partial) {
  const Shape shape = pullback.operand(i).shape();
  if (partial == 0) {
    pullback.give(i, zeros(pullback.emitter(), pullback.operand(i).dtype(), shape));
  } else {
    const Value cotangent = pullback.cotangent();
    pullback.give(i, sum_to(partial == 1 ? cotangent : -cotangent, shape));
  }
}
void give_scaled(Pullback& pullback, int i, const Value& partial) {
  const Shape shape = pullback.operand(i).shape();
  const Value cotangent = pullback.cotangent();
  const bool is_partial = pullback.cotangent_is_one() && partial.shape() == cotangent.shape();
  pullback.give(i, sum_to(is_partial ? partial : scale(cotangent, partial), shape));
}
void give_scaled(Pullback&, int, None) {}

// The partials of each row, as functions of its operands and result.
#define TENDON_ARGUMENT [[maybe_unused]] const Value&
#define TENDON_UNARY(name, value, partial, ...)                                 \
  struct name##_row {                                                           \
    static auto slope(TENDON_ARGUMENT x, TENDON_ARGUMENT y) { return partial; } \
  };
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, partial, ...)                    \
  struct name##_row {                                                                            \
    static auto slope(TENDON_ARGUMENT x, TENDON_ARGUMENT y, [[maybe_unused]] double parameter) { \
      return partial;                                                                            \
    }                                                                                            \
  };
#define TENDON_BINARY(name, value, partial_a, partial_b, ...)                      \
  struct name##_row {                                                              \
    static auto slope_a(TENDON_ARGUMENT a, TENDON_ARGUMENT b, TENDON_ARGUMENT y) { \
      return partial_a;                                                            \
    }                                                                              \
    static auto slope_b(TENDON_ARGUMENT a, TENDON_ARGUMENT b, TENDON_ARGUMENT y) { \
      return partial_b;                                                            \
    }                                                                              \
  };
#define TENDON_TERNARY(name, value, partial_a, partial_b, partial_c, ...)          \
  struct name##_row {                                                              \
    static auto slope_a(TENDON_ARGUMENT a, TENDON_ARGUMENT b, TENDON_ARGUMENT c) { \
      return partial_a;                                                            \
    }                                                                              \
    static auto slope_b(TENDON_ARGUMENT a, TENDON_ARGUMENT b, TENDON_ARGUMENT c) { \
      return partial_b;                                                            \
    }                                                                              \
    static auto slope_c(TENDON_ARGUMENT a, TENDON_ARGUMENT b, TENDON_ARGUMENT c) { \
      return partial_c;                                                            \
    }                                                                              \
  };
#include <tendon/op_table.inc>
#undef TENDON_ARGUMENT

template <class Slope>
constexpr std::uint8_t bit(int operand) {
  return std::is_same_v<Slope, None> ? 0 : static_cast<std::uint8_t>(1 << operand);
}

template <class Row>
void pull_unary(Pullback& p) {
  give_scaled(p, 0, Row::slope(p.operand(0), p.result()));
}
template <class Row>
void pull_unary_parameter(Pullback& p) {
  give_scaled(p, 0, Row::slope(p.operand(0), p.result(), p.attributes().number));
}
template <class Row>
void pull_binary(Pullback& p) {
  const Value a = p.operand(0);
  const Value b = p.operand(1);
  if (p.needed(0)) give_scaled(p, 0, Row::slope_a(a, b, p.result()));
  if (p.needed(1)) give_scaled(p, 1, Row::slope_b(a, b, p.result()));
}
// Where its first operand is 0, scale is 0 whatever the second: its derivative by that is too,
// whatever comes back.
template <>
void pull_binary<scale_row>(Pullback& p) {
  const Value a = p.operand(0);
  const Value b = p.operand(1);
  if (p.needed(0)) p.give(0, sum_to(scale(p.cotangent(), b), a.shape()));
  if (p.needed(1)) p.give(1, sum_to(where(a == 0, 0, scale(p.cotangent(), a)), b.shape()));
}
template <class Row>
void pull_ternary(Pullback& p) {
  const Value a = p.operand(0);
  const Value b = p.operand(1);
  const Value c = p.operand(2);
  if (p.needed(0)) give_scaled(p, 0, Row::slope_a(a, b, c));
  if (p.needed(1)) give_scaled(p, 1, Row::slope_b(a, b, c));
  if (p.needed(2)) give_scaled(p, 2, Row::slope_c(a, b, c));
}

#define TENDON_SLOPE(row, slope) \
  decltype(row##_row::slope(std::declval<Value>(), std::declval<Value>(), std::declval<Value>()))

constexpr std::uint8_t kFirst = 1;
constexpr std::uint8_t kSecondThird = 6;

// Of the elementwise ops that are cheaper than a function, or dearer.
constexpr int cost_of(Op op) {
  switch (op) {
    case Op::neg:
    case Op::abs:
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::scale:
    case Op::square:
    case Op::maximum:
    case Op::minimum:
    case Op::relu:
    case Op::step: return 1;
    case Op::div:
    case Op::sqrt:
    case Op::reciprocal: return 3;
    case Op::lgamma:
    case Op::digamma:
    case Op::polygamma: return 4 * kCostOfFunction;
    default: return kCostOfFunction;
  }
}

// host/cuda/uniform.cpp computes them.
constexpr bool is_on_host(Op op) {
  switch (op) {
    case Op::neg:
    case Op::square:
    case Op::reciprocal:
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::scale: return true;
    default: return false;
  }
}

}  // namespace

constinit const OpRow kRows[] = {
    {Op::input, "input"},
    {Op::constant, "constant", OpKind::leaf, 0, 0, infer_generated},
    {Op::literal, "literal"},
    {Op::iota, "iota", OpKind::leaf, 0, 0, infer_generated},
    {Op::uniform, "uniform", OpKind::leaf, 0, 0, infer_generated},
#define TENDON_BRACES(low, high) \
  { low, high }
#define TENDON_UNARY(name, value, partial, operands, result, domain, ulp)                        \
  OpRow{Op::name,                                                                                \
        #name,                                                                                   \
        OpKind::pointwise,                                                                       \
        1,                                                                                       \
        bit<decltype(name##_row::slope(std::declval<Value>(), std::declval<Value>()))>(0),       \
        infer_elementwise,                                                                       \
        pull_unary<name##_row>,                                                                  \
        {OperandClass::operands, ResultClass::result, Domain TENDON_BRACES domain, ulp, #value}, \
        cost_of(Op::name),                                                                       \
        is_on_host(Op::name)},
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, partial, operands, result, domain, \
                               ulp)                                                                \
  OpRow{Op::name,                                                                                  \
        #name,                                                                                     \
        OpKind::pointwise,                                                                         \
        1,                                                                                         \
        kFirst,                                                                                    \
        infer_elementwise,                                                                         \
        pull_unary_parameter<name##_row>,                                                          \
        {OperandClass::operands, ResultClass::result, Domain TENDON_BRACES domain, ulp, #value,    \
         #parameter},                                                                              \
        cost_of(Op::name),                                                                         \
        is_on_host(Op::name)},
#define TENDON_BINARY(name, value, partial_a, partial_b, operands, result, domain, ulp)          \
  OpRow{Op::name,                                                                                \
        #name,                                                                                   \
        OpKind::pointwise,                                                                       \
        2,                                                                                       \
        static_cast<std::uint8_t>(bit<TENDON_SLOPE(name, slope_a)>(0) |                          \
                                  bit<TENDON_SLOPE(name, slope_b)>(1)),                          \
        infer_elementwise,                                                                       \
        pull_binary<name##_row>,                                                                 \
        {OperandClass::operands, ResultClass::result, Domain TENDON_BRACES domain, ulp, #value}, \
        cost_of(Op::name),                                                                       \
        is_on_host(Op::name)},
#define TENDON_TERNARY(name, value, partial_a, partial_b, partial_c, operands, result, domain,   \
                       ulp)                                                                      \
  OpRow{Op::name,                                                                                \
        #name,                                                                                   \
        OpKind::pointwise,                                                                       \
        3,                                                                                       \
        static_cast<std::uint8_t>(bit<TENDON_SLOPE(name, slope_a)>(0) |                          \
                                  bit<TENDON_SLOPE(name, slope_b)>(1) |                          \
                                  bit<TENDON_SLOPE(name, slope_c)>(2)),                          \
        infer_elementwise,                                                                       \
        pull_ternary<name##_row>,                                                                \
        {OperandClass::operands, ResultClass::result, Domain TENDON_BRACES domain, ulp, #value}, \
        cost_of(Op::name),                                                                       \
        is_on_host(Op::name)},
#include <tendon/op_table.inc>
#undef TENDON_BRACES
    {Op::where, "where", OpKind::pointwise, 3, kSecondThird, infer_where, pull_where, {}, 1},
    {Op::cast, "cast", OpKind::pointwise, 1, kFirst, infer_cast, pull_cast, {}, 1},
    {Op::reduce_sum, "reduce_sum", OpKind::reduce, 1, kFirst, infer_reduce, pull_reduce_sum},
    {Op::reduce_max, "reduce_max", OpKind::reduce, 1, kFirst, infer_reduce, pull_reduce_extreme},
    {Op::reduce_min, "reduce_min", OpKind::reduce, 1, kFirst, infer_reduce, pull_reduce_extreme},
    {Op::argmax, "argmax", OpKind::reduce, 1, 0, infer_arg_reduce},
    {Op::argmin, "argmin", OpKind::reduce, 1, 0, infer_arg_reduce},
    {Op::matmul, "matmul", OpKind::contract, 2, 3, infer_matmul, pull_matmul},
    {Op::reshape, "reshape", OpKind::view, 1, kFirst, infer_reshape, pull_reshape},
    {Op::transpose, "transpose", OpKind::view, 1, kFirst, infer_transpose, pull_transpose},
    {Op::broadcast_to, "broadcast_to", OpKind::view, 1, kFirst, infer_broadcast_to,
     pull_broadcast_to},
    {Op::slice, "slice", OpKind::view, 1, kFirst, infer_slice, pull_slice},
    {Op::unslice, "unslice", OpKind::view, 1, kFirst, infer_unslice, pull_unslice},
    {Op::concat, "concat", OpKind::view, kVariadic, kFirst, infer_concat, pull_concat},
    {.op = Op::gather,
     .name = "gather",
     .kind = OpKind::irregular,
     .arity = 2,
     .differentiable = kFirst,
     .infer = infer_gather,
     .pullback = pull_gather,
     .takes_indices = true},
    {.op = Op::scatter_add,
     .name = "scatter_add",
     .kind = OpKind::irregular,
     .arity = 2,
     .differentiable = kFirst,
     .infer = infer_scatter_add,
     .pullback = pull_scatter_add,
     .takes_indices = true},
};
static_assert(std::size(kRows) == kOpCount);

namespace {

// Which dtypes an operand class takes.
bool takes(OperandClass operands, DType dtype) {
  switch (operands) {
    case OperandClass::floating: return is_floating(dtype);
    case OperandClass::numeric: return dtype != DType::boolean;
    case OperandClass::any: return true;
    case OperandClass::boolean: return dtype == DType::boolean;
  }
  __builtin_unreachable();
}
const char* text(OperandClass operands) {
  switch (operands) {
    case OperandClass::floating: return "floating";
    case OperandClass::numeric: return "integer or floating";
    case OperandClass::any: return "any";
    case OperandClass::boolean: return "boolean";
  }
  __builtin_unreachable();
}

std::string text(const Call& call) {
  std::string shapes;
  for (const Type* operand : call.operands) {
    fmt::format_to(std::back_inserter(shapes), "{}{} {}", shapes.empty() ? "" : " x ",
                   operand->dtype, operand->shape);
  }
  return shapes;
}

}  // namespace

Type infer(const Call& call) {
  const auto number = static_cast<std::size_t>(call.op);
  if (number >= kOpCount) {
    throw Error(fmt::format("apply{}: there is no Op {}", support::at(call.place), number));
  }
  const OpRow& op = row(call.op);
  if (op.infer == nullptr) throw error<Error>(call, "is not applied: ask for an {}", op.name);
  const auto count = static_cast<int>(call.operands.size());
  if (op.arity == kVariadic ? count == 0 : count != op.arity) {
    throw error<ShapeError>(call, "takes {} operands, got {}",
                            op.arity == kVariadic ? "one or more" : fmt::format("{}", op.arity),
                            count);
  }
  return op.infer(call);
}

namespace {

// Beyond it polygamma takes longer than anyone waits, and overflows every dtype.
constexpr double kMostOrder = 10'000;

void check_parameter(const Call& call, const char* name) {
  const double value = call.attributes.number;
  if (call.op == Op::polygamma) {
    if (!(value >= 0 && value <= kMostOrder) || value != std::trunc(value)) {
      throw error<Error>(call, "{} is {}; it must be a whole number from 0 to {}", name, value,
                         kMostOrder);
    }
  } else if (!std::isfinite(value)) {
    throw error<Error>(call, "{} is {}; it must be finite", name, value);
  }
}

}  // namespace

Type infer_elementwise(const Call& call) {
  const Elementwise& op = row(call.op).elementwise;
  if (op.parameter != nullptr) check_parameter(call, op.parameter);
  const Type& first = *call.operands[0];
  Type result = first;
  for (const Type* operand : call.operands) {
    if (!takes(op.operands, operand->dtype)) {
      throw error<DTypeError>(call, "operands must be {}: {}", text(op.operands), text(call));
    }
    if (operand->dtype != first.dtype) {
      throw error<DTypeError>(call, "dtypes differ: {}", text(call));
    }
    if (operand->shape != result.shape && !broadcast(result.shape, operand->shape, result.shape)) {
      throw error<ShapeError>(call, "shapes do not broadcast: {}", text(call));
    }
  }
  if (result.shape != first.shape) check_extents(call, result.shape);
  if (op.result == ResultClass::boolean) result.dtype = DType::boolean;
  return result;
}

}  // namespace ops

const char* name(Op op) {
  return static_cast<std::size_t>(op) < kOpCount ? ops::row(op).name : "unknown";
}

}  // namespace tendon
