// Layer normalisation: each row has mean 0 and variance 1 before a scale and a shift a column.
#pragma once

#include <tendon/backend.h>

namespace tendon::workloads {

// Inputs: x, (rows, columns); scale and shift, (columns). Target, (rows, columns):
// (x - mean) / sqrt(variance + 1e-5) * scale + shift, with mean and variance of x's row.
Tape layer_norm_tape(DType dtype, std::int64_t rows, std::int64_t columns);

}  // namespace tendon::workloads
