#include "bench/workloads/chain.h"

#include "bench/workloads/formula.h"

namespace tendon::workloads {

Tape chain_tape(DType dtype, std::int64_t size, int ops) {
  TapeBuilder tape;
  Value y = input(tape, dtype, {size}, "y");
  const Value x = input(tape, dtype, {size}, "x");
  for (int i = 0; i < ops; ++i) y = i % 2 == 0 ? y * x : y + x;
  return std::move(tape).finish({y.ref});
}

Tape branches_tape(DType dtype, std::int64_t size, int branches) {
  TapeBuilder tape;
  const auto branch = [&] {
    const Value source = input(tape, dtype, {size}, "source");
    return tanh(source) * source;
  };
  Value sum = branch();
  for (int i = 1; i < branches; ++i) sum = sum + branch();
  return std::move(tape).finish({apply(Op::reduce_sum, {sum}).ref});
}

}  // namespace tendon::workloads
