// The rows of the op table as functions over tensors, so that a new row is tested by being there.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "host/ops/op_row.h"
#include "tests/support/numeric.h"
#include "tests/support/operand_class.h"

namespace tendon::test {

struct ElementwiseRow {
  Op op;
  std::size_t arity;
  Function apply;
  std::array<std::string_view, 3> partials;  // as they stand in the table
  double parameter = 0;

  const char* name() const { return tendon::name(op); }
  const ops::Elementwise& table() const { return ops::row(op).elementwise; }
  bool takes(DType dtype) const { return test::takes(table(), dtype); }
  bool is_cut() const { return partials[0] == "none"; }
  bool gives_numbers() const {
    return table().result == ops::ResultClass::same && takes(DType::f32);
  }
};

inline const std::vector<ElementwiseRow>& elementwise_rows() {
  static const std::vector<ElementwiseRow> rows = {
#define TENDON_UNARY(name, value, partial, ...) \
  {Op::name, 1, [](const Operands& x) { return tendon::name(x[0]); }, {#partial}},
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, partial, ...) \
  {Op::name, 1, [](const Operands& x) { return tendon::name(x[0]); }, {#partial}, initial},
#define TENDON_BINARY(name, value, partial_a, partial_b, ...)  \
  {Op::name,                                                   \
   2,                                                          \
   [](const Operands& x) { return tendon::name(x[0], x[1]); }, \
   {#partial_a, #partial_b}},
#define TENDON_TERNARY(name, value, partial_a, partial_b, partial_c, ...) \
  {Op::name,                                                              \
   3,                                                                     \
   [](const Operands& x) { return tendon::name(x[0], x[1], x[2]); },      \
   {#partial_a, #partial_b, #partial_c}},
#include <tendon/op_table.inc>
  };
  return rows;
}

// Points of the row's domain, an operand each of the row's arity.
inline Operands operands_of(const ElementwiseRow& row, const Shape& shape, DType dtype) {
  Operands operands;
  for (unsigned k = 0; k < row.arity; ++k) {
    const auto [low, high] = row.table().domain;
    operands.push_back(tensor(points(shape.size(), low, high, k), shape, dtype));
  }
  return operands;
}

}  // namespace tendon::test
