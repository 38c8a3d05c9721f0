#include "bench/workloads/mlp.h"

#include <vector>

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
  constexpr double kRate = 1e-3, kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
  TapeBuilder tape;
  std::vector<Ref> targets;
  const auto update = [&](const Shape& shape) {
    const Value value = input(tape, dtype, shape, "value");
    const Value gradient = input(tape, dtype, shape, "gradient");
    const Value first = input(tape, dtype, shape, "first") * kBeta1 + gradient * (1 - kBeta1);
    const Value second =
        input(tape, dtype, shape, "second") * kBeta2 + square(gradient) * (1 - kBeta2);
    const Value deviation = sqrt(second * (1 / (1 - kBeta2))) + kEpsilon;
    const Value after = value - first * (1 / (1 - kBeta1)) * kRate / deviation;
    targets.insert(targets.end(), {after.ref, first.ref, second.ref});
  };
  for (int i = 0; i < kLayers; ++i) {
    update({kWidths[i], kWidths[i + 1]});
    update({kWidths[i + 1]});
  }
  return std::move(tape).finish(targets);
}

}  // namespace tendon::workloads
