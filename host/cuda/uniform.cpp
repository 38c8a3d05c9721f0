#include "host/cuda/uniform.h"

#include <fmt/format.h>
#include <tendon/error.h>

#include <algorithm>

#include "host/ops/op_row.h"

namespace tendon::cuda {
namespace {

template <class T>
T computed(Op op, T a, T b) {
  switch (op) {
    case Op::neg: return -a;
    case Op::square: return a * a;
    case Op::reciprocal: return 1 / a;
    case Op::add: return a + b;
    case Op::sub: return a - b;
    case Op::mul: return a * b;
    case Op::div: return a / b;
    case Op::scale: return a == 0 ? T{0} : a * b;
    default: throw Error(fmt::format("the host does not compute {}", name(op)));
  }
}

double rounded(double value, DType dtype) {
  if (dtype == DType::f64) return value;
  if (dtype == DType::f16) return half(value);
  if (dtype == DType::bf16) return bfloat16(value);
  return static_cast<float>(value);
}

}  // namespace

bool is_of_numbers(const Tape& tape, Ref value) {
  if (!is_floating(tape.dtype(value))) return false;
  if (tape.op(value) == Op::constant) return true;
  return ops::row(tape.op(value)).is_on_host &&
         std::ranges::all_of(tape.operands(value),
                             [&](Ref operand) { return is_of_numbers(tape, operand); });
}

double value_of_numbers(const Tape& tape, Ref value) {
  const DType dtype = tape.dtype(value);
  if (tape.op(value) == Op::constant) return rounded(tape.attributes(value).number, dtype);
  const auto operands = tape.operands(value);
  const double a = value_of_numbers(tape, operands.front());
  const double b = value_of_numbers(tape, operands.back());
  if (dtype == DType::f64) return computed(tape.op(value), a, b);
  return rounded(computed(tape.op(value), static_cast<float>(a), static_cast<float>(b)), dtype);
}

}  // namespace tendon::cuda
