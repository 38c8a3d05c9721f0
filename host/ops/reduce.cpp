// reduce_sum, reduce_max, reduce_min over axes; argmax, argmin over one.
#include "host/ops/checks.h"
#include "host/ops/pullback.h"
#include "host/ops/rules.h"

namespace tendon::ops {

Type infer_reduce(const Call& call) {
  const Type& x = *call.operands[0];
  if (call.op == Op::reduce_sum && x.dtype == DType::boolean) {
    throw error<DTypeError>(call, "booleans are not summed: cast them to i32 first");
  }
  const unsigned reduced = axis_set(call, call.attributes.axes, x.shape.rank());
  Type result{x.dtype, {}};
  for (int i = 0; i < x.shape.rank(); ++i) {
    const bool is_reduced = ((reduced >> i) & 1U) != 0;
    if (is_reduced && x.shape[i] == 0 && call.op != Op::reduce_sum) {
      throw error<ShapeError>(call, "axis {} of {} is empty: it has no extreme", i, x.shape);
    }
    if (!is_reduced) {
      result.shape.push_back(x.shape[i]);
    } else if (call.attributes.keep_dims) {
      result.shape.push_back(1);
    }
  }
  return result;
}

Type infer_arg_reduce(const Call& call) {
  const Type& x = *call.operands[0];
  if (call.attributes.axes.count() != 1) throw error<ShapeError>(call, "takes one axis");
  const int axis = normalize_axis(call, call.attributes.axes[0], x.shape.rank());
  if (x.shape[axis] == 0) {
    throw error<ShapeError>(call, "axis {} of {} is empty: it has no extreme", axis, x.shape);
  }
  Type result{DType::i64, {}};
  for (int i = 0; i < x.shape.rank(); ++i) {
    if (i != axis) result.shape.push_back(x.shape[i]);
  }
  return result;
}

void pull_reduce_sum(Pullback& p) {
  p.give(0, expand_reduced(p.cotangent(), p.attributes().axes, p.operand(0).shape()));
}

// Ties share equally; where there is a NaN, the NaNs do. The mask connects, with a zero derivative.
// Ties of 16-bit values are counted in f32: a row may have more than f16 holds.
void pull_reduce_extreme(Pullback& p) {
  const Value x = p.operand(0);
  const Shape shape = x.shape();
  const Axes axes = p.attributes().axes;
  const DType dtype = size_bytes(x.dtype()) == 2 ? DType::f32 : x.dtype();
  const auto computed = [&](const Value& of) { return of.dtype() == dtype ? of : cast(of, dtype); };
  const Value is_extreme = computed(same(x, expand_reduced(p.result(), axes, shape)));
  const Value ties = apply(Op::reduce_sum, {is_extreme}, {.axes = axes});
  const Value share = scale(computed(p.cotangent()), 1 / reshape(ties, p.result().shape()));
  const Value given = scale(is_extreme, expand_reduced(share, axes, shape));
  p.give(0, dtype == x.dtype() ? given : cast(given, x.dtype()));
}

}  // namespace tendon::ops
