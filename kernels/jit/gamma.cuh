// digamma and polygamma in f64, as host/ops/gamma.cpp has them. Abramowitz and Stegun, Handbook of
// Mathematical Functions: recurrence 6.3.5 and 6.4.6, reflection 6.3.7 and 6.4.7, asymptotic series
// 6.3.18 and 6.4.11.
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

inline double digamma(double x) {
  const double infinite = ops::infinity(ops::S<double>{});
  if (x == 0) return copysign(infinite, -x);
  double result = 0;
  if (x < 0) {
    const double fraction = x - floor(x);
    if (fraction == 0 || x == -infinite) return infinite - infinite;
    result = -kPi / tan(kPi * fraction);
    x = 1 - x;
  }
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

// Of x > 0 and a whole order >= 1.
inline double positive_polygamma(double x, double order) {
  // In units of n!, with s = n + 1.
  const double s = order + 1;
  double sum = 0;
  for (const double far = 10 + order; x < far; ++x) sum += pow(x, -s);
  const double base = pow(x, -order);
  sum += base / order + 0.5 * base / x;
  // term k: B_2k / (2k)! * s (s+1) ... (s + 2k - 2) x^-(s + 2k - 1)
  double factor = base / (x * x) * s / 2;
#pragma unroll
  for (int k = 0; k < 10; ++k) {
    sum += bernoulli(k) * factor;
    const double twice = 2.0 * (k + 1);
    factor *= (s + twice - 1) * (s + twice) / ((twice + 1) * (twice + 2) * x * x);
  }
  const double sign = fmod(order, 2.0) == 0 ? -1 : 1;
  return sign * tgamma(s) * sum;
}

// For order n >= 1: (-1)^(n+1) n! sum over k of 1 / (x + k)^(n+1). Negative x is supported for
// order 1; NaN beyond.
inline double polygamma(double x, double order) {
  if (order == 0) return digamma(x);
  const double infinite = ops::infinity(ops::S<double>{});
  const double nan = infinite - infinite;
  if (x != x || !(order > 0) || order != floor(order)) return nan;
  if (x > 0) return positive_polygamma(x, order);
  if (order != 1) return nan;
  if (x == floor(x)) return infinite;
  const double sine = sin(kPi * x);
  return kPi * kPi / (sine * sine) - positive_polygamma(1 - x, 1);
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
