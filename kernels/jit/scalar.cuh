// S<T> on the device: the scalar that the value formulas of <tendon/op_table.inc> are compiled
// with, with the meaning of host/ops/scalar.h. A literal takes the type of the operand beside it,
// integers wrap, and each operation rounds to T. Compiled by NVRTC where functions are the device's
// unless said otherwise, and free of other headers, since those cost more time than the kernel.
#pragma once

namespace tendon::ops {

template <class T>
struct S {
  T v;
};

template <class T>
inline constexpr bool kIsFloating = false;
template <>
inline constexpr bool kIsFloating<float> = true;
template <>
inline constexpr bool kIsFloating<double> = true;
template <class T>
inline constexpr bool kIsInteger = false;
template <>
inline constexpr bool kIsInteger<int> = true;
template <>
inline constexpr bool kIsInteger<long long> = true;

template <class T>
concept Floating = kIsFloating<T>;
template <class T>
concept Integer = kIsInteger<T>;
template <class T>
concept Literal = Floating<T> || Integer<T>;

// Integer arithmetic is done modulo 2^n.
inline unsigned wrapping(int value) { return static_cast<unsigned>(value); }
inline unsigned long long wrapping(long long value) {
  return static_cast<unsigned long long>(value);
}
inline float wrapping(float value) { return value; }
inline double wrapping(double value) { return value; }

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
template <Floating T>
S<T> operator/(S<T> a, S<T> b) {
  return {a.v / b.v};
}
template <Floating T>
S<T> operator/(Literal auto a, S<T> b) {
  return S<T>{static_cast<T>(a)} / b;
}
template <class T>
S<T> operator-(S<T> x) {
  if constexpr (Integer<T>) {
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
inline bool operator&(S<bool> a, S<bool> b) { return a.v && b.v; }
inline bool operator|(S<bool> a, S<bool> b) { return a.v || b.v; }

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

#define TENDON_FROM_C(name, function)                               \
  inline S<float> name(S<float> x) { return {::function##f(x.v)}; } \
  inline S<double> name(S<double> x) { return {::function(x.v)}; }
TENDON_FROM_C(abs, fabs)
TENDON_FROM_C(sqrt, sqrt)
TENDON_FROM_C(exp, exp)
TENDON_FROM_C(exp2, exp2)
TENDON_FROM_C(expm1, expm1)
TENDON_FROM_C(log, log)
TENDON_FROM_C(log2, log2)
TENDON_FROM_C(log1p, log1p)
TENDON_FROM_C(sin, sin)
TENDON_FROM_C(cos, cos)
TENDON_FROM_C(tan, tan)
TENDON_FROM_C(asin, asin)
TENDON_FROM_C(acos, acos)
TENDON_FROM_C(atan, atan)
TENDON_FROM_C(sinh, sinh)
TENDON_FROM_C(cosh, cosh)
TENDON_FROM_C(tanh, tanh)
TENDON_FROM_C(asinh, asinh)
TENDON_FROM_C(acosh, acosh)
TENDON_FROM_C(atanh, atanh)
TENDON_FROM_C(erf, erf)
TENDON_FROM_C(erfc, erfc)
TENDON_FROM_C(lgamma, lgamma)
TENDON_FROM_C(floor, floor)
TENDON_FROM_C(ceil, ceil)
TENDON_FROM_C(trunc, trunc)
TENDON_FROM_C(round, rint)  // half to even
#undef TENDON_FROM_C
#define TENDON_FROM_C(name)                                                      \
  inline S<float> name(S<float> a, S<float> b) { return {::name##f(a.v, b.v)}; } \
  inline S<double> name(S<double> a, S<double> b) { return {::name(a.v, b.v)}; }
TENDON_FROM_C(pow)
TENDON_FROM_C(atan2)
TENDON_FROM_C(hypot)
TENDON_FROM_C(fmod)
TENDON_FROM_C(copysign)
#undef TENDON_FROM_C

template <Integer T>
S<T> abs(S<T> x) {
  return where(x < 0, -x, x);
}
// Rounding leaves integers as they are.
template <Integer T>
S<T> floor(S<T> x) {
  return x;
}
template <Integer T>
S<T> ceil(S<T> x) {
  return x;
}
template <Integer T>
S<T> trunc(S<T> x) {
  return x;
}
template <Integer T>
S<T> round(S<T> x) {
  return x;
}

inline float infinity(S<float>) { return __int_as_float(0x7f800000); }
inline double infinity(S<double>) { return __longlong_as_double(0x7ff0000000000000); }

template <class T>
bool is_nan(S<T> x) {
  return x.v != x.v;
}
template <class T>
bool is_inf(S<T> x) {
  if constexpr (Integer<T>) {
    return false;
  } else {
    return abs(x).v == infinity(x);
  }
}
template <class T>
bool is_finite(S<T> x) {
  if constexpr (Integer<T>) {
    return true;
  } else {
    return abs(x).v < infinity(x);
  }
}

// Integers: by squaring; a negative exponent gives what truncation leaves of the reciprocal, 0 to
// the negative gives 0.
template <Integer T>
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
  if constexpr (Integer<T>) {
    if (b.v == 0 || b.v == -1) return {0};
    const T remainder = a.v % b.v;
    return {remainder != 0 && (remainder < 0) != (b.v < 0) ? remainder + b.v : remainder};
  } else {
    const S<T> remainder = fmod(a, b);
    if (remainder == 0) return copysign(S<T>{0}, b);
    return (remainder < 0) != (b < 0) ? remainder + b : remainder;
  }
}

// a * b, but 0 where a is 0 whatever b is.
template <Floating T>
S<T> scale(S<T> a, S<T> b) {
  return where(a == 0, 0, a * b);
}

// What rounding a * b and a - b lost: exact, unless they overflow.
inline S<float> product_error(S<float> a, S<float> b) {
  return {__fmaf_rn(a.v, b.v, -(a.v * b.v))};
}
inline S<double> product_error(S<double> a, S<double> b) {
  return {__fma_rn(a.v, b.v, -(a.v * b.v))};
}
template <Floating T>
S<T> difference_error(S<T> a, S<T> b) {
  const S<T> difference = a - b;
  const S<T> negated = difference - a;
  return (a - (difference - negated)) - (b + negated);
}

// exp(-(weight * x * x)), a weight of a power of two. x * x is too coarse as an argument of exp:
// its error is what the result's is, relative.
template <Floating T>
S<T> exp_minus_square(S<T> x, double weight) {
  const S<T> near = exp(-(weight * (x * x)));
  return near - scale(near, weight * product_error(x, x));
}

// Of the normal distribution. erfc(t) by the argument's error r is erfc(t) * (1 - 2 t r), as nearly
// as matters.
template <Floating T>
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
template <Floating T>
S<T> gelu_tanh_exp(S<T> x) {
  return exp(-(abs(x) * (1.5957691216057308 + 0.07135481627260025 * (x * x))));
}

// A reciprocal, since a kernel with both of these computes it once.
template <Floating T>
S<T> gelu_tanh(S<T> x) {
  const S<T> e = gelu_tanh_exp(x);
  return where(x > 0, x, scale(e, x)) * (1 / (1 + e));
}
template <Floating T>
S<T> gelu_tanh_bell(S<T> x) {
  const S<T> e = gelu_tanh_exp(x);
  const S<T> share = 1 / (1 + e);
  return e * share * share;
}
template <Floating T>
S<T> gelu_tanh_slope(S<T> x) {
  const S<T> e = gelu_tanh_exp(x);
  const S<T> share = 1 / (1 + e);
  const S<T> steepness = 1.5957691216057308 + 0.21406444881780075 * (x * x);
  return where(x > 0, share, e * share) + scale(e * share * share, x * steepness);
}

template <Floating T>
S<T> sigmoid(S<T> x) {
  const S<T> e = exp(-abs(x));
  return where(x > 0, one(x), e) / (1 + e);
}
template <Floating T>
S<T> sigmoid_slope(S<T> x) {
  const S<T> e = exp(-abs(x));
  return e / ((1 + e) * (1 + e));
}
template <Floating T>
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
template <Floating T>
S<T> silu(S<T> x) {
  const bool is_low = x < -2 * kLift<T>;
  const S<T> e = exp(where(is_low, x + kLift<T>, -abs(x)));
  const S<T> y = where(x > 0, x, scale(e, x)) * (1 / (1 + e));
  return where(is_low, y * kLowering<T>, y);
}
template <Floating T>
S<T> silu_slope(S<T> x) {
  const bool is_low = x < -2 * kLift<T>;
  const S<T> e = exp(where(is_low, x + kLift<T>, -abs(x)));
  const S<T> share = 1 / (1 + e);
  const S<T> y = where(x > 0, 1 + scale(e, 1 + x), scale(e, 1 + x + e)) * (share * share);
  return where(is_low, y * kLowering<T>, y);
}

// a^(b - c), with the exponent's rounding error made good.
template <Floating T>
S<T> power_below(S<T> a, S<T> b, S<T> c) {
  const S<T> power = pow(a, b - c);
  const S<T> by = difference_error(b, c) * log(abs(a));
  return where(abs(by) < 1, power * (1 + by), power);
}

// b / (a^2 + b^2) and a / hypot(a, b), without overflow; 0 at (0, 0), and as far from it as
// infinity.
template <Floating T>
S<T> atan2_slope(S<T> a, S<T> b) {
  const S<T> length = hypot(a, b);
  return where(b == 0, 0 * a, where(is_inf(b), 0, b / length / length));
}
template <Floating T>
S<T> direction(S<T> a, S<T> b) {
  const S<T> length = hypot(a, b);
  const S<T> far = where(is_inf(a), where(a > 0, one(a), -1), 0);
  return where(is_inf(length), far, where(length == 0, 0, a / length));
}

// sigmoid(a - b), with the difference's rounding error made good; of two -infinity 0.
template <Floating T>
S<T> logaddexp_share(S<T> a, S<T> b) {
  const S<T> difference = a - b;
  const S<T> e = exp(-abs(difference));
  const S<T> near = where(difference > 0, one(e), e) / (1 + e);
  const S<T> share = near + scale(e / ((1 + e) * (1 + e)), difference_error(a, b));
  const S<T> half = 0.5 * one(a);
  return where(a == b, where(is_inf(a), where(a < 0, 0, half), half), share);
}

}  // namespace tendon::ops
