// gather and scatter_add: one walk over updates (outer, index, inner), reading or adding at (outer,
// indices[index], inner).
#include <tendon/error.h>

#include <cstring>

#include "host/cpu/compute.h"
#include "host/cpu/strides.h"
#include "host/cpu/visit.h"
#include "host/support/text.h"

namespace tendon::cpu {
namespace {

// The walk's extents; `table` is gather's params or scatter_add's result.
struct Walk {
  Walk(const Computation& c, const Shape& table) {
    const int given = c.attributes.axes[0];
    const int axis = given < 0 ? given + table.rank() : given;
    for (int i = 0; i < axis; ++i) outer *= table[i];
    for (int i = axis + 1; i < table.rank(); ++i) inner *= table[i];
    extent = table[axis];
    count = c.operands[1].shape.size();
  }
  std::int64_t outer = 1;
  std::int64_t count = 0;   // of indices
  std::int64_t extent = 0;  // of the table's axis
  std::int64_t inner = 1;
};

std::int64_t checked_index(const Computation& c, std::int64_t at, std::int64_t extent) {
  const Array& indices = c.operands[1];
  const std::int64_t index =
      indices.dtype == DType::i32 ? indices.as<std::int32_t>()[at] : indices.as<std::int64_t>()[at];
  if (index < -extent || index >= extent) {
    throw ShapeError(
        fmt::format("{}{}: index {} at position {} is out of range for an extent of {}", name(c.op),
                    support::at(c.place), index, at, extent));
  }
  return index < 0 ? index + extent : index;
}

void gather(const Computation& c) {
  const Walk walk(c, c.operands[0].shape);
  const auto bytes = static_cast<std::int64_t>(size_bytes(c.result.dtype)) * walk.inner;
  const char* from = c.operands[0].as<char>();
  char* into = c.result.as<char>();
  for (std::int64_t o = 0; o < walk.outer; ++o) {
    for (std::int64_t k = 0; k < walk.count; ++k) {
      const std::int64_t index = checked_index(c, k, walk.extent);
      if (bytes > 0) {
        std::memcpy(into, from + (o * walk.extent + index) * bytes,
                    static_cast<std::size_t>(bytes));
      }
      into += bytes;
    }
  }
}

// Wraps for integers, as all arithmetic here.
template <class T>
T sum(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  } else {
    return a + b;
  }
}

template <class T>
void scatter_add(const Computation& c) {
  const Walk walk(c, c.result.shape);
  T* into = c.result.as<T>();
  const T* from = c.operands[0].as<T>();
  std::fill_n(into, c.result.shape.size(), T{});
  for (std::int64_t o = 0; o < walk.outer; ++o) {
    for (std::int64_t k = 0; k < walk.count; ++k) {
      T* row = into + (o * walk.extent + checked_index(c, k, walk.extent)) * walk.inner;
      for (std::int64_t i = 0; i < walk.inner; ++i) row[i] = sum(row[i], *from++);
    }
  }
}

}  // namespace

void compute_gather(const Computation& c) {
  if (c.op == Op::gather) return gather(c);
  visit(c.result.dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, half> && !std::is_same_v<T, bfloat16> &&
                  !std::is_same_v<T, bool>) {
      scatter_add<T>(c);
    }
  });
}

}  // namespace tendon::cpu
