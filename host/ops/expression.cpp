#include "host/ops/expression.h"

namespace tendon::ops {

Value sum_to(const Value& x, const Shape& shape) {
  const Shape from = x.shape();
  if (from == shape) return x;
  Axes stretched;
  const int added = from.rank() - shape.rank();
  for (int i = 0; i < from.rank(); ++i) {
    if (i < added || (shape[i - added] == 1 && from[i] != 1)) stretched.push_back(i);
  }
  const Value sum = stretched.count() == 0
                        ? x
                        : apply(Op::reduce_sum, {x}, {.axes = stretched, .keep_dims = true});
  return reshape(sum, shape);
}

Value expand_reduced(const Value& x, const Axes& axes, const Shape& operand) {
  Shape kept = operand;
  for (int i = 0; i < operand.rank(); ++i) {
    if (axes.count() == 0) kept[i] = 1;
  }
  for (const int axis : axes) kept[axis < 0 ? axis + operand.rank() : axis] = 1;
  return broadcast_to(reshape(x, kept), operand);
}

}  // namespace tendon::ops
