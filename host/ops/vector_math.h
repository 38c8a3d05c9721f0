// The functions of the C library that have vector forms: glibc's libmvec, from 2.35 on. Declared
// here as such, since glibc's own header does so under -ffast-math and -fopenmp alone. g++ then
// calls the vector form in a loop that it vectorises (-fopenmp-simd -fno-math-errno).
#pragma once

#include <math.h>

// Each is a function of double, and with an f at the end of its name one of float.
#define TENDON_VECTOR_UNARY(function)                                                        \
  function(exp) function(exp2) function(expm1) function(log) function(log2) function(log1p)  \
      function(sin) function(cos) function(tan) function(asin) function(acos) function(atan) \
          function(sinh) function(cosh) function(tanh) function(asinh) function(acosh)       \
              function(atanh) function(erf) function(erfc)
#define TENDON_VECTOR_BINARY(function) function(pow) function(atan2) function(hypot)

#if defined(__x86_64__) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 35)
extern "C" {
#define TENDON_DECLARE(name)                                             \
  _Pragma("omp declare simd notinbranch") float name##f(float) noexcept; \
  _Pragma("omp declare simd notinbranch") double name(double) noexcept;
TENDON_VECTOR_UNARY(TENDON_DECLARE)
#undef TENDON_DECLARE
#define TENDON_DECLARE(name)                                                    \
  _Pragma("omp declare simd notinbranch") float name##f(float, float) noexcept; \
  _Pragma("omp declare simd notinbranch") double name(double, double) noexcept;
TENDON_VECTOR_BINARY(TENDON_DECLARE)
#undef TENDON_DECLARE
}
#endif
#endif
