// From the operands of a call to those of an op: promotion, numbers, and the errors that are found
// before an op is formed.
#pragma once

#include <tendon/operand.h>

#include <initializer_list>

#include "host/ops/op_row.h"
#include "host/record/recorder.h"

namespace tendon::record {

// Records an op of up to three operands.
Tensor apply(Op op, std::initializer_list<const Tensor*> operands, Place place,
             const Attributes* attributes = nullptr);

// JAX's lattice: boolean < i32 < i64 < f16 | bf16 < f32 < f64; f16 with bf16 gives f32.
DType promote(DType a, DType b);

// What operands are made alike to: the dtype that they promote to, numbers being weak, and the
// device of the tensors, for numbers to lie on; without any, default_device().
struct Common {
  DType dtype = DType::f32;
  Device device;

  Common as(DType other) const { return {other, device}; }
};
// Error for an empty tensor, in the name of `call`. That tensors lie on one device is seen when the
// op is formed.
Common common_of(std::initializer_list<const Operand*> operands, const char* call);

Tensor cast_to(const Tensor& x, DType dtype, Place place);
// The operand as a tensor of the dtype, a number on the device; empty where it is that already.
Tensor converted(const Operand& operand, Common common, Place place);

// An operand as its op takes it: borrowed where nothing has to change.
class Prepared {
 public:
  Prepared(const Operand& operand, Common common, Place place)
      : converted_(converted(operand, common, place)), borrowed_(operand.tensor()) {}
  const Tensor& tensor() const { return converted_.is_empty_handle() ? *borrowed_ : converted_; }

 private:
  Tensor converted_;
  const Tensor* borrowed_;
};

// A structured op's operand: a tensor, or a number as a strong scalar.
Prepared strong(const Operand& x, const char* call);

// For the rules that are checked before an op is formed.
ops::Call call_of(Op op, Place place);
// The axis, counted from the front; ShapeError where there is none.
int checked_axis(Op op, int axis, const Shape& shape, Place place);

}  // namespace tendon::record
