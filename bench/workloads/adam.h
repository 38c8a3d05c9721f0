// A step of Adam (D. P. Kingma, J. Ba (2015), algorithm 1) for many parameters at once.
#pragma once

#include <tendon/backend.h>

#include <span>

namespace tendon::workloads {

struct Parameter {
  DType dtype;
  Shape shape;
};

// Inputs, for each: value, gradient, first and second moment. Targets, for each: those but the
// gradient, as they are after the step.
Tape adam_tape(std::span<const Parameter> parameters);

}  // namespace tendon::workloads
