#include "bench/workloads/muscle_model.h"

#include <cmath>

namespace tendon::workloads {
namespace {

// The tendon curve is c1 exp(kT (length - c2)) - c3 with c1 = c3 = 0.2 and c2 = 1; kT makes the
// strain 0.049 at maximum isometric force.
constexpr double kTendonShift = 0.2;
const double kTendonStiffness = std::log((1 + kTendonShift) / kTendonShift) / 0.049;

constexpr double kEquilibriumWeight = 0.1;
constexpr double kLogarithmicStep = 0.1;  // a unit step in a coordinate changes force or fiber
                                          // length by about 10 %
constexpr double kLargestPennationSine = 0.95;  // keeps the cosine away from 0

Tensor pennation_sine(const Tensor& optimal_fiber_length, const MuscleMotion& motion) {
  return minimum(optimal_fiber_length * sin(motion.pennation_at_optimal) / motion.fiber_length,
                 kLargestPennationSine);
}

Tensor pennation_cosine(const Tensor& optimal_fiber_length, const MuscleMotion& motion) {
  return sqrt(1 - square(pennation_sine(optimal_fiber_length, motion)));
}

// Along the tendon, in units of the maximum isometric force.
Tensor muscle_force(const MuscleParameters& parameters, const MuscleMotion& motion,
                    const Tensor& cosine) {
  const Tensor length = motion.fiber_length / parameters.optimal_fiber_length;
  const Tensor velocity =
      motion.fiber_velocity / (parameters.optimal_fiber_length * motion.max_contraction_speed);
  return (motion.activation * active_force_length(length) * force_velocity(velocity) +
          passive_force_length(length)) *
         cosine;
}

}  // namespace

Tensor active_force_length(const Tensor& length) {
  constexpr double kBells[3][4] = {
      {0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465},
      {0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188},
      {0.1, 1, 0.353553390593274, 0}};
  const auto bell = [&](const double(&b)[4]) {
    return b[0] * exp(-0.5 * square((length - b[1]) / (b[2] + b[3] * length)));
  };
  return bell(kBells[0]) + bell(kBells[1]) + bell(kBells[2]);
}

Tensor passive_force_length(const Tensor& length) {
  constexpr double kStiffness = 4, kStrainAtUnitForce = 0.6, kShortestLength = 0.2;
  const double offset = std::exp(kStiffness * (kShortestLength - 1) / kStrainAtUnitForce);
  return (exp(kStiffness / kStrainAtUnitForce * (length - 1)) - offset) /
         (std::exp(kStiffness) - offset);
}

Tensor force_velocity(const Tensor& velocity) {
  return -0.3211346127989808 * asinh(-8.149 * velocity - 0.374) + 0.8825327733249912;
}

Tensor tendon_force_length(const Tensor& length) {
  return kTendonShift * exp(kTendonStiffness * (length - 1)) - kTendonShift;
}

Equilibrium equilibrium(const MuscleParameters& parameters, const MuscleMotion& motion) {
  const Tensor cosine = pennation_cosine(parameters.optimal_fiber_length, motion);
  const Tensor tendon_length = motion.muscle_tendon_length - motion.fiber_length * cosine;
  return {.tendon_force = tendon_force_length(tendon_length / parameters.tendon_slack_length),
          .muscle_force = muscle_force(parameters, motion, cosine)};
}

MuscleMotion in_equilibrium(const MuscleParameters& parameters, MuscleMotion motion) {
  const Tensor cosine = pennation_cosine(parameters.optimal_fiber_length, motion);
  const Tensor force = muscle_force(parameters, motion, cosine);
  const Tensor strain = log1p(force / kTendonShift) / kTendonStiffness;
  motion.tendon_force = parameters.max_isometric_force * force;
  motion.muscle_tendon_length =
      motion.fiber_length * cosine + parameters.tendon_slack_length * (1 + strain);
  return motion;
}

Tensor fit_loss(const MuscleParameters& parameters, const MuscleMotion& motion) {
  const auto [tendon, muscle] = equilibrium(parameters, motion);
  const Tensor recorded = motion.tendon_force / parameters.max_isometric_force;
  const Tensor force_error = log((tendon + kTendonShift) / (recorded + kTendonShift));
  // log((tendon + shift) / (muscle + shift)), accurate where the two are close.
  const Tensor equilibrium_error = log1p((tendon - muscle) / (muscle + kTendonShift));
  return reduce_sum(
      reduce_mean(square(force_error) + kEquilibriumWeight * square(equilibrium_error), -1));
}

FitCoordinates::FitCoordinates(const MuscleParameters& start, const MuscleMotion& motion)
    : start_(start) {
  strain_per_force_ = reduce_mean(
      motion.tendon_force / (motion.tendon_force + kTendonShift * start.max_isometric_force), -1,
      true);
  const Tensor sine = pennation_sine(start.optimal_fiber_length, motion);
  const Tensor cosine = sqrt(1 - square(sine));
  tendon_length_per_fiber_ =
      reduce_mean(motion.fiber_length * square(sine) / cosine /
                      (motion.muscle_tendon_length - motion.fiber_length * cosine),
                  -1, true);
  run({strain_per_force_, tendon_length_per_fiber_});
}

MuscleParameters FitCoordinates::at(const Tensor& force, const Tensor& fiber,
                                    const Tensor& tendon) const {
  const Tensor log_force = kLogarithmicStep * force;
  const Tensor log_fiber = kLogarithmicStep * fiber;
  return {.max_isometric_force = start_.max_isometric_force * exp(log_force),
          .optimal_fiber_length = start_.optimal_fiber_length * exp(log_fiber),
          .tendon_slack_length = start_.tendon_slack_length *
                                 exp((tendon + strain_per_force_ * log_force) / kTendonStiffness +
                                     tendon_length_per_fiber_ * log_fiber)};
}

}  // namespace tendon::workloads
