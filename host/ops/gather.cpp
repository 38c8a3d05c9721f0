// gather along an axis, and scatter_add, its pullback.
#include "host/ops/checks.h"
#include "host/ops/pullback.h"
#include "host/ops/rules.h"

namespace tendon::ops {
namespace {

int checked_axis(const Call& call, int rank) {
  if (!is_integer(call.operands[1]->dtype)) {
    throw error<DTypeError>(call, "indices must be i32 or i64, are {}", call.operands[1]->dtype);
  }
  if (call.attributes.axes.count() != 1) throw error<ShapeError>(call, "takes one axis");
  const int axis = call.attributes.axes[0];
  if (axis < -rank || axis >= rank) {
    throw error<ShapeError>(call, "there is no axis {} in a tensor of rank {}", axis, rank);
  }
  return axis < 0 ? axis + rank : axis;
}

// params with the axis replaced by the extents of indices.
Shape gathered(const Shape& params, const Shape& indices, int axis) {
  Shape result;
  for (int i = 0; i < axis; ++i) result.push_back(params[i]);
  for (const std::int64_t extent : indices) result.push_back(extent);
  for (int i = axis + 1; i < params.rank(); ++i) result.push_back(params[i]);
  return result;
}

}  // namespace

Type infer_gather(const Call& call) {
  const Type& params = *call.operands[0];
  const Type& indices = *call.operands[1];
  const int axis = checked_axis(call, params.shape.rank());
  if (params.shape.rank() - 1 + indices.shape.rank() > kMaxRank) {
    throw error<ShapeError>(call, "{} by {} along axis {} has more than {} axes", params.shape,
                            indices.shape, axis, kMaxRank);
  }
  const Type result{params.dtype, gathered(params.shape, indices.shape, axis)};
  check_extents(call, result.shape);
  return result;
}

void pull_gather(Pullback& p) {
  p.give(0, apply(Op::scatter_add, {p.cotangent(), p.operand(1)},
                  {.axes = p.attributes().axes, .shape = p.operand(0).shape()}));
}

Type infer_scatter_add(const Call& call) {
  const Type& updates = *call.operands[0];
  const Shape& shape = call.attributes.shape;
  check_extents(call, shape);
  const int axis = checked_axis(call, shape.rank());
  const Shape& indices = call.operands[1]->shape;
  if (shape.rank() - 1 + indices.rank() > kMaxRank ||
      gathered(shape, indices, axis) != updates.shape) {
    throw error<ShapeError>(call, "updates {} do not fit indices {} into {} along axis {}",
                            updates.shape, indices, shape, axis);
  }
  if (updates.dtype == DType::boolean) throw error<DTypeError>(call, "booleans are not summed");
  return {updates.dtype, shape};
}

void pull_scatter_add(Pullback& p) {
  p.give(0, apply(Op::gather, {p.cotangent(), p.operand(1)}, {.axes = p.attributes().axes}));
}

}  // namespace tendon::ops
