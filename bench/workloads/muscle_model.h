// A muscle in series with its tendon, and how far a recorded motion is from what its parameters
// predict. Owns the formulas; where the motion comes from is gait.h's matter.
//
// F. De Groote, A. L. Kinney, A. V. Rao, B. J. Fregly (2016), "Evaluation of direct collocation
// optimal control problem formulations for solving the muscle redundancy problem", Annals of
// Biomedical Engineering 44.
#pragma once

#include <tendon/tendon.h>

namespace tendon::workloads {

// The dimensionless curves, elementwise.
Tensor active_force_length(const Tensor& length);   // of fiber length / optimal fiber length
Tensor passive_force_length(const Tensor& length);  // likewise
Tensor force_velocity(const Tensor& velocity);     // of velocity / maximum velocity; shortening < 0
Tensor tendon_force_length(const Tensor& length);  // of tendon length / tendon slack length

// The parameters that are fitted: (muscles, 1), or scalars for one muscle.
struct MuscleParameters {
  Tensor max_isometric_force;   // N
  Tensor optimal_fiber_length;  // m
  Tensor tendon_slack_length;   // m
};

// A recorded motion, (muscles, frames), and what is known of each muscle, (muscles, 1); or
// (frames) and scalars for one muscle.
struct MuscleMotion {
  Tensor activation;             // 0 to 1
  Tensor fiber_length;           // m
  Tensor fiber_velocity;         // m/s
  Tensor tendon_force;           // N
  Tensor muscle_tendon_length;   // m
  Tensor pennation_at_optimal;   // rad
  Tensor max_contraction_speed;  // optimal fiber lengths per second
};

// The two forces along the tendon, in units of the maximum isometric force. They are equal where
// muscle and tendon are in equilibrium.
struct Equilibrium {
  Tensor tendon_force;
  Tensor muscle_force;
};
Equilibrium equilibrium(const MuscleParameters& parameters, const MuscleMotion& motion);

// Puts into the motion the tendon force and the muscle-tendon length that make its activation and
// fiber lengths an equilibrium.
MuscleMotion in_equilibrium(const MuscleParameters& parameters, MuscleMotion motion);

// A scalar: over the muscles, the sum of the mean over the frames of e^2 + 0.1 q^2, where e
// compares the tendon curve with the recorded force and q compares tendon with muscle, both in
// logarithms. The logarithm undoes the exponential of the tendon curve, so that e is linear in 1 /
// tendon slack length and the fit converges from far away.
Tensor fit_loss(const MuscleParameters& parameters, const MuscleMotion& motion);

// The coordinates in which the loss is well conditioned. All are 0 at the start values.
class FitCoordinates {
 public:
  FitCoordinates(const MuscleParameters& start, const MuscleMotion& motion);

  // The parameters at these coordinates, each (muscles, 1). A step in force or fiber length moves
  // the tendon slack length along, so that the mean tendon strain stays what it was.
  MuscleParameters at(const Tensor& force, const Tensor& fiber, const Tensor& tendon) const;

 private:
  MuscleParameters start_;
  Tensor strain_per_force_;         // d(mean normalised strain) / d log(maximum isometric force)
  Tensor tendon_length_per_fiber_;  // d log(mean tendon length) / d log(optimal fiber length)
};

}  // namespace tendon::workloads
