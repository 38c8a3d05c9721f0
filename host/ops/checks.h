// What shape rules have in common: errors that name op, place and shapes, and broadcasting.
#pragma once

#include <fmt/format.h>
#include <tendon/error.h>

#include "host/ops/op_row.h"
#include "host/support/text.h"

namespace tendon::ops {

// throw error<ShapeError>(call, "inner extents differ: {} x {}", a, b)
template <class E, class... Arguments>
E error(const Call& call, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  return E(fmt::format("{}{}: {}", call.called != nullptr ? call.called : name(call.op),
                       support::at(call.place),
                       fmt::format(format, std::forward<Arguments>(arguments)...)));
}

// The extents of both, where 1 stretches (NumPy's rule). False where they do not fit; `into` is
// then undefined.
bool broadcast(const Shape& a, const Shape& b, Shape& into);

// The axis counted from the front; ShapeError where there is none.
int normalize_axis(const Call& call, int axis, int rank);
// Bit i: axis i is named; none named means all. ShapeError for one out of range or named twice.
unsigned axis_set(const Call& call, const Axes& axes, int rank);

// ShapeError where the extents are negative or their product is no int64.
void check_extents(const Call& call, const Shape& shape);

// DTypeError for a number that is no DType.
void check_dtype(const Call& call, DType dtype);

// DTypeError where the number is beyond the integers of the dtype.
void check_constant(const Call& call, DType dtype, double number);

}  // namespace tendon::ops
