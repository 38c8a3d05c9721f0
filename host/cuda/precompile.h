// A plan's kernels without a device: what they are, and compiled for one that is elsewhere.
#pragma once

#include <vector>

#include "host/cuda/generate.h"

namespace tendon::cuda {

// Of all stages, in the order in which they run, where the library knows each product with its
// epilogue.
std::vector<GeneratedKernel> generate(const plan::Plan& plan, bool is_aligned);

// The kernels that a program of any device asks for, each once: with buffers that are multiples of
// 16 bytes and with others, and with kernels for epilogues, which a device's library may not know.
std::vector<KernelText> texts_to_compile(const plan::Plan& plan);

// Fills the cache on disk with those kernels, for an architecture that need not be present.
void precompile(const plan::Plan& plan, int architecture, const Report& report = {});

}  // namespace tendon::cuda
