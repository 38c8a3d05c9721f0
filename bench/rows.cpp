#include <fmt/format.h>

#include "bench/by_hand/by_hand.h"
#include "bench/compiled.h"
#include "bench/contest.h"
#include "bench/tape_rows.h"
#include "bench/workloads/activations.h"
#include "bench/workloads/black_scholes.h"
#include "bench/workloads/chain.h"
#include "bench/workloads/cross_entropy.h"
#include "bench/workloads/layer_norm.h"
#include "bench/workloads/muscle_residual.h"

namespace tendon::bench {
namespace {

using TapeOfSize = Tape (*)(DType, std::int64_t);

// A workload that is elementwise over arrays of one size.
struct Elementwise {
  std::string name;
  TapeOfSize tape;
  by_hand::Pair loops;
  std::vector<Range> inputs;
  double operations, transcendentals;  // an element, of the loop by hand
};

Row elementwise(const Elementwise& workload,
                std::initializer_list<std::pair<DType, std::int64_t>> sizes) {
  Row row{.name = workload.name, .sizes = {}};
  for (const auto& [dtype, size] : sizes) {
    row.sizes.emplace_back([workload, dtype = dtype, size = size] {
      const double flops = workload.operations + kTranscendentalFlops * workload.transcendentals;
      return compiled_contest(
          fmt::format("{} {}", size, name(dtype)),
          {.name = workload.name,
           .tape = workload.tape(dtype, size),
           .inputs = workload.inputs,
           .by_hand = dtype == DType::f64 ? workload.loops.f64 : workload.loops.f32,
           .reference = workload.loops.f64,
           .flops = flops * static_cast<double>(size)});
    });
  }
  return row;
}

Contest replay() {
  constexpr int kOps = 100;
  constexpr std::int64_t kSize = 64;
  return compiled_contest("100 ops x 64 f32, one op",
                          {.name = "replay",
                           .tape = workloads::chain_tape(DType::f32, kSize, kOps),
                           .inputs = {{0.1, 0.9}, {0.1, 0.9}},
                           .gradients = false,
                           .flops = kOps * kSize,
                           .operations = kOps,
                           .host_operations = kOps});
}

Contest cross_entropy(std::int64_t rows) {
  constexpr std::int64_t kClasses = 1000;
  return compiled_contest(
      fmt::format("{}x{} f32", rows, kClasses),
      {.name = "cross-entropy",
       .tape = workloads::cross_entropy_tape(DType::f32, rows, kClasses),
       .inputs = {{-4, 4}, {0, kClasses}},
       .by_hand = by_hand::loops().cross_entropy.f32,
       .reference = by_hand::loops().cross_entropy.f64,
       .flops = (4 + kTranscendentalFlops) * static_cast<double>(rows * kClasses)});
}

Contest layer_norm(std::int64_t rows) {
  constexpr std::int64_t kColumns = 768;
  return compiled_contest(fmt::format("{}x{} f32", rows, kColumns),
                          {.name = "layer norm",
                           .tape = workloads::layer_norm_tape(DType::f32, rows, kColumns),
                           .inputs = {{-2, 2}, {0.5, 1.5}, {-1, 1}},
                           .flops = 25 * static_cast<double>(rows * kColumns)});
}

}  // namespace

std::vector<Row> rows(Sizes sizes) {
  constexpr DType kF32 = DType::f32, kF64 = DType::f64;
  constexpr std::int64_t kSmall = 64, kMiddle = 10'000;
  const by_hand::Loops& loops = by_hand::loops();
  const bool is_small = sizes == Sizes::small;
  const std::int64_t large = is_small ? 100'000 : 1'000'000, layer = is_small ? 1 << 16 : 1 << 20;
  const Elementwise muscle{"muscle",
                           workloads::muscle_residual_tape,
                           loops.muscle_residual,
                           {{0.4, 1.6}, {-1, 1}, {0.01, 1}, {0.98, 1.06}, {0.8, 1}},
                           79,
                           6};
  const Elementwise black_scholes{"black-scholes",
                                  workloads::black_scholes_tape,
                                  loops.black_scholes,
                                  {{80, 120}, {80, 120}, {0.25, 2}, {0.01, 0.1}, {0.1, 0.5}},
                                  40,
                                  5};
  const Elementwise gelu_formula{
      "gelu formula", workloads::gelu_formula_tape, loops.gelu, {{-4, 4}}, 16, 1};
  const Elementwise gelu_op{"gelu op", workloads::gelu_op_tape, loops.gelu, {{-4, 4}}, 16, 1};
  const Elementwise silu_gate{
      "silu x gate", workloads::silu_gate_tape, loops.silu_gate, {{-4, 4}, {-2, 2}}, 9, 1};
  return {
      {"record", {record}},
      {"record and run", {record_and_run}},
      {"gradient", {gradient}},
      {"replay", {replay}},
      {"plan",
       {[] { return new_chain(1'000, false); },
        [=] { return new_chain(is_small ? 1'000 : 100'000, false); },
        [=] { return new_chain(is_small ? 1'000 : 100'000, true); }}},
      elementwise(muscle, {{kF32, kSmall},
                           {kF32, kMiddle},
                           {kF32, large},
                           {kF64, kSmall},
                           {kF64, kMiddle},
                           {kF64, large}}),
      elementwise(black_scholes, {{kF64, kMiddle}, {kF32, large}}),
      elementwise(gelu_formula, {{kF32, layer}}),
      elementwise(gelu_op, {{kF32, layer}}),
      elementwise(silu_gate, {{kF32, layer}}),
      {"cross-entropy", {[=] { return cross_entropy(is_small ? 128 : 1024); }}},
      {"layer norm", {[=] { return layer_norm(4096); }}},
      {"none", {[=] { return none_on_tape(large); }}},
      {"none compiled", {[=] { return none_compiled(large); }}},
      {"mlp with adam", {[] { return mlp_step(64); }, [] { return mlp_step(1); }}},
      {"small step", {small_step}},
  };
}

}  // namespace tendon::bench
