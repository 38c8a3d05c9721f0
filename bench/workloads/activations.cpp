#include "bench/workloads/activations.h"

#include "bench/workloads/formula.h"

namespace tendon::workloads {

Tape gelu_formula_tape(DType dtype, std::int64_t size) {
  TapeBuilder tape;
  const Value x = input(tape, dtype, {size}, "x");
  const Value y = 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  return std::move(tape).finish({y.ref});
}

Tape gelu_op_tape(DType dtype, std::int64_t size) {
  TapeBuilder tape;
  const Value y = gelu_tanh(input(tape, dtype, {size}, "x"));
  return std::move(tape).finish({y.ref});
}

Tape silu_gate_tape(DType dtype, std::int64_t size) {
  TapeBuilder tape;
  const Value x = input(tape, dtype, {size}, "x");
  const Value gate = input(tape, dtype, {size}, "gate");
  return std::move(tape).finish({(silu(x) * gate).ref});
}

}  // namespace tendon::workloads
