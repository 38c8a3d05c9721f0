// digamma and polygamma in f64, which the C library lacks.
#pragma once

namespace tendon::ops {

double digamma(double x) noexcept;

// For order n >= 1: (-1)^(n+1) n! sum over k of 1 / (x + k)^(n+1). Negative x is supported for
// order 1; NaN beyond.
double polygamma(double x, double order) noexcept;

}  // namespace tendon::ops
