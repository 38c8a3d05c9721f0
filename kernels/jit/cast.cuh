// Casts between the types of values in registers, as the CPU executor's: what is not 0 is true; a
// floating value becomes an integer toward zero, NaN 0, and what is out of range the nearest bound.
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

}  // namespace tendon::op
