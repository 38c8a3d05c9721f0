// The element types of matrices: their sizes, and conversion from and to what is computed with.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <library_types.h>

#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cublaslt/refusal.h"

namespace emulator::cublaslt {

template <typename Real>
Real to_real(__half value) {
  return static_cast<Real>(__half2float(value));
}
template <typename Real>
Real to_real(__nv_bfloat16 value) {
  return static_cast<Real>(__bfloat162float(value));
}
template <typename Real, std::floating_point Stored>
Real to_real(Stored value) {
  return static_cast<Real>(value);
}

// Rounds to the nearest, ties to even.
template <typename Stored, typename Real>
Stored from_real(Real value) {
  if constexpr (std::same_as<Stored, __half>) {
    return __float2half_rn(static_cast<float>(value));
  } else if constexpr (std::same_as<Stored, __nv_bfloat16>) {
    return __float2bfloat16_rn(static_cast<float>(value));
  } else {
    return static_cast<Stored>(value);
  }
}

// Calls `use` with a value of the type that `type`, a cudaDataType_t or a caller's mistake, names;
// throws where it is none of the four.
template <typename Use>
decltype(auto) with_element(int type, Use&& use) {
  switch (type) {
    case CUDA_R_16F: return use(__half{});
    case CUDA_R_16BF: return use(__nv_bfloat16{});
    case CUDA_R_32F: return use(float{});
    case CUDA_R_64F: return use(double{});
    default: throw unsupported("data type ", type, " is not emulated");
  }
}

inline std::size_t element_bytes(int type) {
  return with_element(type, [](auto element) { return sizeof element; });
}

template <typename Real>
void load(int type, const std::byte* from, std::size_t count, Real* to, std::size_t stride) {
  with_element(type, [&](auto element) {
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(&element, from + i * sizeof element, sizeof element);
      to[i * stride] = to_real<Real>(element);
    }
  });
}

template <typename Real>
void store(int type, const Real* from, std::size_t stride, std::size_t count, std::byte* to) {
  with_element(type, [&](auto element) {
    for (std::size_t i = 0; i < count; ++i) {
      element = from_real<decltype(element)>(from[i * stride]);
      std::memcpy(to + i * sizeof element, &element, sizeof element);
    }
  });
}

// To the 10 bits of fraction of TF32, to the nearest, ties to even.
inline float round_to_tf32(float value) {
  if (!std::isfinite(value)) return value;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0xFFFU + (bits >> 13 & 1U)) & ~0x1FFFU);
}

}  // namespace emulator::cublaslt
