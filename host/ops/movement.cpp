// The ops that move values without changing them: reshape, transpose, broadcast_to, slice, unslice,
// concat.
#include "host/ops/checks.h"
#include "host/ops/pullback.h"
#include "host/ops/rules.h"

namespace tendon::ops {

Type infer_reshape(const Call& call) {
  const Type& x = *call.operands[0];
  const Shape& shape = call.attributes.shape;
  check_extents(call, shape);
  if (shape.size() != x.shape.size()) {
    throw error<ShapeError>(call, "{} has {} elements, {} has {}", x.shape, x.shape.size(), shape,
                            shape.size());
  }
  return {x.dtype, shape};
}

void pull_reshape(Pullback& p) { p.give(0, reshape(p.cotangent(), p.operand(0).shape())); }

Type infer_transpose(const Call& call) {
  const Type& x = *call.operands[0];
  const Axes& permutation = call.attributes.axes;
  if (permutation.count() != x.shape.rank()) {
    throw error<ShapeError>(call, "a permutation of {} axes for {}", permutation.count(), x.shape);
  }
  axis_set(call, permutation, x.shape.rank());  // each axis once
  Type result{x.dtype, {}};
  for (const int axis : permutation) {
    result.shape.push_back(x.shape[normalize_axis(call, axis, x.shape.rank())]);
  }
  return result;
}

void pull_transpose(Pullback& p) {
  const Axes& permutation = p.attributes().axes;
  const int rank = permutation.count();
  int inverse[kMaxRank] = {};
  for (int i = 0; i < rank; ++i) {
    inverse[permutation[i] < 0 ? permutation[i] + rank : permutation[i]] = i;
  }
  p.give(0, apply(Op::transpose, {p.cotangent()},
                  {.axes = Axes(std::span(inverse, static_cast<std::size_t>(rank)))}));
}

Type infer_broadcast_to(const Call& call) {
  const Type& x = *call.operands[0];
  const Shape& shape = call.attributes.shape;
  check_extents(call, shape);
  Shape stretched;
  if (!broadcast(x.shape, shape, stretched) || stretched != shape) {
    throw error<ShapeError>(call, "{} does not broadcast to {}", x.shape, shape);
  }
  return {x.dtype, shape};
}

void pull_broadcast_to(Pullback& p) { p.give(0, sum_to(p.cotangent(), p.operand(0).shape())); }

namespace {

// begin + i * step for i in [0, part) lies inside whole, on each axis.
void check_window(const Call& call, const Shape& whole, const Shape& part) {
  const Shape& begin = call.attributes.begin;
  const Shape& step = call.attributes.step;
  if (begin.rank() != whole.rank() || step.rank() != whole.rank() || part.rank() != whole.rank()) {
    throw error<ShapeError>(call,
                            "begin {}, size {} and step {} must have a number for each axis of {}",
                            begin, part, step, whole);
  }
  for (int i = 0; i < whole.rank(); ++i) {
    if (step[i] == 0) throw error<ShapeError>(call, "a step of 0 on axis {}", i);
    if (part[i] == 0) continue;
    std::int64_t last = 0;
    if (part[i] < 0 || __builtin_mul_overflow(part[i] - 1, step[i], &last) ||
        __builtin_add_overflow(last, begin[i], &last) || begin[i] < 0 || begin[i] >= whole[i] ||
        last < 0 || last >= whole[i]) {
      throw error<ShapeError>(call, "begin {}, size {}, step {} leaves {} on axis {}", begin, part,
                              step, whole, i);
    }
  }
}

}  // namespace

Type infer_slice(const Call& call) {
  const Type& x = *call.operands[0];
  check_window(call, x.shape, call.attributes.shape);
  return {x.dtype, call.attributes.shape};
}

void pull_slice(Pullback& p) {
  p.give(0, apply(Op::unslice, {p.cotangent()},
                  {.shape = p.operand(0).shape(),
                   .begin = p.attributes().begin,
                   .step = p.attributes().step}));
}

Type infer_unslice(const Call& call) {
  const Type& x = *call.operands[0];
  check_extents(call, call.attributes.shape);
  check_window(call, call.attributes.shape, x.shape);
  return {x.dtype, call.attributes.shape};
}

void pull_unslice(Pullback& p) {
  p.give(0, apply(Op::slice, {p.cotangent()},
                  {.shape = p.operand(0).shape(),
                   .begin = p.attributes().begin,
                   .step = p.attributes().step}));
}

Type infer_concat(const Call& call) {
  Type result = *call.operands[0];
  if (call.attributes.axes.count() != 1) throw error<ShapeError>(call, "takes one axis");
  const int axis = normalize_axis(call, call.attributes.axes[0], result.shape.rank());
  for (std::size_t i = 1; i < call.operands.size(); ++i) {
    const Type& part = *call.operands[i];
    if (part.dtype != result.dtype) {
      throw error<DTypeError>(call, "dtypes differ: {} and {}", result.dtype, part.dtype);
    }
    bool fits = part.shape.rank() == result.shape.rank();
    for (int k = 0; fits && k < result.shape.rank(); ++k) {
      fits = k == axis || part.shape[k] == result.shape[k];
    }
    if (!fits) {
      throw error<ShapeError>(call, "part {} has shape {}, which differs from {} beside axis {}", i,
                              part.shape, call.operands[0]->shape, axis);
    }
    result.shape[axis] += part.shape[axis];
  }
  check_extents(call, result.shape);
  return result;
}

void pull_concat(Pullback& p) {
  const int rank = p.result().shape().rank();
  const int given = p.attributes().axes[0];
  const int axis = given < 0 ? given + rank : given;
  Shape begin;
  Shape step;
  for (int i = 0; i < rank; ++i) {
    begin.push_back(0);
    step.push_back(1);
  }
  for (int i = 0; i < p.operand_count(); ++i) {
    const Shape part = p.operand(i).shape();
    if (p.needed(i)) {
      p.give(i, apply(Op::slice, {p.cotangent()}, {.shape = part, .begin = begin, .step = step}));
    }
    begin[axis] += part[axis];
  }
}

}  // namespace tendon::ops
