// Walking the elements of a shape in row-major order, with the offsets they have in differently
// laid out arrays.
#pragma once

#include <tendon/shape.h>

#include <array>
#include <cstdint>

namespace tendon::cpu {

// Elements to go for a step on each axis.
using Strides = std::array<std::int64_t, kMaxRank>;

inline Strides contiguous(const Shape& shape) {
  Strides strides{};
  std::int64_t step = 1;
  for (int i = shape.rank(); i-- > 0;) {
    strides[static_cast<std::size_t>(i)] = step;
    step *= shape[i];
  }
  return strides;
}

// Of an array of `shape`, seen as if it were stretched over `wider` by broadcasting.
inline Strides broadcast_strides(const Shape& shape, const Shape& wider) {
  const Strides own = contiguous(shape);
  Strides strides{};
  const int added = wider.rank() - shape.rank();
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != 1)
      strides[static_cast<std::size_t>(i) + static_cast<std::size_t>(added)] =
          own[static_cast<std::size_t>(i)];
  }
  return strides;
}

// Calls row(offsets, count) for each innermost row of the shape, in order; offsets[k] is the row's
// first element in the k-th array. A scalar is one row of one element.
template <std::size_t N, class Row>
void for_each_row(const Shape& shape, const std::array<Strides, N>& strides, Row&& row) {
  if (shape.size() == 0) return;
  const int inner = shape.rank() - 1;
  const std::int64_t count = inner < 0 ? 1 : shape[inner];
  std::array<std::int64_t, N> offsets{};
  Strides index{};
  for (;;) {
    row(offsets, count);
    int axis = inner - 1;
    for (; axis >= 0; --axis) {
      const auto a = static_cast<std::size_t>(axis);
      for (std::size_t k = 0; k < N; ++k) offsets[k] += strides[k][a];
      if (++index[a] < shape[axis]) break;
      for (std::size_t k = 0; k < N; ++k) offsets[k] -= strides[k][a] * shape[axis];
      index[a] = 0;
    }
    if (axis < 0) return;
  }
}

// Calls element(offsets) for each element of the shape, in order.
template <std::size_t N, class Element>
void for_each_element(const Shape& shape, const std::array<Strides, N>& strides,
                      Element&& element) {
  const auto inner = static_cast<std::size_t>(shape.rank() == 0 ? 0 : shape.rank() - 1);
  for_each_row(shape, strides, [&](std::array<std::int64_t, N> offsets, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      element(offsets);
      for (std::size_t k = 0; k < N; ++k) offsets[k] += strides[k][inner];
    }
  });
}

}  // namespace tendon::cpu
