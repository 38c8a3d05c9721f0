#include "bench/workloads/muscle_fit.h"

#include <cmath>
#include <numbers>

namespace tendon::workloads {

MuscleParameters disturbed(const MuscleParameters& reference, std::uint64_t seed) {
  const auto disturb = [&](const Tensor& values, std::uint64_t part, double spread) {
    const random::Key key = random::fold_in({.seed = seed}, part);
    return values * random::uniform(key, values.shape(), 1 - spread, 1 + spread, DType::f64);
  };
  return {.max_isometric_force = disturb(reference.max_isometric_force, 0, kForceSpread),
          .optimal_fiber_length = disturb(reference.optimal_fiber_length, 1, kFiberSpread),
          .tendon_slack_length = disturb(reference.tendon_slack_length, 2, kTendonSpread)};
}

MuscleParameters fit_parameters(const MuscleParameters& start, const MuscleMotion& motion,
                                int steps, const Report& report) {
  const FitCoordinates coordinates(start, motion);
  const Tensor origin = zeros_like(start.max_isometric_force);
  Variable force(origin, "force"), fiber(origin, "fiber"), tendon_slack(origin, "tendon slack");
  optim::Adam adam({.beta2 = 0.99});
  for (int step = 0; step < steps; ++step) {
    GradientTape tape;
    const Tensor loss = fit_loss(coordinates.at(force, fiber, tendon_slack), motion);
    const Gradients gradients = tape.gradient(loss, {force, fiber, tendon_slack});
    adam.options().learning_rate = 0.1 * (1 + std::cos(std::numbers::pi * step / steps));
    adam.apply(gradients, {force, fiber, tendon_slack});
    if (report) report(step, loss);
  }
  const MuscleParameters fitted = coordinates.at(force, fiber, tendon_slack);
  if (report) report(steps, fit_loss(fitted, motion));
  return fitted;
}

}  // namespace tendon::workloads
