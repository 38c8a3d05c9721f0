#include "bench/workloads/repeated_op.h"

#include <string_view>

#include "bench/workloads/formula.h"

namespace tendon::workloads {

const std::vector<RepeatedOp>& repeated_ops() {
  constexpr auto kTakesNumbers = [](std::string_view operands) { return operands != "boolean"; };
  static const std::vector<RepeatedOp> all = {
#define TENDON_UNARY(name, value, partial, operands, ...) \
  {Op::name, #name, 1, kTakesNumbers(#operands)},
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, partial, operands, ...) \
  {Op::name, #name, 1, kTakesNumbers(#operands), initial},
#define TENDON_BINARY(name, value, partial_a, partial_b, operands, ...) \
  {Op::name, #name, 2, kTakesNumbers(#operands)},
#define TENDON_TERNARY(name, value, partial_a, partial_b, partial_c, operands, ...) \
  {Op::name, #name, 3, kTakesNumbers(#operands)},
#include <tendon/op_table.inc>
  };
  return all;
}

namespace {

// Replaces the first of the operands by the op's result, of the same dtype.
void apply(TapeBuilder& tape, const RepeatedOp& op, std::vector<Ref>& operands) {
  const DType dtype = tape.dtype(operands[0]);
  operands[0] = tape.apply(op.op, std::span(operands).first(static_cast<std::size_t>(op.arity)),
                           {.number = op.parameter});
  if (tape.dtype(operands[0]) != dtype)
    operands[0] = tape.apply(Op::cast, {operands[0]}, {.dtype = dtype});
}

}  // namespace

Tape repeated_op_tape(const RepeatedOp& op, DType dtype, const Shape& shape, int count) {
  if (!op.takes_numbers) dtype = DType::boolean;
  TapeBuilder tape;
  std::vector<Ref> operands{tape.input(dtype, shape, "x")};
  if (op.arity > 1) operands.push_back(tape.input(dtype, shape, "b"));
  if (op.arity > 2) operands.push_back(tape.input(dtype, shape, "c"));
  for (int i = 0; i < count; ++i) apply(tape, op, operands);
  return std::move(tape).finish({operands[0]});
}

Tape different_ops_tape(DType dtype, const Shape& shape, int times) {
  TapeBuilder tape;
  std::vector<Ref> operands;
  for (const char* name : {"x", "b", "c"}) operands.push_back(tape.input(dtype, shape, name));
  for (int i = 0; i < times; ++i) {
    for (const RepeatedOp& op : repeated_ops()) {
      if (op.takes_numbers) apply(tape, op, operands);
    }
  }
  return std::move(tape).finish({operands[0]});
}

Tape products_tape(DType dtype, std::int64_t size, int count, int targets) {
  TapeBuilder tape;
  const Value b = input(tape, dtype, {size}, "b");
  std::vector<Value> sources;
  for (int i = 0; i < targets; ++i) sources.push_back(input(tape, dtype, {size}, "x"));
  std::vector<Ref> results;
  Value y = b;
  for (int i = 0; i < count; ++i) {
    y = y * (i % 2 == 0 ? sources[static_cast<std::size_t>(i / 2 % targets)] : b);
    if (i >= count - targets) results.push_back(y.ref);
  }
  return std::move(tape).finish(results);
}

}  // namespace tendon::workloads
