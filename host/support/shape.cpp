// The printed forms of Shape, Axes and DType, and their checks.
#include <tendon/dtype.h>
#include <tendon/error.h>
#include <tendon/shape.h>

#include <ostream>

#include "host/support/text.h"

namespace tendon {

void detail::throw_rank(std::size_t rank) {
  throw ShapeError(
      fmt::format("a rank of {} or more: tensors have at most {} axes", rank, kMaxRank));
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
  return kNames[static_cast<std::size_t>(dtype)];
}
std::ostream& operator<<(std::ostream& stream, DType dtype) { return stream << name(dtype); }

}  // namespace tendon
