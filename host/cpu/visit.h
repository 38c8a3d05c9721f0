// From a DType to its C++ type.
#pragma once

#include <tendon/dtype.h>

#include <utility>

namespace tendon::cpu {

// f.template operator()<T>() for the element type.
template <class F>
decltype(auto) visit(DType dtype, F&& f) {
  switch (dtype) {
    case DType::boolean: return f.template operator()<bool>();
    case DType::i32: return f.template operator()<std::int32_t>();
    case DType::i64: return f.template operator()<std::int64_t>();
    case DType::f16: return f.template operator()<half>();
    case DType::bf16: return f.template operator()<bfloat16>();
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
  }
  __builtin_unreachable();
}

// The type that arithmetic is done in: f32 for the 16-bit storage types.
constexpr DType arithmetic(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype;
}

}  // namespace tendon::cpu
