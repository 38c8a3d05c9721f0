// The one mapping from a plan's stages to launches. A program of a device runs them; precompile()
// compiles their kernels. Needs no device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <variant>
#include <vector>

#include "host/cuda/generate.h"
#include "host/cuda/scatter.h"

namespace tendon::cuda {

struct KernelOfStage {
  GeneratedKernel kernel;
  Ref value;  // that it writes, or that comes of what it writes
};
// A product by the library, after the kernels that pack its operands.
struct ProductOfStage {
  std::size_t contraction = 0;  // its number among the plan's contractions
  Ref result;
};
// The sort of a scatter_add's keys.
struct SortOfStage {
  SortedScatter scatter;
  Ref value;
};
using StageLaunch = std::variant<KernelOfStage, ProductOfStage, SortOfStage>;

// True if the library does not do what a contraction, by its number, asks for beside the product,
// so that a kernel follows.
using HasEpilogue = std::function<bool(std::size_t contraction)>;

// The launches of all stages, in the order in which they run. `workspace`: where in the arena
// products and sorts have theirs. The plan must outlive the launches.
std::vector<StageLaunch> stage_launches(const plan::Plan& plan, bool is_aligned,
                                        std::int64_t workspace, const HasEpilogue& has_epilogue);

}  // namespace tendon::cuda
