#include "host/ops/checks.h"

#include <algorithm>

namespace tendon::ops {

bool broadcast(const Shape& a, const Shape& b, Shape& into) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result;
  for (int i = 0; i < rank; ++i) {
    const int in_a = i - (rank - a.rank());
    const int in_b = i - (rank - b.rank());
    const std::int64_t extent_a = in_a < 0 ? 1 : a[in_a];
    const std::int64_t extent_b = in_b < 0 ? 1 : b[in_b];
    if (extent_a != extent_b && extent_a != 1 && extent_b != 1) return false;
    result.push_back(extent_a == 1 ? extent_b : extent_a);
  }
  into = result;
  return true;
}

int normalize_axis(const Call& call, int axis, int rank) {
  if (axis < -rank || axis >= rank) {
    throw error<ShapeError>(call, "there is no axis {} in {}", axis,
                            call.operands.empty() ? Shape() : call.operands[0]->shape);
  }
  return axis < 0 ? axis + rank : axis;
}

unsigned axis_set(const Call& call, const Axes& axes, int rank) {
  if (axes.count() == 0) return (1U << rank) - 1;
  unsigned set = 0;
  for (const int axis : axes) {
    const unsigned bit = 1U << normalize_axis(call, axis, rank);
    if ((set & bit) != 0) throw error<ShapeError>(call, "axis {} is named twice", axis);
    set |= bit;
  }
  return set;
}

void check_extents(const Call& call, const Shape& shape) {
  std::int64_t size = 1;
  bool too_large = false;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) throw error<ShapeError>(call, "negative extent in {}", shape);
    empty |= extent == 0;
    too_large |= __builtin_mul_overflow(size, extent, &size);
  }
  // Eight bytes an element must be countable too.
  too_large |= size > (std::int64_t{1} << 60);
  if (too_large && !empty) throw error<ShapeError>(call, "{} has too many elements", shape);
}

void check_dtype(const Call& call, DType dtype) {
  if (dtype > DType::f64)
    throw error<DTypeError>(call, "{} is none of the dtypes, boolean to f64", dtype);
}

void check_constant(const Call& call, DType dtype, double number) {
  check_dtype(call, dtype);
  if (!is_integer(dtype)) return;
  const double bound = dtype == DType::i32 ? 0x1p31 : 0x1p63;
  if (!(number >= -bound && number < bound)) {
    throw error<DTypeError>(call, "{} does not fit {}", number, dtype);
  }
}

}  // namespace tendon::ops
