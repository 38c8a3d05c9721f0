// From nodes to values: flattens what is asked for and not there yet into a Tape for each device,
// plans it, runs the plan.
#pragma once

#include <tendon/run.h>

#include <cstdint>
#include <span>

#include "host/record/node.h"

namespace tendon::record {

plan::Backend& backend_of(Device device);  // DeviceError where it cannot be used

// What a run gives values to beside what it is asked for.
enum class Keeps : std::uint8_t {
  nothing,
  // The values of variables that it computes on the way.
  variables,
  // And what costs more to compute again than to keep: scalars with a handle, and the results of
  // reductions, contractions and irregular ops that a handle or a tape reaches; and any value that
  // is computed for the second time while something outside of the run reads it.
  worth,
  // And the scalar targets of gradients that it computes, where a handle waits for them: a training
  // step reads its loss.
  worth_and_losses,
};

// The nodes' values are there afterwards.
void evaluate(std::span<Node* const> nodes, Keeps keeps = Keeps::worth);

PlanSummary describe(std::span<Node* const> nodes);

// The value of an f64 or i64 scalar, for the library's own use: no host read.
double scalar_of(const Tensor& scalar);

}  // namespace tendon::record
