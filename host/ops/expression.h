// Value: an operand of formulas that are written to a tape. The partial derivatives of the op table
// and the pullbacks of the structured ops are ordinary expressions over it, so backward is tape
// like any user's code.
#pragma once

#include <tendon/backend.h>

#include <bit>
#include <type_traits>
#include <vector>

namespace tendon::ops {

// Where expressions are written: the tape, the place that its ops are said to come from, and the
// dtype of an expression made of numbers alone.
struct Emitter {
  // A number that has been written before, as a scalar.
  struct Number {
    double value;
    DType dtype;
    Ref ref;
  };
  TapeBuilder& tape;
  Place place;
  DType dtype;
  std::vector<Number>* numbers = nullptr;  // those that may be used again

  Ref number(double value, DType of, const Shape& shape = {}) {
    if (numbers == nullptr || shape.rank() > 0) return tape.constant(value, of, shape, place);
    for (const Number& number : *numbers) {
      if (std::bit_cast<std::uint64_t>(number.value) == std::bit_cast<std::uint64_t>(value) &&
          number.dtype == of) {
        return number.ref;
      }
    }
    numbers->push_back({value, of, tape.constant(value, of, shape, place)});
    return numbers->back().ref;
  }
};

struct Value {
  Emitter* emitter;
  Ref ref;

  Shape shape() const { return emitter->tape.shape(ref); }  // by value: appending moves the tape
  DType dtype() const { return emitter->tape.dtype(ref); }
};

template <class T>
concept Number = std::is_arithmetic_v<T>;

inline Value apply(Op op, std::initializer_list<Value> operands,
                   const Attributes& attributes = {}) {
  Ref refs[3];
  std::size_t count = 0;
  for (const Value& operand : operands) refs[count++] = operand.ref;
  Emitter* emitter = operands.begin()->emitter;
  return {emitter,
          emitter->tape.apply(op, std::span<const Ref>(refs, count), attributes, emitter->place)};
}
// The number as an operand beside `like`.
inline Value number(const Value& like, double value) {
  return {like.emitter, like.emitter->number(value, like.dtype())};
}

#define TENDON_UNARY(name, ...) \
  inline Value name(const Value& x) { return apply(Op::name, {x}); }
#define TENDON_UNARY_PARAMETER(name, parameter, ...)    \
  inline Value name(const Value& x, double parameter) { \
    return apply(Op::name, {x}, {.number = parameter}); \
  }
#define TENDON_BINARY(name, ...)                                                        \
  inline Value name(const Value& a, const Value& b) { return apply(Op::name, {a, b}); } \
  inline Value name(const Value& a, Number auto b) {                                    \
    return apply(Op::name, {a, number(a, static_cast<double>(b))});                     \
  }                                                                                     \
  inline Value name(Number auto a, const Value& b) {                                    \
    return apply(Op::name, {number(b, static_cast<double>(a)), b});                     \
  }
#define TENDON_TERNARY(name, ...)                                      \
  inline Value name(const Value& a, const Value& b, const Value& c) {  \
    return apply(Op::name, {a, b, c});                                 \
  }                                                                    \
  inline Value name(const Value& a, const Value& b, Number auto c) {   \
    return apply(Op::name, {a, b, number(a, static_cast<double>(c))}); \
  }
#include <tendon/op_table.inc>

#define TENDON_VALUE_OPERATOR(symbol, name)                                           \
  inline Value operator symbol(const Value& a, const Value& b) { return name(a, b); } \
  inline Value operator symbol(const Value& a, Number auto b) { return name(a, b); }  \
  inline Value operator symbol(Number auto a, const Value& b) { return name(a, b); }
TENDON_VALUE_OPERATOR(+, add)
TENDON_VALUE_OPERATOR(-, sub)
TENDON_VALUE_OPERATOR(*, mul)
TENDON_VALUE_OPERATOR(/, div)
TENDON_VALUE_OPERATOR(==, equal)
TENDON_VALUE_OPERATOR(<, less)
TENDON_VALUE_OPERATOR(<=, less_equal)
TENDON_VALUE_OPERATOR(>, greater)
TENDON_VALUE_OPERATOR(>=, greater_equal)
#undef TENDON_VALUE_OPERATOR
inline Value operator&(const Value& a, const Value& b) { return logical_and(a, b); }
inline Value operator|(const Value& a, const Value& b) { return logical_or(a, b); }
inline Value operator-(const Value& x) { return neg(x); }

inline Value where(const Value& condition, const Value& a, const Value& b) {
  return apply(Op::where, {condition, a, b});
}
inline Value where(const Value& condition, const Value& a, Number auto b) {
  return where(condition, a, number(a, static_cast<double>(b)));
}
inline Value where(const Value& condition, Number auto a, const Value& b) {
  return where(condition, number(b, static_cast<double>(a)), b);
}
inline Value where(const Value& condition, Number auto a, Number auto b) {
  Emitter* emitter = condition.emitter;
  const Value first{emitter, emitter->number(static_cast<double>(a), emitter->dtype)};
  return where(condition, first, static_cast<double>(b));
}

// Slopes that use a subexpression twice.
inline Value atan2_slope_by_b(const Value& a, const Value& b) {
  const Value length = hypot(a, b);
  // (a^2 - b^2) / (a^2 + b^2)^2
  const Value slope = (a - b) / length * ((a + b) / length) / length / length;
  return where((length > 0) & is_finite(length), slope, 0);
}
// d sigmoid(u) / dx twice, for gelu_tanh's u. scale: far from 0 the bell vanishes while x * x
// overflows.
inline Value gelu_tanh_bell_slope(const Value& x, const Value& bell) {
  const Value u = x * (1.5957691216057308 + 0.07135481627260025 * x * x);
  return -scale(bell * tanh(0.5 * u), 1.5957691216057308 + 0.21406444881780075 * x * x);
}
inline Value gelu_tanh_bend(const Value& x) {
  const Value u = x * (1.5957691216057308 + 0.07135481627260025 * x * x);
  const Value steepness = 1.5957691216057308 + 0.21406444881780075 * x * x;
  return scale(gelu_tanh_bell(x), 2 * steepness + x * (0.4281288976356015 * x -
                                                       tanh(0.5 * u) * (steepness * steepness)));
}

inline Value cast(const Value& x, DType dtype) { return apply(Op::cast, {x}, {.dtype = dtype}); }
inline Value reshape(const Value& x, const Shape& shape) {
  return x.shape() == shape ? x : apply(Op::reshape, {x}, {.shape = shape});
}
inline Value broadcast_to(const Value& x, const Shape& shape) {
  return x.shape() == shape ? x : apply(Op::broadcast_to, {x}, {.shape = shape});
}
inline Value zeros(Emitter& emitter, DType dtype, const Shape& shape) {
  return {&emitter, emitter.number(0, dtype, shape)};
}
// The sum over what broadcasting stretched: the pullback of broadcasting `shape` to x's.
Value sum_to(const Value& x, const Shape& shape);
// x, reduced over axes (none: all) without keeping them, stretched again over the operand's shape.
Value expand_reduced(const Value& x, const Axes& axes, const Shape& operand);

}  // namespace tendon::ops
