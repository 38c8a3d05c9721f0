// Element types: the enum, the two 16-bit storage types, and the map from C++ types.
#pragma once

#include <tendon/export.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <type_traits>

namespace tendon {

// C++: bool, int32_t, int64_t, half, bfloat16, float, double.
enum class DType : std::uint8_t { boolean, i32, i64, f16, bf16, f32, f64 };

namespace detail {
[[noreturn]] TENDON_API void throw_dtype(DType);
}

constexpr bool is_floating(DType dtype) { return dtype >= DType::f16 && dtype <= DType::f64; }
constexpr bool is_integer(DType dtype) { return dtype == DType::i32 || dtype == DType::i64; }

// DTypeError for a number that is no DType.
constexpr std::size_t size_bytes(DType dtype) {
  constexpr std::size_t kBytes[] = {1, 4, 8, 2, 2, 4, 8};
  if (dtype > DType::f64) detail::throw_dtype(dtype);
  return kBytes[static_cast<std::size_t>(dtype)];
}

TENDON_API const char* name(DType);                         // "unknown" for no DType
TENDON_API std::ostream& operator<<(std::ostream&, DType);  // f32; DType(99) for no DType

namespace detail {

// The number as a float that rounds to 16 bits as the number does: cut off, its last bit set where
// that lost something (Boldo and Melquiond 2008, "Emulation of a FMA and correctly-rounded sums").
constexpr float rounded_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  const bool is_exact = back == value || value != value;
  const bool is_beyond = value < 0 ? back < value : back > value;
  const auto bits = std::bit_cast<std::uint32_t>(nearest) - (is_beyond ? 1U : 0U);
  return is_exact ? nearest : std::bit_cast<float>(bits | 1U);
}
constexpr float rounded_to_odd(std::int64_t value) {
  // f64 holds what is left when the last 12 bits have become one.
  const std::int64_t low = value & 0xfff;
  const std::int64_t kept = value - low + (low != 0 ? 0x800 : 0);
  const bool is_large = value >= (std::int64_t{1} << 52) || value <= -(std::int64_t{1} << 52);
  return rounded_to_odd(static_cast<double>(is_large ? kept : value));
}

// What 16-bit types convert from beside float. Of each it is one rounding.
template <class T>
concept Wide = std::is_same_v<T, double> ||
    (std::is_integral_v<T> && !std::is_same_v<T, bool> && (std::is_signed_v<T> || sizeof(T) < 8));
template <Wide T>
constexpr float for_16_bits(T value) {
  if constexpr (std::is_same_v<T, double>) {
    return rounded_to_odd(value);
  } else {
    return rounded_to_odd(static_cast<std::int64_t>(value));
  }
}

}  // namespace detail

// IEEE 754 binary16. A storage type: converts from numbers and to float (round to nearest even), no
// arithmetic.
class half {
 public:
  constexpr half() = default;
  constexpr half(float value) : bits_(encode(value)) {}
  template <detail::Wide T>
  constexpr half(T value) : bits_(encode(detail::for_16_bits(value))) {}
  constexpr operator float() const { return decode(bits_); }
  constexpr std::uint16_t bits() const { return bits_; }

 private:
  static constexpr std::uint16_t encode(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16) & 0x8000u;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // NaN
    if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // overflows
    if (magnitude < 0x38800000u) {  // subnormal: units of 2^-24; adding 0.5 makes the FPU round
      const float units = std::bit_cast<float>(magnitude) + 0.5F;
      return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(units) - 0x3f000000u));
    }
    const std::uint32_t odd = (magnitude >> 13) & 1u;
    return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
  }
  static constexpr float decode(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000u) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1fu;
    const std::uint32_t mantissa = bits & 0x3ffu;
    if (exponent == 0) {
      const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
      return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
    }
    const std::uint32_t wide = exponent == 0x1fu ? 0xffu : exponent + 112u;
    return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
  }
  std::uint16_t bits_ = 0;
};

// The upper half of a binary32. A storage type, like half.
class bfloat16 {
 public:
  constexpr bfloat16() = default;
  constexpr bfloat16(float value) : bits_(encode(value)) {}
  template <detail::Wide T>
  constexpr bfloat16(T value) : bits_(encode(detail::for_16_bits(value))) {}
  constexpr operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits_) << 16);
  }
  constexpr std::uint16_t bits() const { return bits_; }

 private:
  static constexpr std::uint16_t encode(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
    return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
  std::uint16_t bits_ = 0;
};

// The C++ types that are elements; every integral type of 4 or 8 bytes counts as the fixed-width
// one.
template <class T>
concept Element = std::is_same_v<T, bool> || std::is_same_v<T, half> ||
    std::is_same_v<T, bfloat16> || std::is_same_v<T, float> || std::is_same_v<T, double> ||
    (std::is_integral_v<T>&& std::is_signed_v<T> && sizeof(T) >= 4);

template <Element T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>) return DType::boolean;
  if constexpr (std::is_same_v<T, half>) return DType::f16;
  if constexpr (std::is_same_v<T, bfloat16>) return DType::bf16;
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, double>) return DType::f64;
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    return sizeof(T) == 8 ? DType::i64 : DType::i32;
  }
}

}  // namespace tendon
