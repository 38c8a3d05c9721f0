// An op of the op table many times over: what a compiler finds hardest in a fused kernel.
#pragma once

#include <tendon/backend.h>

#include <ostream>
#include <string>
#include <vector>

namespace tendon::workloads {

// An elementwise row of the op table, as repeated_op_tape applies it.
struct RepeatedOp {
  Op op;
  std::string name;
  int arity = 1;
  bool takes_numbers = true;  // else only booleans
  double parameter = 0;
};
inline void PrintTo(const RepeatedOp& op, std::ostream* stream) { *stream << op.name; }  // of tests
const std::vector<RepeatedOp>& repeated_ops();

// Inputs x, and b and c for an op that takes them, each of the shape. The op is applied to its own
// result, and to b and c, `count` times; the target is the last result.
Tape repeated_op_tape(const RepeatedOp& op, DType dtype, const Shape& shape, int count);

// Each op that takes numbers, one after the other, and all of them so many times.
Tape different_ops_tape(DType dtype, const Shape& shape, int times);

// Inputs x0, x1, ..., one a target, and b, each (size). Products in turn of a source and what came
// before, and of b, `count` in all; the last `targets` of them are the targets.
Tape products_tape(DType dtype, std::int64_t size, int count, int targets);

}  // namespace tendon::workloads
