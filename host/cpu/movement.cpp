// reshape, transpose, broadcast_to, slice, unslice, concat: copies between layouts.
#include <cstring>

#include "host/cpu/compute.h"
#include "host/cpu/strides.h"

namespace tendon::cpu {
namespace {

struct View {
  char* base;
  Strides strides;
};

// Copies the elements of `shape` from one layout to another.
void copy(const Shape& shape, std::size_t bytes, const View& from, const View& into) {
  const auto width = static_cast<std::int64_t>(bytes);
  for_each_element(shape, std::array{from.strides, into.strides}, [&](const auto& offsets) {
    std::memcpy(into.base + offsets[1] * width, from.base + offsets[0] * width, bytes);
  });
}

View whole(const Array& array) { return {array.as<char>(), contiguous(array.shape)}; }

// The elements of the array at begin, begin + step, ...
View window(const Array& array, const Shape& begin, const Shape& step) {
  View view = whole(array);
  std::int64_t offset = 0;
  for (int i = 0; i < array.shape.rank(); ++i) {
    std::int64_t& stride = view.strides[static_cast<std::size_t>(i)];
    offset += begin[i] * stride;
    stride *= step[i];
  }
  view.base += offset * static_cast<std::int64_t>(size_bytes(array.dtype));
  return view;
}

View transposed(const Array& x, const Axes& permutation) {
  View view = whole(x);
  const Strides own = view.strides;
  for (int i = 0; i < permutation.count(); ++i) {
    const int axis = permutation[i] < 0 ? permutation[i] + permutation.count() : permutation[i];
    view.strides[static_cast<std::size_t>(i)] = own[static_cast<std::size_t>(axis)];
  }
  return view;
}

void concatenate(const Computation& c) {
  const int given = c.attributes.axes[0];
  const int axis = given < 0 ? given + c.result.shape.rank() : given;
  View into = whole(c.result);
  for (const Array& part : c.operands) {
    copy(part.shape, size_bytes(part.dtype), whole(part), into);
    into.base += part.shape[axis] * into.strides[static_cast<std::size_t>(axis)] *
                 static_cast<std::int64_t>(size_bytes(part.dtype));
  }
}

}  // namespace

void compute_movement(const Computation& c) {
  const Array& x = c.operands[0];
  const Shape& shape = c.result.shape;
  const std::size_t bytes = size_bytes(x.dtype);
  const Attributes& attributes = c.attributes;
  const auto result_bytes = static_cast<std::size_t>(shape.size()) * bytes;
  switch (c.op) {
    case Op::reshape:
      if (result_bytes > 0) std::memcpy(c.result.data, x.data, result_bytes);
      return;
    case Op::transpose: return copy(shape, bytes, transposed(x, attributes.axes), whole(c.result));
    case Op::broadcast_to:
      return copy(shape, bytes, {x.as<char>(), broadcast_strides(x.shape, shape)}, whole(c.result));
    case Op::slice:
      return copy(shape, bytes, window(x, attributes.begin, attributes.step), whole(c.result));
    case Op::unslice:
      if (result_bytes > 0) std::memset(c.result.data, 0, result_bytes);
      return copy(x.shape, bytes, whole(x), window(c.result, attributes.begin, attributes.step));
    default: return concatenate(c);
  }
}

}  // namespace tendon::cpu
