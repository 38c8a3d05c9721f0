// digamma and polygamma in f64, as host/ops/gamma.cpp has them. Abramowitz and Stegun, Handbook of
// Mathematical Functions: recurrence 6.3.5, reflection 6.3.7, asymptotic series 6.3.18 and 6.4.11,
// and the sum 6.4.10, which holds for negative x too.
#pragma once

#include <tendon/scalar.cuh>

namespace tendon::gamma {

inline constexpr double kPi = 3.141592653589793;

// The Bernoulli number B_2(k + 1); a constant where k is one.
inline double bernoulli(int k) {
  constexpr double kNumbers[] = {1.0 / 6,       -1.0 / 30,      1.0 / 42, -1.0 / 30,
                                 5.0 / 66,      -691.0 / 2730,  7.0 / 6,  -3617.0 / 510,
                                 43867.0 / 798, -174611.0 / 330};
  return kNumbers[k];
}

// Not in line, since the assembler makes hundreds of instructions of it.
__device__ __noinline__ double power(double x, double exponent) { return pow(x, exponent); }

__device__ __noinline__ double digamma(double x) {
  const double infinite = ops::infinity(ops::S<double>{});
  if (x == 0) return copysign(infinite, -x);
  double result = 0;
  if (x < 0) {
    const double offset = x - rint(x);  // exact, also right beside a pole
    if (offset == 0 || x == -infinite) return infinite - infinite;
    result = -kPi / tan(kPi * offset);
    x = 1 - x;
  }
#pragma unroll 1
  for (; x < 10; ++x) result -= 1 / x;
  const double inverse = 1 / (x * x);
  double power = inverse;
  double series = 0;
#pragma unroll
  for (int k = 0; k < 10; ++k) {
    series += bernoulli(k) / (2.0 * (k + 1)) * power;
    power *= inverse;
  }
  return result + log(x) - 0.5 / x - series;
}

// The sum over k of 1 / (x + k)^(order + 1), for x > 0.
inline double zeta(double x, double order) {
  const double s = order + 1;
  double sum = 0;
#pragma unroll 1
  for (const double far = 10 + order; x < far; ++x) sum += power(x, -s);
  const double base = power(x, -order);
  sum += base / order + 0.5 * base / x;
  // term k: B_2k / (2k)! * s (s+1) ... (s + 2k - 2) x^-(s + 2k - 1)
  const double inverse = 1 / (x * x);
  double factor = base * inverse * s / 2;
#pragma unroll
  for (int k = 0; k < 10; ++k) {
    sum += bernoulli(k) * factor;
    const double twice = 2.0 * (k + 1);
    factor *= (s + twice - 1) * (s + twice) * (inverse * (1 / ((twice + 1) * (twice + 2))));
  }
  return sum;
}

// n!, infinity from 171 on.
inline double factorial(double n) {
  double product = 1;
#pragma unroll 1
  for (double k = 2; k <= n && k <= 171; ++k) product *= k;
  return product;
}

// For order n >= 1: (-1)^(n+1) n! sum over k of 1 / (x + k)^(n+1). At a pole: infinity where both
// sides agree (odd n) or x is a zero with a sign, else NaN.
inline double polygamma(double x, double order) {
  if (order == 0) return digamma(x);
  const double infinite = ops::infinity(ops::S<double>{});
  const double nan = infinite - infinite;
  if (x != x || x == -infinite || !(order > 0) || order != floor(order)) return nan;
  const bool is_odd = order != 2 * floor(order / 2);
  const double offset = x - rint(x);  // exact, also right beside a pole
  if (x <= 0 && offset == 0) return is_odd ? infinite : x == 0 ? copysign(infinite, -x) : nan;
  // One call of zeta, inlined, for each of the sums that make up that of a negative x.
  double sum = 0;
  const int sums = x > 0 ? 1 : 3;
#pragma unroll 1
  for (int i = 0; i < sums; ++i) {
    const double from = x > 0 ? x : i == 0 ? 1 + offset : i == 1 ? 1 - offset : 1 - x;
    const double part = zeta(from, order);
    sum += i == 0 || (i == 1) == is_odd ? part : -part;
  }
  if (x < 0) sum += power(offset, -order - 1);
  return (is_odd ? 1 : -1) * factorial(order) * sum;
}

}  // namespace tendon::gamma

namespace tendon::ops {

template <Floating T>
S<T> digamma(S<T> x) {
  return {static_cast<T>(gamma::digamma(static_cast<double>(x.v)))};
}
template <Floating T>
S<T> polygamma(S<T> x, S<T> order) {
  return {static_cast<T>(gamma::polygamma(static_cast<double>(x.v), static_cast<double>(order.v)))};
}

}  // namespace tendon::ops
