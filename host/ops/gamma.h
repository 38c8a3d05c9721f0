// digamma and polygamma in f64, which the C library lacks.
#pragma once

namespace tendon::ops {

double digamma(double x) noexcept;

// For order n >= 1: (-1)^(n+1) n! sum over k of 1 / (x + k)^(n+1). At a pole: infinity where both
// sides agree (odd n) or x is a zero with a sign, else NaN.
double polygamma(double x, double order) noexcept;

}  // namespace tendon::ops
