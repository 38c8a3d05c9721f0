#include "tests/cuda/suite.h"

#include <fmt/format.h>

#include "bench/workloads/activations.h"
#include "bench/workloads/black_scholes.h"
#include "bench/workloads/chain.h"
#include "bench/workloads/cross_entropy.h"
#include "bench/workloads/layer_norm.h"
#include "bench/workloads/mlp.h"
#include "bench/workloads/muscle_residual.h"
#include "host/cuda/device_traits.h"
#include "host/plan/plan.h"
#include "tests/support/with_gradients.h"

namespace tendon::cuda {
namespace {

using test::with_gradients;

constexpr DType kF16 = DType::f16, kBf16 = DType::bf16, kF32 = DType::f32, kF64 = DType::f64;
constexpr std::int64_t kSize = 1 << 20, kRows = 1024, kColumns = 4096;

using TapeOfSize = Tape (*)(DType, std::int64_t);
template <TapeOfSize kTape, DType kDType>
Tape elementwise() {
  return with_gradients(kTape(kDType, kSize));
}

Tape chain() { return workloads::chain_tape(kF32, kSize, 100); }
template <DType kDType>
Tape cross_entropy() {
  return with_gradients(workloads::cross_entropy_tape(kDType, kRows, 1000));
}
template <DType kDType>
Tape layer_norm() {
  return with_gradients(workloads::layer_norm_tape(kDType, kRows, 768));
}
template <DType kDType, int... kAxes>
Tape sum() {
  TapeBuilder tape;
  const Ref x = tape.input(kDType, {kRows, kColumns}, "x");
  return std::move(tape).finish({tape.apply(Op::reduce_sum, {x}, {.axes = Axes(kAxes...)})});
}
Tape mlp() { return with_gradients(workloads::mlp_tape(kF32, 64)); }
Tape mlp_update() { return workloads::mlp_update_tape(kF32); }

constexpr SuiteCase kSuite[] = {
    {"muscle_f32", elementwise<workloads::muscle_residual_tape, kF32>},
    {"muscle_f64", elementwise<workloads::muscle_residual_tape, kF64>},
    {"black_scholes_f32", elementwise<workloads::black_scholes_tape, kF32>},
    {"black_scholes_f64", elementwise<workloads::black_scholes_tape, kF64>},
    {"gelu_formula_f32", elementwise<workloads::gelu_formula_tape, kF32>},
    {"gelu_op_f32", elementwise<workloads::gelu_op_tape, kF32>},
    {"gelu_op_f16", elementwise<workloads::gelu_op_tape, kF16>},
    {"gelu_op_bf16", elementwise<workloads::gelu_op_tape, kBf16>},
    {"silu_gate_f32", elementwise<workloads::silu_gate_tape, kF32>},
    {"silu_gate_bf16", elementwise<workloads::silu_gate_tape, kBf16>},
    {"chain_f32", chain},
    {"cross_entropy_f32", cross_entropy<kF32>},
    {"cross_entropy_bf16", cross_entropy<kBf16>},
    {"layer_norm_f32", layer_norm<kF32>},
    {"layer_norm_f64", layer_norm<kF64>},
    {"layer_norm_f16", layer_norm<kF16>},
    {"sum_of_all_f32", sum<kF32, 0, 1>},
    {"sum_of_all_f64", sum<kF64, 0, 1>},
    {"sum_of_rows_f32", sum<kF32, 1>},
    {"sum_of_rows_f16", sum<kF16, 1>},
    {"sum_of_columns_f32", sum<kF32, 0>},
    {"mlp_f32", mlp},
    {"mlp_update_f32", mlp_update},
};

}  // namespace

std::span<const SuiteCase> suite() { return kSuite; }

std::vector<SuiteKernel> kernels_of(const SuiteCase& of) {
  const plan::Plan plan = plan::make_plan(of.tape(), kTraits);
  std::vector<SuiteKernel> kernels;
  for (GeneratedKernel& kernel : generate(plan, true))
    kernels.push_back({of.name, std::move(kernel)});
  if (kernels.size() == 1) return kernels;
  for (std::size_t i = 0; i < kernels.size(); ++i) kernels[i].name += fmt::format(".{}", i);
  return kernels;
}

}  // namespace tendon::cuda
