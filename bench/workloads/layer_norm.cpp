#include "bench/workloads/layer_norm.h"

#include "bench/workloads/formula.h"

namespace tendon::workloads {

Tape layer_norm_tape(DType dtype, std::int64_t rows, std::int64_t columns) {
  TapeBuilder tape;
  const Value x = input(tape, dtype, {rows, columns}, "x");
  const Value scale = input(tape, dtype, {columns}, "scale");
  const Value shift = input(tape, dtype, {columns}, "shift");
  const auto mean = [&](Value of) {
    return apply(Op::reduce_sum, {of}, {.axes = {1}, .keep_dims = true}) *
           (1 / static_cast<double>(columns));
  };
  const Value centred = x - mean(x);
  const Value y = centred * rsqrt(mean(square(centred)) + 1e-5) * scale + shift;
  return std::move(tape).finish({y.ref});
}

}  // namespace tendon::workloads
