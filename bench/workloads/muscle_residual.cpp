#include "bench/workloads/muscle_residual.h"

#include "bench/workloads/formula.h"

namespace tendon::workloads {

namespace {

// Of dimensionless operands, all on one tape.
Value residual(Value l, Value v, Value a, Value t, Value cosine) {
  using namespace muscle;
  const auto bell = [&](const double(&b)[4]) {
    return b[0] * exp(-0.5 * square((l - b[1]) / (b[2] + b[3] * l)));
  };
  const Value active = bell(kBells[0]) + bell(kBells[1]) + bell(kBells[2]);
  const Value passive = (exp(kPassiveSlope * (l - 1)) - kPassiveOffset) / kPassiveScale;
  const Value z = kVelocity[1] * v + kVelocity[2];
  const Value velocity = kVelocity[0] * log(z + sqrt(square(z) + 1)) + kVelocity[3];
  const Value tendon = kTendon[0] * exp(kTendonStiffness * (t - kTendon[1])) - kTendon[2];
  return tendon - (a * active * velocity + passive) * cosine;
}

}  // namespace

Tape muscle_residual_tape(DType dtype, std::int64_t samples) {
  TapeBuilder tape;
  const Value l = input(tape, dtype, {samples}, "fiber length");
  const Value v = input(tape, dtype, {samples}, "fiber velocity");
  const Value a = input(tape, dtype, {samples}, "activation");
  const Value t = input(tape, dtype, {samples}, "tendon length");
  const Value cosine = input(tape, dtype, {samples}, "pennation cosine");
  return std::move(tape).finish({residual(l, v, a, t, cosine).ref});
}

Tape muscle_parameters_tape(DType dtype, std::int64_t muscles, std::int64_t samples) {
  TapeBuilder tape;
  const Value length = input(tape, dtype, {muscles, samples}, "fiber length");
  const Value velocity = input(tape, dtype, {muscles, samples}, "fiber velocity");
  const Value activation = input(tape, dtype, {muscles, samples}, "activation");
  const Value tendon = input(tape, dtype, {muscles, samples}, "tendon length");
  const Value optimal = input(tape, dtype, {muscles, 1}, "optimal fiber length");
  const Value slack = input(tape, dtype, {muscles, 1}, "tendon slack length");
  const Value cosine = input(tape, dtype, {muscles, 1}, "pennation cosine");
  const Value e =
      residual(length / optimal, velocity / optimal, activation, tendon / slack, cosine);
  return std::move(tape).finish({e.ref});
}

}  // namespace tendon::workloads
