// The printed forms of Shape, Axes and DType, and their checks.
#include <tendon/dtype.h>
#include <tendon/error.h>
#include <tendon/shape.h>

#include <ostream>

#include "host/support/text.h"

namespace tendon {

void detail::throw_rank(const char* type, std::size_t rank, Place place) {
  throw ShapeError(fmt::format("{}{}: {} axes or more, where a tensor has at most {}", type,
                               support::at(place), rank, kMaxRank));
}

std::size_t detail::axis_from_end(int axis, const Shape& shape) {
  if (axis < -shape.rank() || axis >= shape.rank())
    throw ShapeError(fmt::format("Shape: there is no axis {} in {}", axis, shape));
  return static_cast<std::size_t>(axis < 0 ? axis + shape.rank() : axis);
}

std::size_t detail::axis_from_end(int axis, const Axes& axes) {
  if (axis < -axes.count() || axis >= axes.count()) {
    throw ShapeError(
        fmt::format("Axes: there is no position {} in a list of {}", axis, axes.count()));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + axes.count() : axis);
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int i = 0; i < shape.rank(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return text + (shape.rank() == 1 ? ",)" : ")");
}
std::ostream& operator<<(std::ostream& stream, const Shape& shape) {
  return stream << to_string(shape);
}

std::ostream& operator<<(std::ostream& stream, const Axes& axes) {
  stream << '{';
  for (int i = 0; i < axes.count(); ++i) stream << (i == 0 ? "" : ", ") << axes[i];
  return stream << '}';
}

const char* name(DType dtype) {
  constexpr const char* kNames[] = {"boolean", "i32", "i64", "f16", "bf16", "f32", "f64"};
  const auto index = static_cast<std::size_t>(dtype);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}
std::ostream& operator<<(std::ostream& stream, DType dtype) {
  return stream << fmt::format("{}", dtype);
}

void detail::throw_dtype(DType dtype) {
  throw DTypeError(fmt::format("{} is none of the dtypes, boolean to f64", dtype));
}

}  // namespace tendon
