#include "host/record/operands.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "host/ops/checks.h"

namespace tendon::record {

Tensor apply(Op op, std::initializer_list<const Tensor*> operands, Place place,
             const Attributes* attributes) {
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

Common common_of(std::initializer_list<const Operand*> operands, const char* call) {
  std::optional<Common> strong;
  DType weak = DType::boolean;
  for (const Operand* operand : operands) {
    if (const Tensor* tensor = operand->tensor()) {
      const Node& node = node_of(*tensor, call, operand->place());
      strong = strong ? strong->as(promote(strong->dtype, node.type.dtype))
                      : Common{node.type.dtype, node.device};
    } else {
      weak = std::max(weak, operand->number_kind());
    }
  }
  return strong ? strong->as(promote_weak(strong->dtype, weak)) : Common{weak, default_device()};
}

Tensor converted(const Operand& operand, Common common, Place place) {
  const auto [dtype, device] = common;
  const Tensor* tensor = operand.tensor();
  if (tensor == nullptr) {
    // An f64 holds no integer beyond 2^53.
    const bool is_exact =
        !operand.integer() || std::abs(*operand.integer()) <= (std::int64_t{1} << 53);
    if (dtype == DType::i64 && !is_exact) {
      const std::int64_t integer = *operand.integer();
      return from_host(&integer, {dtype, {}}, device, place);
    }
    // A number that a program is likely to spell out is no sign that a value came back.
    const bool is_plain =
        operand.integer() || (std::abs(operand.number()) <= 16 &&
                              16 * operand.number() == std::trunc(16 * operand.number()));
    return is_plain ? recorder().constant(operand.number(), dtype, {}, device, place)
                    : recorder().given(operand.number(), dtype, {}, device, place);
  }
  return tensor->dtype() == dtype ? Tensor() : cast_to(*tensor, dtype, place);
}

Prepared strong(const Operand& x, const char* call) {
  return {x, common_of({&x}, call), x.place()};
}

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

}  // namespace tendon::record
