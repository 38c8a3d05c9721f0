// What the stages of a plan have in common, whichever alternative they are. Each function is a
// visit that names every alternative: a new one does not compile until all of them handle it.
#pragma once

#include <span>
#include <vector>

#include "host/plan/plan.h"

namespace tendon::plan {

// "pointwise", "reduce", "multi", "contract" or "irregular".
const char* name(const Stage& stage);

// The fused bodies of a stage, in the order in which they run.
std::span<Part> bodies(Stage& stage);
std::span<const Part> bodies(const Stage& stage);

// The bases that a body or a stage reads, and the values that a stage writes; each once.
std::vector<Ref> reads(const Part& part);
std::vector<Ref> reads(const Stage& stage);
std::vector<Ref> writes(const Stage& stage);

}  // namespace tendon::plan
