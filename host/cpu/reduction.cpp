// Reductions: every operand element is met once, in row-major order, and added to its result's
// accumulator. Floating sums are accumulated in f64, so that this executor is a reference for those
// that sum otherwise.
#include <cmath>
#include <vector>

#include "host/cpu/compute.h"
#include "host/cpu/strides.h"
#include "host/cpu/visit.h"

namespace tendon::cpu {
namespace {

// Strides of the result, seen from the operand: 0 on the axes that are reduced.
Strides result_strides(const Computation& c) {
  const Shape& shape = c.operands[0].shape;
  unsigned reduced = 0;
  for (const int axis : c.attributes.axes) reduced |= 1U << (axis < 0 ? axis + shape.rank() : axis);
  if (c.attributes.axes.count() == 0) reduced = ~0U;
  Strides strides{};
  std::int64_t step = 1;
  for (int i = shape.rank(); i-- > 0;) {
    if (((reduced >> i) & 1U) != 0) continue;
    strides[static_cast<std::size_t>(i)] = step;
    step *= shape[i];
  }
  return strides;
}

template <class T>
void sum(const Computation& c) {
  const Array& x = c.operands[0];
  // Integers wrap: their sums are taken modulo 2^64.
  using Sum = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
  std::vector<Sum> sums(static_cast<std::size_t>(c.result.shape.size()));
  const std::array strides{contiguous(x.shape), result_strides(c)};
  for_each_element(x.shape, strides, [&](const auto& offsets) {
    sums[static_cast<std::size_t>(offsets[1])] += static_cast<Sum>(x.as<T>()[offsets[0]]);
  });
  for (std::size_t i = 0; i < sums.size(); ++i) c.result.as<T>()[i] = static_cast<T>(sums[i]);
}

template <class T>
bool is_nan(T value) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
  return false;
}

// Whether `value` takes the place of `best`: the first NaN wins, then the first extreme.
template <class T>
bool beats(Op op, T value, T best) {
  if (is_nan(best)) return false;
  if (is_nan(value)) return true;
  return op == Op::reduce_max || op == Op::argmax ? value > best : value < best;
}

template <class T>
void extreme(const Computation& c) {
  const Array& x = c.operands[0];
  auto* into = c.result.as<T>();
  std::vector<bool> met(static_cast<std::size_t>(c.result.shape.size()));
  const std::array strides{contiguous(x.shape), result_strides(c)};
  for_each_element(x.shape, strides, [&](const auto& offsets) {
    const T value = x.as<T>()[offsets[0]];
    const auto at = static_cast<std::size_t>(offsets[1]);
    if (!met[at] || beats(c.op, value, into[at])) into[at] = value;
    met[at] = true;
  });
}

template <class T>
void arg_extreme(const Computation& c) {
  const Array& x = c.operands[0];
  const int given = c.attributes.axes[0];
  const int axis = given < 0 ? given + x.shape.rank() : given;
  const std::int64_t inner = contiguous(x.shape)[static_cast<std::size_t>(axis)];
  const std::int64_t extent = x.shape[axis];
  auto* into = c.result.as<std::int64_t>();
  const std::int64_t count = c.result.shape.size();
  for (std::int64_t i = 0; i < count; ++i) {
    const T* line = x.as<T>() + i / inner * inner * extent + i % inner;
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < extent; ++k) {
      if (beats(c.op, line[k * inner], line[best * inner])) best = k;
    }
    into[i] = best;
  }
}

}  // namespace

void compute_reduction(const Computation& c) {
  visit(c.operands[0].dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, half> && !std::is_same_v<T, bfloat16>) {
      if (c.op == Op::argmax || c.op == Op::argmin) return arg_extreme<T>(c);
      if (c.op == Op::reduce_sum) return sum<T>(c);
      extreme<T>(c);
    }
  });
}

}  // namespace tendon::cpu
