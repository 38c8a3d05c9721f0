// Elementwise workloads, forward and backward: one launch that moves each input and each output
// once, sixteen bytes at a time.
#include <gtest/gtest.h>

#include "bench/workloads/activations.h"
#include "bench/workloads/black_scholes.h"
#include "bench/workloads/muscle_residual.h"
#include "tests/cuda/measured_run.h"

namespace tendon::cuda {
namespace {

using TapeOfSize = Tape (*)(DType, std::int64_t);

struct Workload {
  const char* name;
  TapeOfSize tape;
  std::vector<Between> inputs;
};

const std::vector<Workload>& workloads_of_elements() {
  static const std::vector<Workload> all = {
      {"muscle",
       workloads::muscle_residual_tape,
       {{0.4, 1.6}, {-1, 1}, {0.01, 1}, {0.98, 1.06}, {0.8, 1}}},
      {"black_scholes",
       workloads::black_scholes_tape,
       {{8, 12}, {8, 12}, {0.25, 2}, {0.01, 0.1}, {0.1, 0.5}}},
      {"gelu_formula", workloads::gelu_formula_tape, {{-4, 4}}},
      {"gelu_op", workloads::gelu_op_tape, {{-4, 4}}},
      {"silu_gate", workloads::silu_gate_tape, {{-4, 4}, {-2, 2}}},
  };
  return all;
}

class Pointwise : public CudaGate,
                  public testing::WithParamInterface<std::tuple<std::size_t, DType>> {
 protected:
  const Workload& workload() const { return workloads_of_elements()[std::get<0>(GetParam())]; }
  DType dtype() const { return std::get<1>(GetParam()); }
  DeviceRun run_of(std::int64_t size) const {
    return DeviceRun::with_gradients(workload().tape(dtype(), size), workload().inputs);
  }
  double tolerance() const {
    return dtype() == DType::f16 ? 2e-2 : dtype() == DType::f32 ? 1e-4 : 1e-11;
  }
};

TEST_P(Pointwise, ValueAndGradientsAreOneLaunchThatMovesWhatItMust) {
  const DeviceRun run = run_of(10'001);
  EXPECT_EQ(run.executable().summary().launches, 1);
  EXPECT_EQ(run.executable().summary().floor_bytes, run.floor_bytes());
  run.expect_as_on_cpu(tolerance());
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  const Counted counted = run.counted();
  EXPECT_EQ(counted.kernels, 1) << text(counted);
  EXPECT_EQ(counted.graph_launches, 1);
  EXPECT_EQ(counted.bytes_on_device, 0);
  EXPECT_EQ(counted.bytes(), run.floor_bytes()) << text(counted);
  EXPECT_EQ(counted.first_touch(), run.floor_bytes()) << text(counted);
  EXPECT_EQ(counted.loads.excess + counted.stores.excess, 0) << text(counted);
}

TEST_P(Pointwise, EveryAccessIsSixteenBytesWide) {
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  // Whole warps, so that a request of less than 32 times 16 bytes is a narrower access.
  const DeviceRun run = run_of(16'384);
  const Counted counted = run.counted();
  EXPECT_EQ(counted.loads.bytes, 512 * counted.loads.requests) << text(counted);
  EXPECT_EQ(counted.stores.bytes, 512 * counted.stores.requests) << text(counted);
  EXPECT_EQ(counted.sector_bytes(), run.floor_bytes()) << text(counted);
}

INSTANTIATE_TEST_SUITE_P(
    Gates, Pointwise,
    testing::Combine(testing::Range<std::size_t>(0, workloads_of_elements().size()),
                     testing::Values(DType::f32, DType::f64, DType::f16)),
    [](const auto& of) {
      return std::string(workloads_of_elements()[std::get<0>(of.param)].name) + "_" +
             name(std::get<1>(of.param));
    });

}  // namespace
}  // namespace tendon::cuda
