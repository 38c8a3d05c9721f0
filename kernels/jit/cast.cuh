// Casts between the types of values in registers, as the CPU executor's: what is not 0 is true; a
// floating value becomes an integer toward zero, NaN 0, and what is out of range the nearest bound;
// integers wrap.
#pragma once

#include <tendon/scalar.cuh>

namespace tendon::op {

// Each holds its result to the type's range.
inline int toward_zero(float x, int) { return __float2int_rz(x); }
inline int toward_zero(double x, int) { return __double2int_rz(x); }
inline long long toward_zero(float x, long long) { return __float2ll_rz(x); }
inline long long toward_zero(double x, long long) { return __double2ll_rz(x); }

template <class T>
struct Cast {
  template <class From>
  static T of(From x) {
    if constexpr (ops::Integer<T> && ops::Floating<From>) {
      return x != x ? T{0} : toward_zero(x, T{});
    } else {
      return static_cast<T>(x);
    }
  }
};
template <>
struct Cast<bool> {
  template <class From>
  static bool of(From x) {
    return x != From{0};
  }
};

template <class To, class From>
To cast(From x) {
  return Cast<To>::of(x);
}

// The number as an f32 that rounds to 16 bits as the number does: cut off, its last bit set where
// that lost something (Boldo and Melquiond 2008, "Emulation of a FMA and correctly-rounded sums").
inline float odd_unless(bool is_exact, float cut) {
  return is_exact ? cut : __int_as_float(__float_as_int(cut) | 1);
}
inline float cast_for_16_bits(double x) {
  const float cut = __double2float_rz(x);
  return odd_unless(static_cast<double>(cut) == x, cut);
}
inline float cast_for_16_bits(int x) {
  const float cut = __int2float_rz(x);
  return odd_unless(__float2int_rz(cut) == x, cut);
}
inline float cast_for_16_bits(long long x) {
  const float cut = __ll2float_rz(x);
  return odd_unless(__float2ll_rz(cut) == x, cut);
}
inline float cast_for_16_bits(float x) { return x; }
inline float cast_for_16_bits(bool x) { return x ? 1 : 0; }

}  // namespace tendon::op
