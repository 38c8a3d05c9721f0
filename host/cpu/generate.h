// Values that are made from no operands.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <type_traits>

namespace tendon::cpu {

// Elements [first, first + count), in row-major order, of a constant, an iota or a uniform of the
// dtype and shape.
void generate(Op op, const Attributes& attributes, DType dtype, const Shape& shape,
              std::int64_t first, std::int64_t count, void* into);

// A constant's number as an element.
template <class T>
T from_number(double value) {
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
    return T(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace tendon::cpu
