// The muscle fit at five frames of three muscles: residual, loss, gradient, Hessian-vector product.
// Made by tests/golden/muscle.py with JAX 0.10.2; do not edit.
// Inputs: hamstrings_r, gastroc_r, soleus_r of a walking trial of OpenSim's gait10dof18musc
// (A. Seth, after Delp et al. 1990; CC BY 3.0). Parameters: the model's, force x 1.1,
// fiber x 0.95, slack x 1.01. sin(alpha) = min(l0 sin(alpha0) / lM, 0.95).
// Loss: the sum over muscles of the mean over frames of e^2 + 0.1 q^2, with
// e = log((f_T + 0.2) / (F / F0 + 0.2)) and q = log1p(r / (f_M + 0.2)).
#pragma once

namespace tendon::golden {

inline constexpr int kMuscles = 3;
inline constexpr int kMuscleFrames = 5;

// clang-format off
// Samples, one row a muscle; lengths in m, velocity in m/s, force in N.
inline constexpr double kMuscleActivation[3][5] = {
    {0.184017, 0.123737, 0.326759, 0.571727, 0.0347737},
    {0.1657, 0.0261305, 0.686181, 0.72014, 0.0306506},
    {0.02, 0.548973, 0.285432, 0.497063, 0.0438541},
};
inline constexpr double kMuscleFiberLength[3][5] = {
    {0.1156819, 0.1017202, 0.08284782, 0.0652745, 0.09587988},
    {0.08892135, 0.08994565, 0.09207722, 0.07403767, 0.07371273},
    {0.04530854, 0.04609398, 0.04955426, 0.04334771, 0.04822968},
};
inline constexpr double kMuscleFiberVelocity[3][5] = {
    {-0.0827281, -0.0660375, -0.0183149, -0.0473942, 0.219979},
    {-0.0219988, 0.009726, -0.0426935, -0.292191, 0.0872465},
    {-0.00762861, -0.0533966, 0.0993246, -0.109809, -0.00394895},
};
inline constexpr double kMuscleTendonForce[3][5] = {
    {572.035, 210.4588, 562.1805, 240.7585, 148.6984},
    {417.5964, 64.49448, 1275.158, 381.5196, 99.91697},
    {74.52212, 1427.651, 1772.361, 793.6646, 191.3779},
};
inline constexpr double kMuscleMuscleTendonLength[3][5] = {
    {0.49274559, 0.47480722, 0.45982147, 0.43876176, 0.46809847},
    {0.48421129, 0.48006695, 0.49447645, 0.46853743, 0.46409235},
    {0.29194022, 0.29833602, 0.30310291, 0.29316006, 0.29591311},
};
inline constexpr double kMusclePennation[3] = {
    0.0, 0.29670597, 0.43633231,
};
inline constexpr double kMuscleMaxVelocity[3] = {
    10.0, 10.0, 10.0,
};

// Parameters, where everything below is evaluated.
inline constexpr double kMuscleForce[3] = {
    2970.0000000000005, 2750.0, 5650.700000000001,
};
inline constexpr double kMuscleFiber[3] = {
    0.117449526, 0.0570815119, 0.047774362849999995,
};
inline constexpr double kMuscleSlack[3] = {
    0.3734566001, 0.3944632871, 0.2539584501,
};

// f_T - (a f_L f_V + f_PE) cos(alpha)
inline constexpr double kMuscleResidual[3][5] = {
    {-0.08186258262571616, -0.11016926425327887, -0.13922018713638204, -0.07211092050783087,
     -0.06762979839454539},
    {-0.7150171686635044, -0.8851884347150378, -0.8546171323202962, -0.1829356353845733,
     -0.18385082726400054},
    {-0.09039573628004689, -0.25718112551791844, -0.2237115784301219, -0.19005561239931126,
     -0.10336536570197237},
};

inline constexpr double kMuscleLoss = 0.591502042730124;

// d loss / d parameter
inline constexpr double kMuscleLossByForce[3] = {
    -7.664615332813418e-05, -8.874851676512967e-05, -5.0327323123730275e-05,
};
inline constexpr double kMuscleLossByFiber[3] = {
    -0.5894869665556364, -31.590692892630912, -28.245075795319377,
};
inline constexpr double kMuscleLossBySlack[3] = {
    72.1838641008317, 85.89233627300908, 133.79570032347706,
};

// The Hessian of the loss times the parameters themselves.
inline constexpr double kMuscleHessianTimesParametersByForce[3] = {
    -0.008332946566495298, -0.009327303122693314, -0.004353127217463283,
};
inline constexpr double kMuscleHessianTimesParametersByFiber[3] = {
    -59.01246726098955, -875.9078872079307, -2327.386269137571,
};
inline constexpr double kMuscleHessianTimesParametersBySlack[3] = {
    7691.474357080938, 7115.516392617859, 10819.315650864612,
};
// clang-format on

}  // namespace tendon::golden
