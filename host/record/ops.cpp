// The public functions of the ops: operands promote, then one op, or a few, is recorded.
#include <tendon/error.h>
#include <tendon/ops.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "host/ops/checks.h"
#include "host/record/recorder.h"
#include "host/support/text.h"

namespace tendon {
namespace {

using record::Named;
using record::Node;
using record::node_of;
using record::recorder;

Tensor apply(Op op, std::initializer_list<const Tensor*> operands, Place place,
             const Attributes* attributes = nullptr) {
  std::array<Node*, 3> nodes;
  std::size_t count = 0;
  for (const Tensor* operand : operands) nodes[count++] = &node_of(*operand, name(op), place);
  return recorder().apply(op, {nodes.data(), count}, attributes, place);
}

Tensor cast_to(const Tensor& x, DType dtype, Place place) {
  if (x.dtype() == dtype) return x;
  const Attributes attributes{.dtype = dtype};
  return apply(Op::cast, {&x}, place, &attributes);
}

// JAX's lattice: boolean < i32 < i64 < f16 | bf16 < f32 < f64; f16 with bf16 gives f32.
DType promote(DType a, DType b) {
  if (a == b) return a;
  const bool both_short =
      (a == DType::f16 && b == DType::bf16) || (a == DType::bf16 && b == DType::f16);
  return both_short ? DType::f32 : std::max(a, b);
}

// A number beside operands of a dtype: kinds are boolean, integer, floating; a higher kind than the
// dtype's raises it.
DType promote_weak(DType strong, DType number_kind) {
  if (number_kind == DType::f32) return is_floating(strong) ? strong : DType::f32;
  if (number_kind == DType::i32) return strong == DType::boolean ? DType::i32 : strong;
  return strong;
}

DType common_dtype(std::initializer_list<const Operand*> operands, const char* call) {
  std::optional<DType> strong;
  DType weak = DType::boolean;
  for (const Operand* operand : operands) {
    if (const Tensor* tensor = operand->tensor()) {
      const DType dtype = node_of(*tensor, call, operand->place()).type.dtype;
      strong = strong ? promote(*strong, dtype) : dtype;
    } else {
      weak = std::max(weak, operand->number_kind());
    }
  }
  return strong ? promote_weak(*strong, weak) : weak;
}

// The operand as a tensor of the dtype; empty where it is that already.
Tensor converted(const Operand& operand, DType dtype, Place place) {
  const Tensor* tensor = operand.tensor();
  if (tensor == nullptr) {
    // An f64 holds no integer beyond 2^53.
    const bool is_exact =
        !operand.integer() || std::abs(*operand.integer()) <= (std::int64_t{1} << 53);
    if (dtype == DType::i64 && !is_exact) return Tensor::from({*operand.integer()}, {}, place);
    // A number that a program is likely to spell out is no sign that a value came back.
    const bool is_plain =
        operand.integer() || (std::abs(operand.number()) <= 16 &&
                              16 * operand.number() == std::trunc(16 * operand.number()));
    return is_plain ? recorder().constant(operand.number(), dtype, {}, place)
                    : recorder().given(operand.number(), dtype, {}, place);
  }
  return tensor->dtype() == dtype ? Tensor() : cast_to(*tensor, dtype, place);
}

// An operand as its op takes it: borrowed where nothing has to change.
class Prepared {
 public:
  Prepared(const Operand& operand, DType dtype, Place place)
      : converted_(converted(operand, dtype, place)), borrowed_(operand.tensor()) {}
  const Tensor& tensor() const { return converted_.is_empty_handle() ? *borrowed_ : converted_; }

 private:
  Tensor converted_;
  const Tensor* borrowed_;
};

// The dtype that an elementwise op computes in.
DType operand_dtype(Op op, DType common) {
  const ops::OperandClass operands = ops::row(op).elementwise.operands;
  if (operands == ops::OperandClass::floating && !is_floating(common)) return DType::f32;
  if (operands == ops::OperandClass::numeric && common == DType::boolean) return DType::i32;
  return common;
}

Tensor elementwise(Op op, const Operand& x, const Attributes* attributes = nullptr) {
  const DType dtype = operand_dtype(op, common_dtype({&x}, name(op)));
  const Prepared operand(x, dtype, x.place());
  return apply(op, {&operand.tensor()}, x.place(), attributes);
}
Tensor elementwise(Op op, const Operand& a, const Operand& b) {
  const Place place = a.place();
  const DType dtype = operand_dtype(op, common_dtype({&a, &b}, name(op)));
  const Prepared first(a, dtype, place);
  const Prepared second(b, dtype, place);
  return apply(op, {&first.tensor(), &second.tensor()}, place);
}
Tensor elementwise(Op op, const Operand& a, const Operand& b, const Operand& c) {
  const Place place = a.place();
  const DType dtype = operand_dtype(op, common_dtype({&a, &b, &c}, name(op)));
  const Prepared first(a, dtype, place);
  const Prepared second(b, dtype, place);
  const Prepared third(c, dtype, place);
  return apply(op, {&first.tensor(), &second.tensor(), &third.tensor()}, place);
}

// A structured op's operand: a tensor, or a number as a strong scalar.
Prepared strong(const Operand& x, const char* call) {
  return {x, common_dtype({&x}, call), x.place()};
}

// For the rules that must be checked before an op can be formed.
ops::Call call_of(Op op, Place place) {
  static const Attributes kNone;
  return {op, {}, kNone, place, recorder().called()};
}
int checked_axis(Op op, int axis, const Shape& shape, Place place) {
  const int rank = shape.rank();
  if (axis < -rank || axis >= rank) {
    throw ops::error<ShapeError>(call_of(op, place), "there is no axis {} in {}", axis, shape);
  }
  return axis < 0 ? axis + rank : axis;
}

}  // namespace

#define TENDON_UNARY(name, ...) \
  Tensor name(const Operand& x) { return elementwise(Op::name, x); }
#define TENDON_UNARY_PARAMETER(name, parameter, ...)  \
  Tensor name(const Operand& x, double parameter) {   \
    const Attributes attributes{.number = parameter}; \
    return elementwise(Op::name, x, &attributes);     \
  }
#define TENDON_BINARY(name, ...) \
  Tensor name(const Operand& a, const Operand& b) { return elementwise(Op::name, a, b); }
#define TENDON_TERNARY(name, ...)                                     \
  Tensor name(const Operand& a, const Operand& b, const Operand& c) { \
    return elementwise(Op::name, a, b, c);                            \
  }
#include <tendon/op_table.inc>

Tensor gelu(const Operand& x, bool approximate) { return approximate ? gelu_tanh(x) : gelu_erf(x); }

Tensor where(const Operand& condition, const Operand& a, const Operand& b) {
  const Place place = condition.place();
  common_dtype({&condition}, "where");  // the condition is there
  const DType dtype = common_dtype({&a, &b}, "where");
  const Prepared chooser(condition, DType::boolean, place);
  const Prepared first(a, dtype, place);
  const Prepared second(b, dtype, place);
  return apply(Op::where, {&chooser.tensor(), &first.tensor(), &second.tensor()}, place);
}

Tensor cast(const Operand& x, DType dtype) {
  const Prepared operand = strong(x, "cast");
  const Attributes attributes{.dtype = dtype};
  return apply(Op::cast, {&operand.tensor()}, x.place(), &attributes);
}

Tensor operator-(const Operand& x) { return neg(x); }
Tensor operator!(const Operand& x) { return logical_not(x); }
Tensor operator+(const Operand& a, const Operand& b) { return add(a, b); }
Tensor operator-(const Operand& a, const Operand& b) { return sub(a, b); }
Tensor operator*(const Operand& a, const Operand& b) { return mul(a, b); }
Tensor operator/(const Operand& a, const Operand& b) { return div(a, b); }
Tensor operator%(const Operand& a, const Operand& b) { return mod(a, b); }
Tensor operator==(const Operand& a, const Operand& b) { return equal(a, b); }
Tensor operator!=(const Operand& a, const Operand& b) { return not_equal(a, b); }
Tensor operator<(const Operand& a, const Operand& b) { return less(a, b); }
Tensor operator<=(const Operand& a, const Operand& b) { return less_equal(a, b); }
Tensor operator>(const Operand& a, const Operand& b) { return greater(a, b); }
Tensor operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b); }
Tensor& operator+=(Tensor& a, const Operand& b) { return a = add({a, b.place()}, b); }
Tensor& operator-=(Tensor& a, const Operand& b) { return a = sub({a, b.place()}, b); }
Tensor& operator*=(Tensor& a, const Operand& b) { return a = mul({a, b.place()}, b); }
Tensor& operator/=(Tensor& a, const Operand& b) { return a = div({a, b.place()}, b); }

namespace {

Tensor reduce(Op op, const Tensor& x, const Axes& axes, bool keep_dims, Place place) {
  const Attributes attributes{.axes = axes, .keep_dims = keep_dims};
  return apply(op, {&x}, place, &attributes);
}

}  // namespace

Tensor reduce_sum(const Operand& x, const Axes& axes, bool keep_dims) {
  const DType dtype = common_dtype({&x}, "reduce_sum");
  const Prepared operand(x, dtype == DType::boolean ? DType::i32 : dtype, x.place());
  return reduce(Op::reduce_sum, operand.tensor(), axes, keep_dims, x.place());
}

Tensor reduce_mean(const Operand& x, const Axes& axes, bool keep_dims) {
  const Named named("reduce_mean");
  const Place place = x.place();
  const DType dtype = common_dtype({&x}, "reduce_mean");
  if (dtype == DType::f16 || dtype == DType::bf16) {  // whose sums would overflow
    return cast({reduce_mean({cast(x, DType::f32), place}, axes, keep_dims), place}, dtype);
  }
  const Prepared operand(x, is_floating(dtype) ? dtype : DType::f32, place);
  const Tensor sum = reduce(Op::reduce_sum, operand.tensor(), axes, keep_dims, place);
  // The mean of nothing is NaN, as in NumPy.
  double count = 1;
  const Shape& shape = operand.tensor().shape();
  for (int i = 0; i < shape.rank(); ++i) {
    const bool reduced = axes.count() == 0 || std::ranges::any_of(axes, [&](int axis) {
                           return (axis < 0 ? axis + shape.rank() : axis) == i;
                         });
    if (reduced) count *= static_cast<double>(shape[i]);
  }
  return div({sum, place}, count);
}

Tensor reduce_max(const Operand& x, const Axes& axes, bool keep_dims) {
  return reduce(Op::reduce_max, strong(x, "reduce_max").tensor(), axes, keep_dims, x.place());
}
Tensor reduce_min(const Operand& x, const Axes& axes, bool keep_dims) {
  return reduce(Op::reduce_min, strong(x, "reduce_min").tensor(), axes, keep_dims, x.place());
}

namespace {

// The maximum over the axes as a constant, 0 where it is infinite, to shift exponentials by. It
// cancels in what it is used for, so its gradient does too.
Tensor shift_of(const Tensor& x, const Axes& axes, Place place) {
  const Tensor greatest = stop_gradient({reduce(Op::reduce_max, x, axes, true, place), place});
  return where({is_finite({greatest, place}), place}, {greatest, place}, {0, place});
}
Tensor floating(const Operand& x, const char* call) {
  const DType dtype = common_dtype({&x}, call);
  return Prepared(x, is_floating(dtype) ? dtype : DType::f32, x.place()).tensor();
}

}  // namespace

Tensor reduce_logsumexp(const Operand& x, const Axes& axes, bool keep_dims) {
  const Named named("reduce_logsumexp");
  const Place place = x.place();
  const Tensor values = floating(x, "reduce_logsumexp");
  const Tensor shift = shift_of(values, axes, place);
  const Tensor powers = exp({sub({values, place}, {shift, place}), place});
  const Tensor sum = reduce(Op::reduce_sum, powers, axes, keep_dims, place);
  const Tensor kept = keep_dims ? shift : reshape({shift, place}, sum.shape());
  return add({log({sum, place}), place}, {kept, place});
}

Tensor softmax(const Operand& x, int axis) {
  const Named named("softmax");
  const Place place = x.place();
  const Tensor values = floating(x, "softmax");
  const Tensor shift = shift_of(values, axis, place);
  const Tensor powers = exp({sub({values, place}, {shift, place}), place});
  return div({powers, place}, {reduce(Op::reduce_sum, powers, axis, true, place), place});
}

Tensor log_softmax(const Operand& x, int axis) {
  const Named named("log_softmax");
  const Place place = x.place();
  const Tensor values = floating(x, "log_softmax");
  const Tensor shift = shift_of(values, axis, place);
  const Tensor shifted = sub({values, place}, {shift, place});
  const Tensor sum = reduce(Op::reduce_sum, exp({shifted, place}), axis, true, place);
  return sub({shifted, place}, {log({sum, place}), place});
}

namespace {

Tensor arg_reduce(Op op, const Operand& x, int axis) {
  const Attributes attributes{.axes = axis};
  return apply(op, {&strong(x, name(op)).tensor()}, x.place(), &attributes);
}

}  // namespace

Tensor argmax(const Operand& x, int axis) { return arg_reduce(Op::argmax, x, axis); }
Tensor argmin(const Operand& x, int axis) { return arg_reduce(Op::argmin, x, axis); }

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

Tensor matmul(const Operand& a, const Operand& b, bool transpose_a, bool transpose_b) {
  const Named named("matmul");
  const Place place = a.place();
  const DType dtype = common_dtype({&a, &b}, "matmul");
  const DType computed = dtype == DType::boolean ? DType::i32 : dtype;
  Tensor left = Prepared(a, computed, place).tensor();
  Tensor right = Prepared(b, computed, place).tensor();
  const bool row = left.rank() == 1;
  const bool column = right.rank() == 1;
  if ((row && transpose_a) || (column && transpose_b)) {
    throw ops::error<ShapeError>(call_of(Op::matmul, place),
                                 "an operand of rank 1 is not transposed: {} x {}", left.shape(),
                                 right.shape());
  }
  const Shape in = left.shape();
  const Shape out = right.shape();
  if ((row || column) && in.rank() > 0 && out.rank() > 0) {
    const std::int64_t inner = in[row || !transpose_a ? in.rank() - 1 : in.rank() - 2];
    const std::int64_t outer = out[column || transpose_b ? out.rank() - 1 : out.rank() - 2];
    if (inner != outer) {
      throw ops::error<ShapeError>(call_of(Op::matmul, place), "inner extents differ: {} x {}", in,
                                   out);
    }
  }
  if (row) left = reshape({left, place}, Shape(1, left.shape()[0]));
  if (column) right = reshape({right, place}, Shape(right.shape()[0], 1));
  const Attributes attributes{.transpose_a = transpose_a, .transpose_b = transpose_b};
  const Tensor product = apply(Op::matmul, {&left, &right}, place, &attributes);
  if (!row && !column) return product;
  Shape shape;
  const int rank = product.rank();
  for (int i = 0; i < rank; ++i) {
    if ((row && i == rank - 2) || (column && i == rank - 1)) continue;
    shape.push_back(product.shape()[i]);
  }
  return reshape({product, place}, shape);
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
