// Softmax cross-entropy of logits against labels.
#pragma once

#include <tendon/backend.h>

namespace tendon::workloads {

// Inputs: logits, (rows, classes); labels, i32, (rows, 1). Target, a scalar: the mean over the rows
// of logsumexp(logits) - logits[label].
Tape cross_entropy_tape(DType dtype, std::int64_t rows, std::int64_t classes);

}  // namespace tendon::workloads
