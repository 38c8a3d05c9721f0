#include "host/cpu/compute.h"

#include <cstring>
#include <memory>
#include <vector>

#include "host/cpu/visit.h"
#include "host/ops/op_row.h"

namespace tendon::cpu {
namespace {

void dispatch(const Computation& c) {
  switch (c.op) {
    case Op::input: return;
    case Op::constant:
    case Op::literal:
    case Op::iota:
    case Op::uniform: return compute_generated(c);
#define TENDON_UNARY(name, ...) case Op::name:
#define TENDON_UNARY_PARAMETER(name, ...) case Op::name:
#define TENDON_BINARY(name, ...) case Op::name:
#define TENDON_TERNARY(name, ...) case Op::name:
#include <tendon/op_table.inc>
    case Op::where: return compute_elementwise(c);
    case Op::cast: return compute_cast(c);
    case Op::reduce_sum:
    case Op::reduce_max:
    case Op::reduce_min:
    case Op::argmax:
    case Op::argmin: return compute_reduction(c);
    case Op::matmul: return compute_matmul(c);
    case Op::reshape:
    case Op::transpose:
    case Op::broadcast_to:
    case Op::slice:
    case Op::unslice:
    case Op::concat: return compute_movement(c);
    case Op::gather:
    case Op::scatter_add: return compute_gather(c);
  }
}

// Ops that do arithmetic know no 16-bit types: those are storage, and are computed in f32.
bool computes(Op op) {
  switch (ops::row(op).kind) {
    case ops::OpKind::pointwise: return op != Op::cast;
    case ops::OpKind::reduce:
    case ops::OpKind::contract: return true;
    case ops::OpKind::irregular: return op == Op::scatter_add;
    case ops::OpKind::leaf:
    case ops::OpKind::view: return false;
  }
  __builtin_unreachable();
}

bool is_stored(const Array& array) { return arithmetic(array.dtype) != array.dtype; }

// The array in f32, with memory that `kept` owns.
Array widened(const Array& array, std::vector<std::unique_ptr<float[]>>& kept) {
  kept.push_back(std::make_unique<float[]>(static_cast<std::size_t>(array.shape.size()) + 1));
  return {DType::f32, array.shape, kept.back().get()};
}
void convert(const Array& from, const Array& to) {
  compute_cast({Op::cast, {&from, 1}, {.dtype = to.dtype}, to, {}, {}});
}

}  // namespace

void compute(const Computation& c) {
  bool stored = is_stored(c.result);
  for (const Array& operand : c.operands) stored |= is_stored(operand);
  if (!stored || !computes(c.op)) return dispatch(c);

  std::vector<std::unique_ptr<float[]>> kept;
  std::vector<Array> operands(c.operands.begin(), c.operands.end());
  for (Array& operand : operands) {
    if (!is_stored(operand)) continue;
    const Array wide = widened(operand, kept);
    convert(operand, wide);
    operand = wide;
  }
  const Array result = is_stored(c.result) ? widened(c.result, kept) : c.result;
  dispatch({c.op, operands, c.attributes, result, c.literal, c.place});
  if (is_stored(c.result)) convert(result, c.result);
}

}  // namespace tendon::cpu
