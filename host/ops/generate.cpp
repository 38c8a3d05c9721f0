// The ops without operands: constant, iota, uniform.
#include "host/ops/checks.h"
#include "host/ops/rules.h"

namespace tendon::ops {

Type infer_generated(const Call& call) {
  const Attributes& attributes = call.attributes;
  check_extents(call, attributes.shape);
  check_dtype(call, attributes.dtype);
  if (call.op == Op::constant) check_constant(call, attributes.dtype, attributes.number);
  if (call.op == Op::uniform && !is_floating(attributes.dtype)) {
    throw error<DTypeError>(call, "random numbers are floating, not {}", attributes.dtype);
  }
  if (call.op == Op::iota) {
    const int rank = attributes.shape.rank();
    if (attributes.axes.count() != 1 || attributes.axes[0] < 0 || attributes.axes[0] >= rank) {
      throw error<ShapeError>(call, "counts along one axis of {}", attributes.shape);
    }
    if (attributes.dtype == DType::boolean) throw error<DTypeError>(call, "booleans do not count");
  }
  return {attributes.dtype, attributes.shape};
}

}  // namespace tendon::ops
