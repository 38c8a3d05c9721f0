// What is run again costs its launches and nothing else: no compiling, no memory, no waiting.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <vector>

#include "bench/workloads/adam.h"
#include "bench/workloads/classifier.h"
#include "bench/workloads/cross_entropy.h"
#include "bench/workloads/muscle_residual.h"
#include "tests/cuda/measured_run.h"
#include "tests/record/heap.h"

namespace tendon::cuda {
namespace {

class SteadyState : public CudaGate {};

void expect_nothing_but_launches(const DeviceRun& run) {
  run.run();
  const Counters before = counters(Device::cuda());
  EXPECT_EQ(test::heap_allocations_of([&] { run.run(); }).value_or(0), 0);
  const Counters after = counters(Device::cuda());
  EXPECT_EQ(after.kernels_compiled, before.kernels_compiled);
  EXPECT_EQ(after.kernels_from_disk, before.kernels_from_disk);
  EXPECT_EQ(after.bytes_allocated, before.bytes_allocated);
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  const Counted counted = count([&] { run.run(); });
  EXPECT_EQ(counted.graph_launches, 1);
  EXPECT_EQ(counted.allocations, 0);
  EXPECT_EQ(counted.synchronizations, 0);
}

TEST_F(SteadyState, OfAnExecutableIsAGraphLaunch) {
  expect_nothing_but_launches(
      DeviceRun::with_gradients(workloads::muscle_residual_tape(DType::f32, 1'000)));
}
TEST_F(SteadyState, OfAnExecutableWithAnArenaIsAGraphLaunch) {
  expect_nothing_but_launches(DeviceRun::with_gradients(
      workloads::cross_entropy_tape(DType::f32, 64, 100), {{-4, 4}, {0, 100}}));
}
TEST_F(SteadyState, OfAnExecutableWithProductsIsAGraphLaunch) {
  TapeBuilder tape;
  const Ref a = tape.input(DType::f32, {32, 64}), b = tape.input(DType::f32, {64, 16});
  const Ref result = tape.apply(Op::tanh, {tape.apply(Op::matmul, {a, b})});
  expect_nothing_but_launches(DeviceRun::with_gradients(std::move(tape).finish({result})));
}

TEST_F(SteadyState, OfAnUpdateOfManyVariablesIsAGraphLaunch) {
  const std::vector<workloads::Parameter> parameters(200, {DType::f32, {10, 10}});
  expect_nothing_but_launches(
      DeviceRun(workloads::adam_tape(parameters), {.device = Device::cuda()}));
}

class TrainingStep : public CudaGate {};

TEST_F(TrainingStep, AfterTheFirstIsOneGraphLaunch) {
  constexpr std::int64_t kMostStages = 14;
  workloads::Classifier classifier(64);
  const float first_loss = classifier.step().item<float>();
  for (int step = 1; step < 12; ++step) {
    const Counters before = counters(Device::cuda());
    if (can_count()) {
      const Counted counted = count([&] { classifier.step(); });
      EXPECT_EQ(counted.graph_launches, 1) << "step " << step;
      EXPECT_EQ(counted.allocations, 0) << "step " << step;
      EXPECT_EQ(counted.synchronizations, 0) << "step " << step;
      EXPECT_LE(counted.kernels + counted.library_calls, kMostStages) << text(counted);
    } else {
      classifier.step();
    }
    const Counters after = counters(Device::cuda());
    EXPECT_EQ(after.runs - before.runs, 1);
    EXPECT_LE(after.launches - before.launches, kMostStages);
    EXPECT_EQ(after.plans_built, before.plans_built) << "step " << step;
    EXPECT_EQ(after.kernels_compiled, before.kernels_compiled) << "step " << step;
    EXPECT_EQ(after.kernels_from_disk, before.kernels_from_disk) << "step " << step;
  }
  EXPECT_LT(classifier.step().item<float>(), first_loss / 2);
}

}  // namespace
}  // namespace tendon::cuda
