// A plan's kernels without a device: what they are, and compiled for one that is elsewhere.
#pragma once

#include <vector>

#include "host/cuda/generate.h"

namespace tendon::cuda {

// Of all stages, in the order in which they run, as CudaProgram launches them.
std::vector<GeneratedKernel> generate(const plan::Plan& plan, bool is_aligned);

// Fills the cache on disk with the plan's kernels, as launched with buffers that are multiples of
// 16 bytes and with others, for an architecture that need not be present.
void precompile(const plan::Plan& plan, int architecture, const Report& report = {});

}  // namespace tendon::cuda
