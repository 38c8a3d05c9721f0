// Which dtypes an elementwise row takes, said apart from the library, which tests hold to it.
#pragma once

#include "host/ops/op_row.h"

namespace tendon::test {

inline bool takes(const ops::Elementwise& row, DType dtype) {
  switch (row.operands) {
    case ops::OperandClass::floating: return is_floating(dtype);
    case ops::OperandClass::numeric: return dtype != DType::boolean;
    case ops::OperandClass::any: return true;
    case ops::OperandClass::boolean: return dtype == DType::boolean;
  }
  return false;
}

}  // namespace tendon::test
