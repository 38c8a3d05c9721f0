// From nodes to values: flattens what is asked for and not there yet into a Tape, plans it, runs
// the plan.
#pragma once

#include <tendon/run.h>

#include <span>

#include "host/record/node.h"

namespace tendon::record {

plan::Backend& backend_of(Device device);

// The nodes' values are there afterwards. Also kept, since they cost more to compute again than to
// keep: scalars with a handle, the results of reductions, contractions and irregular ops that a
// handle or a tape reaches, the values of variables met on the way, and the scalar targets of
// gradients met, where a handle waits for them.
void evaluate(std::span<Node* const> nodes);

PlanSummary describe(std::span<Node* const> nodes);

// The value of an f64 or i64 scalar, for the library's own use: no host read.
double scalar_of(const Tensor& scalar);

}  // namespace tendon::record
