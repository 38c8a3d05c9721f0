#include "host/cuda/op_cost.h"

#include <algorithm>
#include <tuple>

namespace tendon::cuda {
namespace {

using plan::Instruction;

// A body of more calls ops. Longer ones gain little from code in line, and the assembler takes
// seconds for them.
constexpr int kMostInLine = 1500;
// Instructions of all copies of an element's lines. Of f64 fewer: for sm_120 the assembler makes up
// to four of one of sm_90's.
constexpr int kMostWrittenOut = 3000;
constexpr int kMostWrittenOutOfF64 = 1800;
// Arguments, the jump, and what has to be moved out of the function's way.
constexpr int kOfCall = 12;

struct Row {
  Op op;
  int of_f32, of_f64;
};
// From machine code for sm_90. The functions that the assembler itself calls, for the rare
// operands of division and square root, are in a kernel once.
constexpr Row kRows[] = {
    {Op::sqrt, 16, 32},
    {Op::rsqrt, 32, 48},
    {Op::reciprocal, 16, 16},
    {Op::exp, 8, 40},
    {Op::exp2, 8, 32},
    {Op::expm1, 32, 72},
    {Op::log, 32, 88},
    {Op::log2, 24, 88},
    {Op::log1p, 32, 144},
    {Op::sin, 136, 200},
    {Op::cos, 136, 200},
    {Op::tan, 136, 240},
    {Op::asin, 24, 40},
    {Op::acos, 24, 136},
    {Op::atan, 24, 56},
    {Op::sinh, 24, 120},
    {Op::cosh, 16, 64},
    {Op::tanh, 16, 96},
    {Op::asinh, 40, 168},
    {Op::acosh, 40, 168},
    {Op::atanh, 40, 160},
    {Op::sigmoid, 32, 88},
    {Op::log_sigmoid, 40, 200},
    {Op::softplus, 48, 200},
    {Op::selu, 32, 80},
    {Op::gelu_erf, 64, 192},
    {Op::gelu_tanh, 40, 96},
    {Op::silu, 40, 96},
    {Op::erf, 32, 120},
    {Op::erfc, 48, 168},
    {Op::lgamma, 216, 700},
    {Op::digamma, 632, 632},
    {Op::elu, 32, 80},
    {Op::polygamma, 2400, 2400},
    {Op::div, 10, 32},
    {Op::pow, 96, 250},
    {Op::atan2, 56, 136},
    {Op::hypot, 32, 48},
    {Op::mod, 88, 264},
    {Op::logaddexp, 48, 216},
    {Op::xlogy, 32, 96},
    {Op::exp_difference, 16, 64},
    {Op::atan_slope, 48, 64},
    {Op::sigmoid_slope, 24, 88},
    {Op::tanh_slope, 32, 80},
    {Op::exp_minus_square, 16, 64},
    {Op::normal_density, 24, 64},
    {Op::gelu_erf_slope, 88, 216},
    {Op::gelu_tanh_slope, 40, 104},
    {Op::gelu_tanh_bell, 32, 96},
    {Op::silu_slope, 40, 104},
    {Op::atan2_slope, 64, 104},
    {Op::direction, 48, 80},
    {Op::logaddexp_share, 56, 136},
    {Op::power_below, 136, 344},
    // Of one instruction, or of two.
    {Op::neg, 1, 1},
    {Op::add, 1, 1},
    {Op::sub, 1, 1},
    {Op::mul, 1, 1},
    {Op::abs, 1, 1},
    {Op::square, 1, 1},
    {Op::where, 1, 2},
    {Op::cast, 2, 2},
};
// Comparisons and selections.
constexpr int kOfOtherOps = 4;

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

}  // namespace

int instructions_of(Op op, DType dtype) {
  const auto* row = std::ranges::find(kRows, op, &Row::op);
  const int of_op = row == std::end(kRows) ? kOfOtherOps
                    : dtype == DType::f64  ? row->of_f64
                                           : row->of_f32;
  return of_op + (is_half(dtype) ? 2 : 0);
}

bool PartCost::may_be_written_out(int copies) const {
  return copies * instructions <= (has_f64 ? kMostWrittenOutOfF64 : kMostWrittenOut);
}

PartCost cost_of(const Tape& tape, const plan::Part& part) {
  struct Copies {
    PartCost::Called what;
    int count, in_line;  // instructions of all of them
  };
  PartCost cost;
  std::vector<Copies> all;
  for (const Instruction& step : part.body) {
    if (step.kind != Instruction::Kind::compute) {
      ++cost.instructions;
      continue;
    }
    const Op op = tape.op(step.value);
    // The operands' dtype and not the result's: a comparison of f64 gives a boolean.
    const DType dtype = tape.dtype(tape.operands(step.value).back());
    cost.has_f64 |= dtype == DType::f64;
    auto copies = std::ranges::find(all, PartCost::Called{op, dtype}, &Copies::what);
    if (copies == all.end()) copies = all.insert(copies, {{op, dtype}, 0, 0});
    ++copies->count;
    copies->in_line += instructions_of(op, dtype);
    cost.instructions += instructions_of(op, dtype);
  }
  std::ranges::sort(all, [](const Copies& a, const Copies& b) {
    return std::tuple(-a.in_line, a.what.op, a.what.dtype) <
           std::tuple(-b.in_line, b.what.op, b.what.dtype);
  });
  for (const Copies& copies : all) {
    const int as_function = copies.in_line / copies.count + kOfCall * copies.count;
    if (cost.instructions <= kMostInLine) break;
    if (as_function >= copies.in_line) continue;
    cost.instructions += as_function - copies.in_line;
    cost.called.push_back(copies.what);
  }
  return cost;
}

}  // namespace tendon::cuda
