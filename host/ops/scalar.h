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

// a * b, but 0 where a is 0 whatever b is.
template <std::floating_point T>
S<T> scale(S<T> a, S<T> b) {
  return where(a == 0, 0, a * b);
}

// What rounding a * b and a - b lost: exact, unless they overflow.
inline S<float> product_error(S<float> a, S<float> b) {
#if defined(__FMA__)
  return {::fmaf(a.v, b.v, -(a.v * b.v))};
#else
  const double product = static_cast<double>(a.v) * static_cast<double>(b.v);
  return {static_cast<float>(product - static_cast<double>(a.v * b.v))};
#endif
}
inline S<double> product_error(S<double> a, S<double> b) { return {::fma(a.v, b.v, -(a.v * b.v))}; }
template <std::floating_point T>
S<T> difference_error(S<T> a, S<T> b) {
  const S<T> difference = a - b;
  const S<T> negated = difference - a;
  return (a - (difference - negated)) - (b + negated);
}

// exp(-(weight * x * x)), a weight of a power of two. x * x is too coarse as an argument of exp:
// its error is what the result's is, relative.
template <std::floating_point T>
S<T> exp_minus_square(S<T> x, double weight) {
  const S<T> near = exp(-(weight * (x * x)));
  return near - scale(near, weight * product_error(x, x));
}

// Of the normal distribution. erfc(t) by the argument's error r is erfc(t) * (1 - 2 t r), as nearly
// as matters.
template <std::floating_point T>
S<T> normal_distribution(S<T> x) {
  constexpr double kRoot = -0.7071067811865476;  // and what f64 misses of it:
  constexpr double kRest = 4.833646656726457e-17;
  const S<T> root{static_cast<T>(kRoot)};
  const S<T> t = x * root;
  const S<T> error = product_error(x, root) + x * ((kRoot - static_cast<double>(root.v)) + kRest);
  const S<T> near = 0.5 * erfc(t);
  return near - scale(near, where(t > 0, 2 * t * error, 0));
}

// exp(-|u|) for gelu_tanh's u. What u's rounding costs, accuracy_exceptions.inc says.
template <std::floating_point T>
S<T> gelu_tanh_exp(S<T> x) {
  return exp(-(abs(x) * (1.5957691216057308 + 0.07135481627260025 * (x * x))));
}

// A reciprocal, since a kernel with both of these computes it once.
template <std::floating_point T>
S<T> gelu_tanh(S<T> x) {
  const S<T> e = gelu_tanh_exp(x);
  return where(x > 0, x, scale(e, x)) * (1 / (1 + e));
}
template <std::floating_point T>
S<T> gelu_tanh_bell(S<T> x) {
  const S<T> e = gelu_tanh_exp(x);
  const S<T> share = 1 / (1 + e);
  return e * share * share;
}
template <std::floating_point T>
S<T> gelu_tanh_slope(S<T> x) {
  const S<T> e = gelu_tanh_exp(x);
  const S<T> share = 1 / (1 + e);
  const S<T> steepness = 1.5957691216057308 + 0.21406444881780075 * (x * x);
  return where(x > 0, share, e * share) + scale(e * share * share, x * steepness);
}

template <std::floating_point T>
S<T> sigmoid(S<T> x) {
  const S<T> e = exp(-abs(x));
  return where(x > 0, one(x), e) / (1 + e);
}
template <std::floating_point T>
S<T> sigmoid_slope(S<T> x) {
  const S<T> e = exp(-abs(x));
  return e / ((1 + e) * (1 + e));
}
template <std::floating_point T>
S<T> tanh_slope(S<T> x) {
  const S<T> e = exp(-abs(2 * x));
  const S<T> share = 1 / (1 + e);
  return 4 * e * (share * share);
}
// Where exp(x) underflows but x * exp(x) does not, silu and its slope take exp(x + kLift), whose
// argument is exact; 1 + e is 1 there either way.
template <class T>
inline constexpr double kLift = sizeof(T) == 4 ? 32 : 128;
template <class T>
inline constexpr double kLowering = sizeof(T) == 4 ? 1.2664165549094176e-14
                                                   : 2.5722093726424148e-56;
template <std::floating_point T>
S<T> silu(S<T> x) {
  const bool is_low = x < -2 * kLift<T>;
  const S<T> e = exp(where(is_low, x + kLift<T>, -abs(x)));
  const S<T> y = where(x > 0, x, scale(e, x)) * (1 / (1 + e));
  return where(is_low, y * kLowering<T>, y);
}
template <std::floating_point T>
S<T> silu_slope(S<T> x) {
  const bool is_low = x < -2 * kLift<T>;
  const S<T> e = exp(where(is_low, x + kLift<T>, -abs(x)));
  const S<T> share = 1 / (1 + e);
  const S<T> y = where(x > 0, 1 + scale(e, 1 + x), scale(e, 1 + x + e)) * (share * share);
  return where(is_low, y * kLowering<T>, y);
}

// a^(b - c), with the exponent's rounding error made good.
template <std::floating_point T>
S<T> power_below(S<T> a, S<T> b, S<T> c) {
  const S<T> power = pow(a, b - c);
  const S<T> by = difference_error(b, c) * log(abs(a));
  return where(abs(by) < 1, power * (1 + by), power);
}

// b / (a^2 + b^2) and a / hypot(a, b), without overflow; 0 at (0, 0), and as far from it as
// infinity.
template <std::floating_point T>
S<T> atan2_slope(S<T> a, S<T> b) {
  const S<T> length = hypot(a, b);
  return where(b == 0, 0 * a, where(is_inf(b), 0, b / length / length));
}
template <std::floating_point T>
S<T> direction(S<T> a, S<T> b) {
  const S<T> length = hypot(a, b);
  const S<T> far = where(is_inf(a), where(a > 0, one(a), -1), 0);
  return where(is_inf(length), far, where(length == 0, 0, a / length));
}

// sigmoid(a - b), with the difference's rounding error made good; of two -infinity 0.
template <std::floating_point T>
S<T> logaddexp_share(S<T> a, S<T> b) {
  const S<T> difference = a - b;
  const S<T> e = exp(-abs(difference));
  const S<T> near = where(difference > 0, one(e), e) / (1 + e);
  const S<T> share = near + scale(e / ((1 + e) * (1 + e)), difference_error(a, b));
  const S<T> half = 0.5 * one(a);
  return where(a == b, where(is_inf(a), where(a < 0, 0, half), half), share);
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
