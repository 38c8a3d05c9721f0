// The 16-bit floating formats: f16 (10 bits of fraction, exponents from -14) and bf16 (7, -126).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace emulator {

template <int kFraction, int kLeastExponent, int kGreatestExponent>
struct SmallFloat {
  std::uint16_t bits;

  double value() const {
    const int exponent = (bits & 0x7fff) >> kFraction;
    const int fraction = bits & ((1 << kFraction) - 1);
    constexpr int kSpecial = kGreatestExponent - kLeastExponent + 2;
    double size;
    if (exponent == kSpecial) {
      size = fraction == 0 ? std::numeric_limits<double>::infinity()
                           : std::numeric_limits<double>::quiet_NaN();
    } else if (exponent == 0) {
      size = std::ldexp(fraction, kLeastExponent - kFraction);
    } else {
      size = std::ldexp(fraction | 1 << kFraction, exponent - 1 + kLeastExponent - kFraction);
    }
    return (bits & 0x8000) != 0 ? -size : size;
  }

  // By the processor's rounding mode.
  static SmallFloat of(double value) {
    const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    constexpr std::uint16_t kInfinity =
        static_cast<std::uint16_t>((kGreatestExponent - kLeastExponent + 2) << kFraction);
    if (value != value) return {0x7fff};
    if (std::isinf(value)) return {static_cast<std::uint16_t>(sign | kInfinity)};
    if (value == 0) return {sign};
    const int exponent = std::max(std::ilogb(value), kLeastExponent);
    const double units = std::nearbyint(std::ldexp(value, kFraction - exponent));
    // A fraction that rounds up into the next exponent carries by itself.
    const auto count = static_cast<std::int64_t>(std::fabs(units));
    const std::int64_t encoded = (std::int64_t{exponent - kLeastExponent} << kFraction) + count;
    if (encoded >= kInfinity) {
      const double greatest = std::ldexp(2.0 - std::ldexp(1.0, -kFraction), kGreatestExponent);
      // Overflow is to infinity, or to the greatest number where the rounding goes towards zero.
      const bool to_infinity = std::fabs(std::nearbyint(std::copysign(0.5, value) * 1.5)) >= 1.0;
      return {static_cast<std::uint16_t>(
          sign | (to_infinity || std::fabs(value) == greatest ? kInfinity : kInfinity - 1))};
    }
    return {static_cast<std::uint16_t>(sign | encoded)};
  }
};

using F16 = SmallFloat<10, -14, 15>;
using BF16 = SmallFloat<7, -126, 127>;

// a * b + c, such that rounding the result to 16 bits is rounding once: a double's last bit is made
// odd where it is not exact.
inline double multiply_add_to_odd(double a, double b, double c) {
  const double product = a * b;  // exact: two fractions of 11 bits
  const double sum = product + c;
  if (!std::isfinite(sum)) return sum;
  const double from_c = sum - product;
  const double error = (product - (sum - from_c)) + (c - from_c);
  const auto bits = std::bit_cast<std::uint64_t>(sum);
  if (error == 0 || (bits & 1) != 0) return sum;
  return std::nextafter(sum, error > 0 ? std::numeric_limits<double>::infinity()
                                       : -std::numeric_limits<double>::infinity());
}

}  // namespace emulator
