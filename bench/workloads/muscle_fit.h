// The fit of muscle parameters to a motion: gradient descent on the loss of muscle_model.h.
#pragma once

#include <cstdint>
#include <functional>

#include "bench/workloads/muscle_model.h"

namespace tendon::workloads {

// Where the parameters start: uniformly this far to either side of the reference.
inline constexpr double kForceSpread = 0.20, kFiberSpread = 0.10, kTendonSpread = 0.03;
MuscleParameters disturbed(const MuscleParameters& reference, std::uint64_t seed);

// Called with the loss of a step, not yet computed, from 0 to `steps`, which is the loss of the
// result.
using Report = std::function<void(int step, const Tensor& loss)>;

// Adam, its learning rate falling along a cosine to 0.
MuscleParameters fit_parameters(const MuscleParameters& start, const MuscleMotion& motion,
                                int steps, const Report& report = {});

}  // namespace tendon::workloads
