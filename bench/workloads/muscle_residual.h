// How far muscle and tendon are from equilibrium, per sample, in the dimensionless variables of F.
// De Groote, A. L. Kinney, A. V. Rao, B. J. Fregly (2016), Annals of Biomedical Engineering 44.
#pragma once

#include <tendon/backend.h>

#include <cmath>

namespace tendon::workloads {

namespace muscle {
// Active force-length: the sum of b1 exp(-(l - b2)^2 / (2 (b3 + b4 l)^2)).
inline constexpr double kBells[3][4] = {
    {0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465},
    {0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188},
    {0.1, 1, 0.353553390593274, 0}};
// Passive force-length: (exp(slope (l - 1)) - offset) / scale.
inline constexpr double kPassiveSlope = 4 / 0.6;
inline const double kPassiveOffset = std::exp(kPassiveSlope * (0.2 - 1));
inline const double kPassiveScale = std::exp(4.0) - kPassiveOffset;
// Force-velocity: d1 ln(z + sqrt(z^2 + 1)) + d4 with z = d2 v + d3.
inline constexpr double kVelocity[4] = {-0.3211346127989808, -8.149, -0.374, 0.8825327733249912};
// Tendon: c1 exp(k (t - c2)) - c3.
inline constexpr double kTendon[3] = {0.2, 1, 0.2};
inline const double kTendonStiffness = std::log((1 + 0.2) / 0.2) / (1 + 0.049 - 1);
}  // namespace muscle

// Inputs, each (samples): fiber length l, fiber velocity v, activation a, tendon length t, cosine
// of the pennation angle. Target, (samples): f_T(t) - (a f_L(l) f_V(v) + f_PE(l)) cosine.
Tape muscle_residual_tape(DType dtype, std::int64_t samples);

// The same with parameters of each muscle, whose gradients are sums over its samples. Inputs, each
// (muscles, samples): fiber length, fiber velocity, activation, tendon length; each (muscles, 1):
// optimal fiber length, by which length and velocity are divided, tendon slack length, by which the
// tendon length is divided, cosine of the pennation angle. Target, (muscles, samples).
Tape muscle_parameters_tape(DType dtype, std::int64_t muscles, std::int64_t samples);
inline constexpr std::size_t kMuscleParameters = 3;  // the last inputs

}  // namespace tendon::workloads
