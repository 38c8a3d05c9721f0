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

Prepared strong(const Operand& x, const char* call) {
  return {x, common_dtype({&x}, call), x.place()};
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
