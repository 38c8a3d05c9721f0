// where(condition, a, b). Its pullback selects instead of multiplying, so an inactive side gets
// exactly zero.
#include "host/ops/checks.h"
#include "host/ops/pullback.h"
#include "host/ops/rules.h"

namespace tendon::ops {

Type infer_where(const Call& call) {
  const auto [condition, a, b] = std::tie(*call.operands[0], *call.operands[1], *call.operands[2]);
  if (condition.dtype != DType::boolean) {
    throw error<DTypeError>(call, "the condition must be boolean, is {}", condition.dtype);
  }
  if (a.dtype != b.dtype) {
    throw error<DTypeError>(call, "dtypes differ: {} and {}", a.dtype, b.dtype);
  }
  Type result = a;
  if (!broadcast(a.shape, b.shape, result.shape) ||
      !broadcast(result.shape, condition.shape, result.shape)) {
    throw error<ShapeError>(call, "shapes do not broadcast: {} x {} x {}", condition.shape, a.shape,
                            b.shape);
  }
  check_extents(call, result.shape);
  return result;
}

void pull_where(Pullback& p) {
  const Value condition = p.operand(0);
  const Value g = p.cotangent();
  if (p.needed(1)) p.give(1, sum_to(where(condition, g, 0), p.operand(1).shape()));
  if (p.needed(2)) p.give(2, sum_to(where(condition, 0, g), p.operand(2).shape()));
}

}  // namespace tendon::ops
