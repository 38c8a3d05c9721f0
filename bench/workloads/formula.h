// Formulas written to a tape: a value of a TapeBuilder as an operand of ordinary expressions.
#pragma once

#include <tendon/backend.h>

#include <initializer_list>

namespace tendon::workloads {

struct Value {
  TapeBuilder* tape;
  Ref ref;
};

inline Value apply(Op op, std::initializer_list<Value> operands,
                   const Attributes& attributes = {}) {
  Ref refs[3];
  std::size_t count = 0;
  for (const Value& operand : operands) refs[count++] = operand.ref;
  TapeBuilder* tape = operands.begin()->tape;
  return {tape, tape->apply(op, std::span<const Ref>(refs, count), attributes)};
}
inline Value number(const Value& like, double value) {
  return {like.tape, like.tape->constant(value, like.tape->dtype(like.ref))};
}

#define TENDON_UNARY(name, ...) \
  inline Value name(Value x) { return apply(Op::name, {x}); }
#define TENDON_BINARY(name, ...) \
  inline Value name(Value a, Value b) { return apply(Op::name, {a, b}); }
#include <tendon/op_table.inc>

#define TENDON_VALUE_OPERATOR(symbol, name)                                         \
  inline Value operator symbol(Value a, Value b) { return name(a, b); }             \
  inline Value operator symbol(Value a, double b) { return name(a, number(a, b)); } \
  inline Value operator symbol(double a, Value b) { return name(number(b, a), b); }
TENDON_VALUE_OPERATOR(+, add)
TENDON_VALUE_OPERATOR(-, sub)
TENDON_VALUE_OPERATOR(*, mul)
TENDON_VALUE_OPERATOR(/, div)
#undef TENDON_VALUE_OPERATOR
inline Value operator-(Value x) { return neg(x); }

inline Value input(TapeBuilder& tape, DType dtype, const Shape& shape, const char* name) {
  return {&tape, tape.input(dtype, shape, name)};
}

}  // namespace tendon::workloads
