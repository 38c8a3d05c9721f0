// matmul of the last two axes, with broadcasting leading axes.
#include "host/ops/checks.h"
#include "host/ops/pullback.h"
#include "host/ops/rules.h"

namespace tendon::ops {
namespace {

Shape leading(const Shape& shape) {
  Shape result;
  for (int i = 0; i + 2 < shape.rank(); ++i) result.push_back(shape[i]);
  return result;
}

Value matmul(const Value& a, const Value& b, bool transpose_a, bool transpose_b) {
  return apply(Op::matmul, {a, b}, {.transpose_a = transpose_a, .transpose_b = transpose_b});
}

}  // namespace

Type infer_matmul(const Call& call) {
  const Type& a = *call.operands[0];
  const Type& b = *call.operands[1];
  if (a.dtype != b.dtype) {
    throw error<DTypeError>(call, "dtypes differ: {} {} x {} {}", a.dtype, a.shape, b.dtype,
                            b.shape);
  }
  if (a.dtype == DType::boolean) throw error<DTypeError>(call, "booleans are not multiplied");
  if (a.shape.rank() < 2 || b.shape.rank() < 2) {
    throw error<ShapeError>(call, "operands must have rank 2 or more: {} x {}", a.shape, b.shape);
  }
  const bool transpose_a = call.attributes.transpose_a;
  const bool transpose_b = call.attributes.transpose_b;
  const int ra = a.shape.rank();
  const int rb = b.shape.rank();
  const std::int64_t rows = a.shape[transpose_a ? ra - 1 : ra - 2];
  const std::int64_t inner_a = a.shape[transpose_a ? ra - 2 : ra - 1];
  const std::int64_t inner_b = b.shape[transpose_b ? rb - 1 : rb - 2];
  const std::int64_t columns = b.shape[transpose_b ? rb - 2 : rb - 1];
  if (inner_a != inner_b) {
    throw error<ShapeError>(call, "inner extents differ: {}{} x {}{}", a.shape,
                            transpose_a ? " transposed" : "", b.shape,
                            transpose_b ? " transposed" : "");
  }
  Type result{a.dtype, {}};
  if (!broadcast(leading(a.shape), leading(b.shape), result.shape)) {
    throw error<ShapeError>(call, "leading extents do not broadcast: {} x {}", a.shape, b.shape);
  }
  result.shape.push_back(rows);
  result.shape.push_back(columns);
  check_extents(call, result.shape);
  return result;
}

// y = op(a) op(b): da = g op(b)^T, db = op(a)^T g, each transposed again where its operand was.
void pull_matmul(Pullback& p) {
  const Value a = p.operand(0);
  const Value b = p.operand(1);
  const Value g = p.cotangent();
  const bool ta = p.attributes().transpose_a;
  const bool tb = p.attributes().transpose_b;
  if (p.needed(0)) {
    p.give(0, sum_to(ta ? matmul(b, g, tb, true) : matmul(g, b, false, !tb), a.shape()));
  }
  if (p.needed(1)) {
    p.give(1, sum_to(tb ? matmul(g, a, true, ta) : matmul(a, g, !ta, false), b.shape()));
  }
}

}  // namespace tendon::ops
