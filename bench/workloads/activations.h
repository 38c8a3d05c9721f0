// Activations of neural networks, elementwise over (size).
#pragma once

#include <tendon/backend.h>

namespace tendon::workloads {

Tape gelu_formula_tape(DType dtype, std::int64_t size);  // the tanh form, as its paper writes it
Tape gelu_op_tape(DType dtype, std::int64_t size);       // the same, as the library's op
Tape silu_gate_tape(DType dtype, std::int64_t size);     // inputs x and gate: silu(x) * gate

}  // namespace tendon::workloads
