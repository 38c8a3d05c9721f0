// S<T>: the scalar that the value formulas of <tendon/op_table.inc> are compiled with. It makes a
// literal take the type of the operand beside it (0.5 * x in f32 stays f32), makes integers wrap
// instead of overflowing, and rounds each operation to T. The functions are those the formulas may
// use. They are written for loops that are vectorised: selects evaluate both sides, and the math
// functions have vector forms.
//
// All has internal linkage, since the files that include this are compiled for different
// processors: of an inline function that several had in common, the linker would keep one, and
// might keep that which the machine does not run.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "host/ops/gamma.h"
#include "host/ops/vector_math.h"

namespace tendon::ops {
namespace {

template <class T>
struct S {
  T v;
};

template <class T>
concept Literal = std::is_arithmetic_v<T>;

// Integer arithmetic is done modulo 2^n.
template <class T>
auto wrapping(T value) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<std::make_unsigned_t<T>>(value);
  } else {
    return value;
  }
}

#define TENDON_ARITHMETIC(symbol)                                \
  template <class T>                                             \
  S<T> operator symbol(S<T> a, S<T> b) {                         \
    return {static_cast<T>(wrapping(a.v) symbol wrapping(b.v))}; \
  }                                                              \
  template <class T>                                             \
  S<T> operator symbol(S<T> a, Literal auto b) {                 \
    return a symbol S<T>{static_cast<T>(b)};                     \
  }                                                              \
  template <class T>                                             \
  S<T> operator symbol(Literal auto a, S<T> b) {                 \
    return S<T>{static_cast<T>(a)} symbol b;                     \
  }
TENDON_ARITHMETIC(+)
TENDON_ARITHMETIC(-)
TENDON_ARITHMETIC(*)
#undef TENDON_ARITHMETIC

// Floating only: the table's div takes integers as f32.
template <std::floating_point T>
S<T> operator/(S<T> a, S<T> b) {
  return {a.v / b.v};
}
template <std::floating_point T>
S<T> operator/(Literal auto a, S<T> b) {
  return S<T>{static_cast<T>(a)} / b;
}
template <class T>
S<T> operator-(S<T> x) {
  if constexpr (std::is_integral_v<T>) {
    return {static_cast<T>(0 - wrapping(x.v))};
  } else {
    return {-x.v};
  }
}

#define TENDON_COMPARISON(symbol)                \
  template <class T>                             \
  bool operator symbol(S<T> a, S<T> b) {         \
    return a.v symbol b.v;                       \
  }                                              \
  template <class T>                             \
  bool operator symbol(S<T> a, Literal auto b) { \
    return a.v symbol static_cast<T>(b);         \
  }
TENDON_COMPARISON(==)
TENDON_COMPARISON(!=)
TENDON_COMPARISON(<)
TENDON_COMPARISON(<=)
TENDON_COMPARISON(>)
TENDON_COMPARISON(>=)
#undef TENDON_COMPARISON
inline bool operator!(S<bool> x) { return !x.v; }
inline bool operator&(S<bool> a, S<bool> b) { return a.v & b.v; }
inline bool operator|(S<bool> a, S<bool> b) { return a.v | b.v; }

template <class T>
S<T> where(bool condition, S<T> a, S<T> b) {
  return {condition ? a.v : b.v};
}
template <class T>
S<T> where(bool condition, S<T> a, Literal auto b) {
  return {condition ? a.v : static_cast<T>(b)};
}
template <class T>
S<T> where(bool condition, Literal auto a, S<T> b) {
  return {condition ? static_cast<T>(a) : b.v};
}

// A NaN on either side is the result.
template <class T>
S<T> maximum(S<T> a, S<T> b) {
  return where(a != a, a, where(a > b, a, b));
}
template <class T>
S<T> maximum(S<T> a, Literal auto b) {
  return maximum(a, S<T>{static_cast<T>(b)});
}
template <class T>
S<T> minimum(S<T> a, S<T> b) {
  return where(a != a, a, where(a < b, a, b));
}
template <class T>
S<T> minimum(S<T> a, Literal auto b) {
  return minimum(a, S<T>{static_cast<T>(b)});
}

// 1 in the type of the operand.
template <class T>
S<T> one(S<T>) {
  return {T{1}};
}

template <class T>
S<T> abs(S<T> x) {
  if constexpr (std::is_integral_v<T>) {
    return where(x < 0, -x, x);
  } else {
    return {std::abs(x.v)};
  }
}

template <std::floating_point T>
S<T> sqrt(S<T> x) {
  return {std::sqrt(x.v)};
}
#define TENDON_FROM_C(name)                                     \
  inline S<float> name(S<float> x) { return {::name##f(x.v)}; } \
  inline S<double> name(S<double> x) { return {::name(x.v)}; }
TENDON_VECTOR_UNARY(TENDON_FROM_C)
#undef TENDON_FROM_C
#define TENDON_FROM_C(name)                                                      \
  inline S<float> name(S<float> a, S<float> b) { return {::name##f(a.v, b.v)}; } \
  inline S<double> name(S<double> a, S<double> b) { return {::name(a.v, b.v)}; }
TENDON_VECTOR_BINARY(TENDON_FROM_C)
#undef TENDON_FROM_C

template <std::floating_point T>
S<T> sigmoid(S<T> x) {
  return 1 / (1 + exp(-x));
}

// Rounding leaves integers as they are.
#define TENDON_ROUNDING(name, function)    \
  template <class T>                       \
  S<T> name(S<T> x) {                      \
    if constexpr (std::is_integral_v<T>) { \
      return x;                            \
    } else {                               \
      return {std::function(x.v)};         \
    }                                      \
  }
TENDON_ROUNDING(floor, floor)
TENDON_ROUNDING(ceil, ceil)
TENDON_ROUNDING(trunc, trunc)
TENDON_ROUNDING(round, nearbyint)  // half to even
#undef TENDON_ROUNDING

template <class T>
bool is_nan(S<T> x) {
  return x.v != x.v;
}
template <class T>
bool is_inf(S<T> x) {
  if constexpr (std::is_integral_v<T>) return false;
  return abs(x).v == std::numeric_limits<T>::infinity();
}
template <class T>
bool is_finite(S<T> x) {
  if constexpr (std::is_integral_v<T>) return true;
  return abs(x).v < std::numeric_limits<T>::infinity();
}

// Integers: by squaring; a negative exponent gives what truncation leaves of the reciprocal, 0 to
// the negative gives 0.
template <std::integral T>
S<T> pow(S<T> base, S<T> exponent) {
  if (exponent.v < 0) {
    if (base.v == 1) return {1};
    if (base.v == -1) return {exponent.v % 2 == 0 ? T{1} : T{-1}};
    return {0};
  }
  S<T> result{1};
  for (T left = exponent.v; left != 0; left >>= 1) {
    if ((left & 1) != 0) result = result * base;
    base = base * base;
  }
  return result;
}
// The remainder with the sign of b, as NumPy's; integers by 0 give 0.
template <class T>
S<T> mod(S<T> a, S<T> b) {
  if constexpr (std::is_integral_v<T>) {
    if (b.v == 0 || b.v == -1) return {0};
    const T remainder = a.v % b.v;
    return {remainder != 0 && (remainder < 0) != (b.v < 0) ? static_cast<T>(remainder + b.v)
                                                           : remainder};
  } else {
    const T remainder = std::fmod(a.v, b.v);
    if (remainder == 0) return {std::copysign(T{0}, b.v)};
    return {(remainder < 0) != (b.v < 0) ? remainder + b.v : remainder};
  }
}

template <std::floating_point T>
S<T> digamma(S<T> x) {
  return {static_cast<T>(ops::digamma(static_cast<double>(x.v)))};
}
template <std::floating_point T>
S<T> polygamma(S<T> x, S<T> order) {
  return {static_cast<T>(ops::polygamma(static_cast<double>(x.v), static_cast<double>(order.v)))};
}
template <std::floating_point T>
S<T> lgamma(S<T> x) {
  int sign = 0;  // std::lgamma writes a global
  if constexpr (std::is_same_v<T, float>) return {::lgammaf_r(x.v, &sign)};
  if constexpr (std::is_same_v<T, double>) return {::lgamma_r(x.v, &sign)};
}

}  // namespace
}  // namespace tendon::ops
