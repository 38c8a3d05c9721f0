#include "bench/workloads/cross_entropy.h"

#include "bench/workloads/formula.h"

namespace tendon::workloads {

Tape cross_entropy_tape(DType dtype, std::int64_t rows, std::int64_t classes) {
  TapeBuilder tape;
  const Value logits = input(tape, dtype, {rows, classes}, "logits");
  const Value labels = input(tape, DType::i32, {rows, 1}, "labels");
  const Attributes along_row{.axes = {1}, .keep_dims = true};

  // A constant shift, as in every stable logsumexp: it has no part in the gradient.
  const Value largest = stop_gradient(apply(Op::reduce_max, {logits}, along_row));
  const Value shifted = logits - largest;
  const Value log_sum = log(apply(Op::reduce_sum, {exp(shifted)}, along_row));
  const Value classes_in_order{
      &tape, tape.apply(Op::iota, {}, {.axes = {1}, .shape = {1, classes}, .dtype = DType::i32})};
  const Value at_label =
      apply(Op::where, {equal(classes_in_order, labels), shifted, number(logits, 0)});
  const Value loss = log_sum - apply(Op::reduce_sum, {at_label}, along_row);
  const Value mean = apply(Op::reduce_sum, {loss}) / static_cast<double>(rows);
  return std::move(tape).finish({mean.ref});
}

}  // namespace tendon::workloads
