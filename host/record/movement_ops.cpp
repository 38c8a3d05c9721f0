// The public functions of the ops that move values: reshape, transpose, slices, concat, split,
// gather and their like.
#include <tendon/error.h>
#include <tendon/ops.h>

#include <algorithm>

#include "host/ops/checks.h"
#include "host/record/operands.h"

namespace tendon {
namespace {

using record::apply;
using record::call_of;
using record::cast_to;
using record::checked_axis;
using record::Named;
using record::Node;
using record::node_of;
using record::Prepared;
using record::promote;
using record::recorder;
using record::strong;

}  // namespace

Tensor reshape(const Operand& x, const Shape& shape) {
  const Place place = x.place();
  const Prepared operand = strong(x, "reshape");
  const std::int64_t size = operand.tensor().size();
  Attributes attributes{.shape = shape};
  int inferred = -1;
  std::int64_t known = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != -1) {
      known *= shape[i];
    } else if (inferred >= 0) {
      throw ops::error<ShapeError>(call_of(Op::reshape, place), "more than one extent of {} is -1",
                                   shape);
    } else {
      inferred = i;
    }
  }
  if (inferred >= 0) {
    if (known <= 0 || size % known != 0) {
      throw ops::error<ShapeError>(call_of(Op::reshape, place),
                                   "no extent for the -1 in {} fits {}", shape,
                                   operand.tensor().shape());
    }
    attributes.shape[inferred] = size / known;
  }
  return apply(Op::reshape, {&operand.tensor()}, place, &attributes);
}

Tensor transpose(const Operand& x, const Axes& permutation) {
  const Prepared operand = strong(x, "transpose");
  Attributes attributes{.axes = permutation};
  if (permutation.count() == 0) {
    for (int i = operand.tensor().rank(); i-- > 0;) attributes.axes.push_back(i);
  }
  return apply(Op::transpose, {&operand.tensor()}, x.place(), &attributes);
}

Tensor broadcast_to(const Operand& x, const Shape& shape) {
  const Prepared operand = strong(x, "broadcast_to");
  const Attributes attributes{.shape = shape};
  return apply(Op::broadcast_to, {&operand.tensor()}, x.place(), &attributes);
}

Tensor expand_dims(const Operand& x, const Axes& axes) {
  const Named named("expand_dims");
  const Prepared operand = strong(x, "expand_dims");
  const Shape& shape = operand.tensor().shape();
  const int rank = shape.rank() + axes.count();
  const ops::Call call = call_of(Op::reshape, x.place());
  if (rank > kMaxRank) {
    throw ops::error<ShapeError>(call, "{} by {} axes exceeds rank {}", shape, axes.count(),
                                 kMaxRank);
  }
  unsigned added = 0;
  for (const int axis : axes) {
    const int at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank || ((added >> at) & 1U) != 0) {
      throw ops::error<ShapeError>(call, "{} has no place for axis {}", shape, axis);
    }
    added |= 1U << at;
  }
  Shape expanded;
  int next = 0;
  for (int i = 0; i < rank; ++i) expanded.push_back(((added >> i) & 1U) != 0 ? 1 : shape[next++]);
  return reshape({operand.tensor(), x.place()}, expanded);
}

Tensor squeeze(const Operand& x, const Axes& axes) {
  const Named named("squeeze");
  const Prepared operand = strong(x, "squeeze");
  const Shape& shape = operand.tensor().shape();
  unsigned removed = 0;
  for (const int axis : axes) {
    const int at = checked_axis(Op::reshape, axis, shape, x.place());
    if (shape[at] != 1) {
      throw ops::error<ShapeError>(call_of(Op::reshape, x.place()), "axis {} of {} is not 1", axis,
                                   shape);
    }
    removed |= 1U << at;
  }
  Shape squeezed;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool drops = axes.count() == 0 ? shape[i] == 1 : ((removed >> i) & 1U) != 0;
    if (!drops) squeezed.push_back(shape[i]);
  }
  return reshape({operand.tensor(), x.place()}, squeezed);
}

namespace {

Shape repeated(std::int64_t value, int rank) {
  Shape shape;
  for (int i = 0; i < rank; ++i) shape.push_back(value);
  return shape;
}

}  // namespace

Tensor slice(const Operand& x, const Shape& begin, const Shape& size) {
  const Prepared operand = strong(x, "slice");
  const Shape& shape = operand.tensor().shape();
  Attributes attributes{.shape = size, .begin = begin, .step = repeated(1, shape.rank())};
  for (int i = 0; i < std::min({size.rank(), begin.rank(), shape.rank()}); ++i) {
    if (size[i] == -1) attributes.shape[i] = shape[i] - begin[i];
  }
  return apply(Op::slice, {&operand.tensor()}, x.place(), &attributes);
}

Tensor strided_slice(const Operand& x, const Shape& begin, const Shape& end, const Shape& step) {
  const Named named("strided_slice");
  const Prepared operand = strong(x, "strided_slice");
  const Shape& shape = operand.tensor().shape();
  const int rank = shape.rank();
  const ops::Call call = call_of(Op::slice, x.place());
  Attributes attributes{
      .shape = shape, .begin = begin, .step = step.rank() == 0 ? repeated(1, rank) : step};
  if (begin.rank() != rank || end.rank() != rank || attributes.step.rank() != rank) {
    throw ops::error<ShapeError>(
        call, "begin {}, end {} and step {} must have a number for each axis of {}", begin, end,
        attributes.step, shape);
  }
  for (int i = 0; i < rank; ++i) {
    const std::int64_t by = attributes.step[i];
    if (by == 0) throw ops::error<ShapeError>(call, "a step of 0 on axis {}", i);
    // Python's rule: positions from the end, then clamped to what a step in this direction can
    // start from or stop at.
    const auto clamped = [&](std::int64_t at) {
      if (at < 0) at += shape[i];
      return by > 0 ? std::clamp<std::int64_t>(at, 0, shape[i])
                    : std::clamp<std::int64_t>(at, -1, shape[i] - 1);
    };
    const std::int64_t first = clamped(begin[i]);
    const std::int64_t span = clamped(end[i]) - first;
    const bool is_empty = by > 0 ? span <= 0 : span >= 0;
    attributes.begin[i] = first;
    attributes.shape[i] = is_empty ? 0 : (span - (by > 0 ? 1 : -1)) / by + 1;
  }
  return apply(Op::slice, {&operand.tensor()}, x.place(), &attributes);
}

namespace {

std::vector<Tensor> promoted(const detail::List<Tensor>& values, Op op, Place place) {
  if (values.size() == 0) throw ops::error<ShapeError>(call_of(op, place), "no values");
  DType dtype = node_of(values[0], name(op), place).type.dtype;
  for (const Tensor& value : values)
    dtype = promote(dtype, node_of(value, name(op), place).type.dtype);
  std::vector<Tensor> result;
  for (const Tensor& value : values) result.push_back(cast_to(value, dtype, place));
  return result;
}

Tensor concatenated(std::span<const Tensor> values, int axis, Place place) {
  std::vector<Node*> nodes;
  for (const Tensor& value : values) nodes.push_back(value.node());
  const Attributes attributes{.axes = axis};
  return recorder().apply(Op::concat, nodes, &attributes, place);
}

}  // namespace

Tensor concat(const detail::List<Tensor>& values, int axis, Place place) {
  return concatenated(promoted(values, Op::concat, place), axis, place);
}

Tensor stack(const detail::List<Tensor>& values, int axis, Place place) {
  const Named named("stack");
  std::vector<Tensor> parts = promoted(values, Op::concat, place);
  const Shape shape = parts[0].shape();
  const int rank = shape.rank() + 1;
  if (axis < -rank || axis >= rank) {
    throw ops::error<ShapeError>(call_of(Op::concat, place), "there is no axis {} in a stack of {}",
                                 axis, shape);
  }
  for (Tensor& part : parts) {
    if (part.shape() != shape) {
      throw ops::error<ShapeError>(call_of(Op::concat, place), "shapes differ: {} and {}", shape,
                                   part.shape());
    }
    part = expand_dims({part, place}, axis);
  }
  return concatenated(parts, axis, place);
}

std::vector<Tensor> split(const Operand& x, int sections, int axis) {
  const Named named("split");
  const Prepared operand = strong(x, "split");
  const Shape& shape = operand.tensor().shape();
  const int at = checked_axis(Op::slice, axis, shape, x.place());
  if (sections <= 0 || shape[at] % sections != 0) {
    throw ops::error<ShapeError>(call_of(Op::slice, x.place()),
                                 "axis {} of {} does not divide into {} parts", axis, shape,
                                 sections);
  }
  return split({operand.tensor(), x.place()},
               std::vector<std::int64_t>(static_cast<std::size_t>(sections), shape[at] / sections),
               axis);
}

std::vector<Tensor> split(const Operand& x, const std::vector<std::int64_t>& sizes, int axis) {
  const Named named("split");
  const Prepared operand = strong(x, "split");
  Shape part = operand.tensor().shape();
  const int at = checked_axis(Op::slice, axis, part, x.place());
  std::int64_t total = 0;
  for (const std::int64_t size : sizes) total += size;
  if (total != part[at] || std::ranges::any_of(sizes, [](std::int64_t size) { return size < 0; })) {
    throw ops::error<ShapeError>(call_of(Op::slice, x.place()),
                                 "the sizes add up to {}, axis {} of {} is {}", total, axis, part,
                                 part[at]);
  }
  std::vector<Tensor> parts;
  Shape begin = repeated(0, part.rank());
  for (const std::int64_t size : sizes) {
    part[at] = size;
    parts.push_back(slice({operand.tensor(), x.place()}, begin, part));
    begin[at] += size;
  }
  return parts;
}

Tensor gather(const Operand& params, const Operand& indices, int axis) {
  const Prepared table = strong(params, "gather");
  const Prepared index = strong(indices, "gather");
  const Attributes attributes{
      .axes = checked_axis(Op::gather, axis, table.tensor().shape(), params.place())};
  return apply(Op::gather, {&table.tensor(), &index.tensor()}, params.place(), &attributes);
}

}  // namespace tendon
