// The public functions of the elementwise ops and matmul: operands promote, then one op, or a few,
// is recorded. Reductions: reductions.cpp.
#include <tendon/error.h>
#include <tendon/ops.h>

#include <optional>

#include "host/ops/checks.h"
#include "host/record/operands.h"

namespace tendon {
namespace {

using record::apply;
using record::call_of;
using record::Common;
using record::common_of;
using record::Named;
using record::Prepared;
using record::strong;

// What an elementwise op takes its operands as.
Common taken_by(Op op, Common common) {
  const ops::OperandClass operands = ops::row(op).elementwise.operands;
  if (operands == ops::OperandClass::floating && !is_floating(common.dtype))
    return common.as(DType::f32);
  if (operands == ops::OperandClass::numeric && common.dtype == DType::boolean)
    return common.as(DType::i32);
  return common;
}

Tensor elementwise(Op op, const Operand& x, const Attributes* attributes = nullptr) {
  const Common common = taken_by(op, common_of({&x}, name(op)));
  const Prepared operand(x, common, x.place());
  return apply(op, {&operand.tensor()}, x.place(), attributes);
}
// What an op of numbers is of two booleans, as in NumPy; an op that this is not takes them as i32.
Op of_booleans(Op op) {
  switch (op) {
    case Op::add:
    case Op::maximum: return Op::logical_or;
    case Op::mul:
    case Op::minimum: return Op::logical_and;
    default: return op;
  }
}

Tensor elementwise(Op op, const Operand& a, const Operand& b) {
  const Place place = a.place();
  const Common given = common_of({&a, &b}, name(op));
  std::optional<Named> named;
  if (given.dtype == DType::boolean && of_booleans(op) != op) {
    named.emplace(name(op));
    op = of_booleans(op);
  }
  const Common common = taken_by(op, given);
  const Prepared first(a, common, place);
  const Prepared second(b, common, place);
  return apply(op, {&first.tensor(), &second.tensor()}, place);
}
Tensor elementwise(Op op, const Operand& a, const Operand& b, const Operand& c) {
  const Place place = a.place();
  const Common common = taken_by(op, common_of({&a, &b, &c}, name(op)));
  const Prepared first(a, common, place);
  const Prepared second(b, common, place);
  const Prepared third(c, common, place);
  return apply(op, {&first.tensor(), &second.tensor(), &third.tensor()}, place);
}

}  // namespace

#define TENDON_UNARY(name, ...) \
  Tensor name(const Operand& x) { return elementwise(Op::name, x); }
#define TENDON_UNARY_PARAMETER(name, parameter, ...)  \
  Tensor name(const Operand& x, double parameter) {   \
    const Attributes attributes{.number = parameter}; \
    return elementwise(Op::name, x, &attributes);     \
  }
#define TENDON_BINARY(name, ...) \
  Tensor name(const Operand& a, const Operand& b) { return elementwise(Op::name, a, b); }
#define TENDON_TERNARY(name, ...)                                     \
  Tensor name(const Operand& a, const Operand& b, const Operand& c) { \
    return elementwise(Op::name, a, b, c);                            \
  }
#include <tendon/op_table.inc>

Tensor gelu(const Operand& x, bool approximate) { return approximate ? gelu_tanh(x) : gelu_erf(x); }

Tensor where(const Operand& condition, const Operand& a, const Operand& b) {
  const Place place = condition.place();
  const Common all = common_of({&condition, &a, &b}, "where");
  const Common values = all.as(common_of({&a, &b}, "where").dtype);
  const Prepared chooser(condition, all.as(DType::boolean), place);
  const Prepared first(a, values, place);
  const Prepared second(b, values, place);
  return apply(Op::where, {&chooser.tensor(), &first.tensor(), &second.tensor()}, place);
}

Tensor cast(const Operand& x, DType dtype) {
  const Prepared operand = strong(x, "cast");
  const Attributes attributes{.dtype = dtype};
  return apply(Op::cast, {&operand.tensor()}, x.place(), &attributes);
}

Tensor operator-(const Operand& x) { return neg(x); }
Tensor operator!(const Operand& x) { return logical_not(x); }
Tensor operator+(const Operand& a, const Operand& b) { return add(a, b); }
Tensor operator-(const Operand& a, const Operand& b) { return sub(a, b); }
Tensor operator*(const Operand& a, const Operand& b) { return mul(a, b); }
Tensor operator/(const Operand& a, const Operand& b) { return div(a, b); }
Tensor operator%(const Operand& a, const Operand& b) { return mod(a, b); }
Tensor operator==(const Operand& a, const Operand& b) { return equal(a, b); }
Tensor operator!=(const Operand& a, const Operand& b) { return not_equal(a, b); }
Tensor operator<(const Operand& a, const Operand& b) { return less(a, b); }
Tensor operator<=(const Operand& a, const Operand& b) { return less_equal(a, b); }
Tensor operator>(const Operand& a, const Operand& b) { return greater(a, b); }
Tensor operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b); }
Tensor& operator+=(Tensor& a, const Operand& b) { return a = add({a, b.place()}, b); }
Tensor& operator-=(Tensor& a, const Operand& b) { return a = sub({a, b.place()}, b); }
Tensor& operator*=(Tensor& a, const Operand& b) { return a = mul({a, b.place()}, b); }
Tensor& operator/=(Tensor& a, const Operand& b) { return a = div({a, b.place()}, b); }

Tensor matmul(const Operand& a, const Operand& b, bool transpose_a, bool transpose_b) {
  const Named named("matmul");
  const Place place = a.place();
  const Common common = common_of({&a, &b}, "matmul");
  const Common computed = common.dtype == DType::boolean ? common.as(DType::i32) : common;
  Tensor left = Prepared(a, computed, place).tensor();
  Tensor right = Prepared(b, computed, place).tensor();
  const bool row = left.rank() == 1;
  const bool column = right.rank() == 1;
  if ((row && transpose_a) || (column && transpose_b)) {
    throw ops::error<ShapeError>(call_of(Op::matmul, place),
                                 "an operand of rank 1 is not transposed: {} x {}", left.shape(),
                                 right.shape());
  }
  const Shape in = left.shape();
  const Shape out = right.shape();
  if ((row || column) && in.rank() > 0 && out.rank() > 0) {
    const std::int64_t inner = in[row || !transpose_a ? in.rank() - 1 : in.rank() - 2];
    const std::int64_t outer = out[column || transpose_b ? out.rank() - 1 : out.rank() - 2];
    if (inner != outer) {
      throw ops::error<ShapeError>(call_of(Op::matmul, place), "inner extents differ: {} x {}", in,
                                   out);
    }
  }
  if (row) left = reshape({left, place}, Shape(1, left.shape()[0]));
  if (column) right = reshape({right, place}, Shape(right.shape()[0], 1));
  const Attributes attributes{.transpose_a = transpose_a, .transpose_b = transpose_b};
  const Tensor product = apply(Op::matmul, {&left, &right}, place, &attributes);
  if (!row && !column) return product;
  Shape shape;
  const int rank = product.rank();
  for (int i = 0; i < rank; ++i) {
    if ((row && i == rank - 2) || (column && i == rank - 1)) continue;
    shape.push_back(product.shape()[i]);
  }
  return reshape({product, place}, shape);
}

}  // namespace tendon
