// cast(x, dtype), one rounding to nearest even. From a floating dtype to an integer: truncated, out
// of range the bound, NaN 0; from an integer to another: wrapped; to boolean: not zero.
#include "host/ops/checks.h"
#include "host/ops/pullback.h"
#include "host/ops/rules.h"

namespace tendon::ops {

Type infer_cast(const Call& call) {
  check_dtype(call, call.attributes.dtype);
  return {call.attributes.dtype, call.operands[0]->shape};
}

void pull_cast(Pullback& p) { p.give(0, cast(p.cotangent(), p.operand(0).dtype())); }

}  // namespace tendon::ops
