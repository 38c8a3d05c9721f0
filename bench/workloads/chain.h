// Chains and bundles of cheap ops, which measure what a run costs beside its arithmetic.
#pragma once

#include <tendon/backend.h>

namespace tendon::workloads {

// y = y * x and y = y + x in turn, `ops` in all; inputs y and x, (size).
Tape chain_tape(DType dtype, std::int64_t size, int ops);

// Inputs, each (size): a source a branch. Target, a scalar: the sum of all elements of tanh(source)
// * source.
Tape branches_tape(DType dtype, std::int64_t size, int branches);

}  // namespace tendon::workloads
