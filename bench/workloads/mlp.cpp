#include "bench/workloads/mlp.h"

#include <vector>

#include "bench/workloads/adam.h"
#include "bench/workloads/formula.h"

namespace tendon::workloads {
namespace {

constexpr std::int64_t kWidths[] = {784, 256, 256, 10};
constexpr int kLayers = 3;

}  // namespace

Tape mlp_tape(DType dtype, std::int64_t batch) {
  TapeBuilder tape;
  Value x = input(tape, dtype, {batch, kWidths[0]}, "images");
  const Value labels = input(tape, dtype, {batch, 1}, "labels");
  for (int i = 0; i < kLayers; ++i) {
    const Value weight = input(tape, dtype, {kWidths[i], kWidths[i + 1]}, "weight");
    const Value bias = input(tape, dtype, {kWidths[i + 1]}, "bias");
    x = apply(Op::matmul, {x, weight}) + bias;
    if (i + 1 < kLayers) x = relu(x);
  }
  const Attributes along_row{.axes = {1}, .keep_dims = true};
  const Value classes{
      &tape,
      tape.apply(Op::iota, {}, {.axes = {1}, .shape = {1, kWidths[kLayers]}, .dtype = dtype})};
  const Value largest = stop_gradient(apply(Op::reduce_max, {x}, along_row));
  const Value log_sum = log(apply(Op::reduce_sum, {exp(x - largest)}, along_row)) + largest;
  const Value at_label = apply(
      Op::reduce_sum, {apply(Op::where, {equal(classes, labels), x, number(x, 0)})}, along_row);
  const Value loss = apply(Op::reduce_sum, {log_sum - at_label}) * (1 / static_cast<double>(batch));
  return std::move(tape).finish({loss.ref});
}

Tape mlp_update_tape(DType dtype) {
  std::vector<Parameter> parameters;
  for (int i = 0; i < kLayers; ++i) {
    parameters.push_back({dtype, {kWidths[i], kWidths[i + 1]}});
    parameters.push_back({dtype, {kWidths[i + 1]}});
  }
  return adam_tape(parameters);
}

}  // namespace tendon::workloads
