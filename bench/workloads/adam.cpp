#include "bench/workloads/adam.h"

#include <vector>

#include "bench/workloads/formula.h"

namespace tendon::workloads {

Tape adam_tape(std::span<const Parameter> parameters) {
  constexpr double kRate = 1e-3, kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
  TapeBuilder tape;
  std::vector<Ref> targets;
  for (const auto& [dtype, shape] : parameters) {
    const Value value = input(tape, dtype, shape, "value");
    const Value gradient = input(tape, dtype, shape, "gradient");
    const Value first = input(tape, dtype, shape, "first") * kBeta1 + gradient * (1 - kBeta1);
    const Value second =
        input(tape, dtype, shape, "second") * kBeta2 + square(gradient) * (1 - kBeta2);
    const Value deviation = sqrt(second * (1 / (1 - kBeta2))) + kEpsilon;
    const Value after = value - first * (1 / (1 - kBeta1)) * kRate / deviation;
    targets.insert(targets.end(), {after.ref, first.ref, second.ref});
  }
  return std::move(tape).finish(targets);
}

}  // namespace tendon::workloads
