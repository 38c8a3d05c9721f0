// matmul by its definition; floating products are accumulated in f64.
#include "host/cpu/compute.h"
#include "host/cpu/strides.h"
#include "host/cpu/visit.h"

namespace tendon::cpu {
namespace {

// A matrix inside an array: element (i, j) lies at i * row + j * column.
struct Layout {
  std::int64_t row;
  std::int64_t column;
};
Layout layout(const Shape& shape, bool transposed) {
  const std::int64_t columns = shape[shape.rank() - 1];
  return transposed ? Layout{1, columns} : Layout{columns, 1};
}

Shape leading(const Shape& shape) {
  Shape result;
  for (int i = 0; i + 2 < shape.rank(); ++i) result.push_back(shape[i]);
  return result;
}

// Strides over the leading axes, in elements of the whole array.
Strides batch_strides(const Shape& shape, const Shape& batch) {
  Strides strides = broadcast_strides(leading(shape), batch);
  const std::int64_t matrix = shape[shape.rank() - 1] * shape[shape.rank() - 2];
  for (std::int64_t& stride : strides) stride *= matrix;
  return strides;
}

template <class T>
void multiply(const Computation& c) {
  using Sum = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
  const Array& a = c.operands[0];
  const Array& b = c.operands[1];
  const Layout in_a = layout(a.shape, c.attributes.transpose_a);
  const Layout in_b = layout(b.shape, c.attributes.transpose_b);
  const int rank = c.result.shape.rank();
  const std::int64_t rows = c.result.shape[rank - 2];
  const std::int64_t columns = c.result.shape[rank - 1];
  const std::int64_t inner = a.shape[a.shape.rank() - (c.attributes.transpose_a ? 2 : 1)];
  const Shape batch = leading(c.result.shape);
  const std::array strides{batch_strides(a.shape, batch), batch_strides(b.shape, batch),
                           batch_strides(c.result.shape, batch)};
  for_each_element(batch, strides, [&](const auto& offsets) {
    const T* left = a.as<T>() + offsets[0];
    const T* right = b.as<T>() + offsets[1];
    T* into = c.result.as<T>() + offsets[2];
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        Sum sum = 0;
        for (std::int64_t k = 0; k < inner; ++k) {
          sum += static_cast<Sum>(left[i * in_a.row + k * in_a.column]) *
                 static_cast<Sum>(right[k * in_b.row + j * in_b.column]);
        }
        into[i * columns + j] = static_cast<T>(sum);
      }
    }
  });
}

}  // namespace

void compute_matmul(const Computation& c) {
  visit(c.result.dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, half> && !std::is_same_v<T, bfloat16> &&
                  !std::is_same_v<T, bool>) {
      multiply<T>(c);
    }
  });
}

}  // namespace tendon::cpu
