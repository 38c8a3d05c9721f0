#include "bench/workloads/black_scholes.h"

#include <cmath>

#include "bench/workloads/formula.h"

namespace tendon::workloads {
namespace {

Value normal_distribution(Value x) { return 0.5 * (1 + erf(x * std::sqrt(0.5))); }

}  // namespace

Tape black_scholes_tape(DType dtype, std::int64_t options) {
  TapeBuilder tape;
  const Value spot = input(tape, dtype, {options}, "spot");
  const Value strike = input(tape, dtype, {options}, "strike");
  const Value time = input(tape, dtype, {options}, "time");
  const Value rate = input(tape, dtype, {options}, "rate");
  const Value volatility = input(tape, dtype, {options}, "volatility");

  const Value spread = volatility * sqrt(time);
  const Value d1 = (log(spot / strike) + (rate + 0.5 * square(volatility)) * time) / spread;
  const Value d2 = d1 - spread;
  const Value price =
      spot * normal_distribution(d1) - strike * exp(-(rate * time)) * normal_distribution(d2);
  return std::move(tape).finish({price.ref});
}

}  // namespace tendon::workloads
