// op::NAME for each row of the op table, of values in registers (bool, int, long long, float,
// double), with op::select and op::cast: what a generated kernel computes with.
#pragma once

#include <tendon/cast.cuh>
#include <tendon/gamma.cuh>
#include <tendon/philox.cuh>
#include <tendon/scalar.cuh>

namespace tendon::op {

template <class T>
T unwrap(ops::S<T> value) {
  return value.v;
}
inline bool unwrap(bool value) { return value; }

// A formula's own calls, tanh(x) in tanh, are of S<T>: they find the functions of tendon::ops,
// which are more specialised than these.
#define TENDON_UNARY(name, value, ...) \
  template <class T>                   \
  auto name(T of_x) {                  \
    const ops::S<T> x{of_x};           \
    return unwrap(value);              \
  }
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, ...) \
  template <class T>                                                 \
  auto name(T of_x, T of_parameter) {                                \
    const ops::S<T> x{of_x};                                         \
    const ops::S<T> parameter{of_parameter};                         \
    return unwrap(value);                                            \
  }
#define TENDON_BINARY(name, value, ...) \
  template <class T>                    \
  auto name(T of_a, T of_b) {           \
    const ops::S<T> a{of_a};            \
    const ops::S<T> b{of_b};            \
    return unwrap(value);               \
  }
#define TENDON_TERNARY(name, value, ...) \
  template <class T>                     \
  auto name(T of_a, T of_b, T of_c) {    \
    const ops::S<T> a{of_a};             \
    const ops::S<T> b{of_b};             \
    const ops::S<T> c{of_c};             \
    return unwrap(value);                \
  }
#include <tendon/op_table.inc>

// The same as functions that are called, for kernels with many of them: called::NAME.
}  // namespace tendon::op

namespace tendon::called {

#define TENDON_UNARY(name, ...) \
  template <class T>            \
  __noinline__ auto name(T x) { \
    return op::name(x);         \
  }
#define TENDON_UNARY_PARAMETER(name, ...)    \
  template <class T>                         \
  __noinline__ auto name(T x, T parameter) { \
    return op::name(x, parameter);           \
  }
#define TENDON_BINARY(name, ...)     \
  template <class T>                 \
  __noinline__ auto name(T a, T b) { \
    return op::name(a, b);           \
  }
#define TENDON_TERNARY(name, ...)         \
  template <class T>                      \
  __noinline__ auto name(T a, T b, T c) { \
    return op::name(a, b, c);             \
  }
#include <tendon/op_table.inc>

}  // namespace tendon::called

namespace tendon::op {

// The op `where`.
template <class T>
T select(bool condition, T a, T b) {
  return condition ? a : b;
}

}  // namespace tendon::op
