// A plan's kernels without a device: what they are, and compiled for one that is elsewhere.
#pragma once

#include <vector>

#include "host/cuda/generate.h"

namespace tendon::cuda {

// Of all stages, in the order in which they run, as CudaProgram launches them.
std::vector<GeneratedKernel> generate(const plan::Plan& plan, bool is_aligned);

}  // namespace tendon::cuda
