// Prints a hash of what each of many tapes computes, a line a tape: two builds that compute the
// same print the same. Results depend on the processor, so compare builds on one machine:
//   tendon_fingerprint [TAPES]                random tapes, 4,000 if not given
// TENDON_CPU chooses the CPU's loops, TENDON_DEVICE and tendon-emulate a CUDA device. The second
// hash is of the plan's text. Zeros have no sign here, and NaN is NaN.
#include <fmt/format.h>
#include <tendon/tendon.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <charconv>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workloads/activations.h"
#include "bench/workloads/adam.h"
#include "bench/workloads/black_scholes.h"
#include "bench/workloads/chain.h"
#include "bench/workloads/cross_entropy.h"
#include "bench/workloads/layer_norm.h"
#include "bench/workloads/mlp.h"
#include "bench/workloads/muscle_residual.h"
#include "host/cpu/device_traits.h"
#include "host/plan/plan.h"
#include "tests/support/executors.h"
#include "tests/support/plan_cases.h"
#include "tests/support/random_tape.h"
#include "tests/support/with_gradients.h"

namespace tendon::test {
namespace {

template <class T>
void drop_signs_of_zeros(Bytes& bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, &bytes[at], sizeof(T));
    const double number = static_cast<double>(static_cast<float>(value));
    if (number != number) value = T(std::numeric_limits<float>::quiet_NaN());
    if (static_cast<double>(value) == 0) value = T(0.0F);
    std::memcpy(&bytes[at], &value, sizeof(T));
  }
}

void drop_signs_of_zeros(Bytes& bytes, DType dtype) {
  switch (dtype) {
    case DType::f16: return drop_signs_of_zeros<half>(bytes);
    case DType::bf16: return drop_signs_of_zeros<bfloat16>(bytes);
    case DType::f32: return drop_signs_of_zeros<float>(bytes);
    case DType::f64: return drop_signs_of_zeros<double>(bytes);
    case DType::boolean:
    case DType::i32:
    case DType::i64: return;
  }
}

void print(std::string_view name, const Tape& tape, const std::vector<Bytes>& inputs) {
  std::uint64_t hash = 0;
  std::vector<Bytes> outputs = run_planned(tape, inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    drop_signs_of_zeros(outputs[i], tape.dtype(tape.targets()[i]));
    hash = XXH3_64bits_withSeed(outputs[i].data(), outputs[i].size(), hash);
  }
  const std::string text = plan::text(plan::make_plan(tape, cpu::kTraits), true);
  fmt::print("{} {:016x} {:016x}\n", name, hash, XXH3_64bits(text.data(), text.size()));
}

template <class T>
Bytes bytes_of(std::int64_t count, double low, double high, std::mt19937_64& random) {
  Bytes bytes(static_cast<std::size_t>(count) * sizeof(T));
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    const double share = static_cast<double>(random() >> 11) * 0x1p-53;
    const T value = static_cast<T>(static_cast<float>(low + (high - low) * share));
    std::memcpy(&bytes[at], &value, sizeof(T));
  }
  return bytes;
}

// Numbers from 0.5 to 1.5, which no function of the workloads is undefined for, and indices that
// are 0 or 1.
Bytes input(DType dtype, std::int64_t count, std::mt19937_64& random) {
  switch (dtype) {
    case DType::boolean: return bytes_of<bool>(count, 0, 2, random);
    case DType::i32: return bytes_of<std::int32_t>(count, 0, 2, random);
    case DType::i64: return bytes_of<std::int64_t>(count, 0, 2, random);
    case DType::f16: return bytes_of<half>(count, 0.5, 1.5, random);
    case DType::bf16: return bytes_of<bfloat16>(count, 0.5, 1.5, random);
    case DType::f32: return bytes_of<float>(count, 0.5, 1.5, random);
    case DType::f64: return bytes_of<double>(count, 0.5, 1.5, random);
  }
  return {};
}

void print_with_inputs(std::string_view name, const Tape& tape) {
  std::mt19937_64 random(1);
  std::vector<Bytes> inputs;
  for (const Ref ref : tape.inputs())
    inputs.push_back(input(tape.dtype(ref), tape.shape(ref).size(), random));
  print(name, tape, inputs);
}

void print_workload(std::string_view name, const Tape& tape) {
  print_with_inputs(name, tape);
  print_with_inputs(fmt::format("{}_gradients", name), with_gradients(tape));
}

int print_all(std::uint64_t tapes) {
  for (std::uint64_t seed = 0; seed < tapes; ++seed) {
    const RandomTape random = random_tape(seed);
    print(fmt::format("random_{}", seed), random.tape, random.inputs);
  }
  for (const PlanCase& of : plan_cases()) print_with_inputs(of.name, of.tape());
  for (const DType dtype : {DType::f32, DType::f64}) {
    const auto named = [&](std::string_view name) {
      return fmt::format("{}_{}", name, dtype == DType::f32 ? "f32" : "f64");
    };
    print_workload(named("chain"), workloads::chain_tape(dtype, 1000, 300));
    print_workload(named("branches"), workloads::branches_tape(dtype, 1000, 64));
    print_workload(named("gelu_formula"), workloads::gelu_formula_tape(dtype, 10000));
    print_workload(named("gelu_op"), workloads::gelu_op_tape(dtype, 10000));
    print_workload(named("silu_gate"), workloads::silu_gate_tape(dtype, 10000));
    print_workload(named("black_scholes"), workloads::black_scholes_tape(dtype, 10000));
    print_workload(named("cross_entropy"), workloads::cross_entropy_tape(dtype, 64, 100));
    print_workload(named("layer_norm"), workloads::layer_norm_tape(dtype, 64, 768));
    print_workload(named("mlp"), workloads::mlp_tape(dtype, 16));
    print_workload(named("muscle"), workloads::muscle_residual_tape(dtype, 5000));
    print_workload(named("muscles"), workloads::muscle_parameters_tape(dtype, 7, 100));
    print_with_inputs(named("mlp_update"), workloads::mlp_update_tape(dtype));
  }
  return 0;
}

}  // namespace
}  // namespace tendon::test

int main(int argc, char** argv) {
  std::uint64_t tapes = 4000;
  if (argc > 1) {
    const std::string_view given = argv[1];
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), tapes);
    if (argc > 2 || error != std::errc{} || end != given.data() + given.size()) {
      fmt::print(stderr, "usage: tendon_fingerprint [TAPES]\n");
      return 2;
    }
  }
  return tendon::test::print_all(tapes);
}
