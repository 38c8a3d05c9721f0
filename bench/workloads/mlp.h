// A training step of a classifier of digits: 784-256-256-10, relu between, softmax cross-entropy.
#pragma once

#include <tendon/backend.h>

namespace tendon::workloads {

// Inputs: images, (batch, 784); labels, of the dtype, (batch, 1); then weight and bias of each
// layer. Target, a scalar: the mean over the batch of the cross-entropy.
Tape mlp_tape(DType dtype, std::int64_t batch);

// A step of Adam (bench/workloads/adam.h) for every weight and bias of the MLP.
Tape mlp_update_tape(DType dtype);

}  // namespace tendon::workloads
