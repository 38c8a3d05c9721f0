// A gradient that is None, and what is not asked for, cost nothing on the device: counted.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include "bench/workloads/chain.h"
#include "tests/cuda/measured_run.h"

namespace tendon::cuda {
namespace {

constexpr int kBranches = 64;
constexpr std::int64_t kSize = 4'096;

class Unconnected : public CudaGate {};

TEST_F(Unconnected, SourcesOfAnExecutableCostNothing) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {kSize}), apart = builder.input(DType::f32, {kSize});
  const Ref y = builder.apply(Op::tanh, {x});
  builder.apply(Op::exp, {apart});
  const Tape tape = std::move(builder).finish({y});
  const DeviceRun with(tape, {.device = device(), .sources = {x, apart}, .gradients = true});
  const DeviceRun without(tape, {.device = device(), .sources = {x}, .gradients = true});
  EXPECT_FALSE(with.executable().outputs().back().connected);
  const PlanSummary summary = with.executable().summary();
  const PlanSummary expected = without.executable().summary();
  EXPECT_EQ(summary.launches, expected.launches);
  EXPECT_EQ(summary.ops, expected.ops);
  EXPECT_EQ(summary.bytes_read, expected.bytes_read);
  EXPECT_EQ(summary.bytes_written, expected.bytes_written);
  EXPECT_EQ(summary.peak_bytes, expected.peak_bytes);
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  const Counted counted = with.counted(), alone = without.counted();
  EXPECT_EQ(counted.kernels, alone.kernels);
  EXPECT_EQ(counted.allocations, 0);
  EXPECT_EQ(counted.bytes(), alone.bytes());
  EXPECT_EQ(counted.instructions, alone.instructions);
}

TEST_F(Unconnected, BranchesOfAnExecutableHaveNoBackwardPass) {
  const Tape tape = workloads::branches_tape(DType::f32, kSize, kBranches);
  const DeviceRun value(tape, {.device = device()});
  const DeviceRun by_one(tape,
                         {.device = device(), .sources = {tape.inputs()[0]}, .gradients = true});
  EXPECT_EQ(by_one.executable().summary().launches, value.executable().summary().launches);
  by_one.expect_as_on_cpu(1e-4);
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  const Counted counted = by_one.counted(), alone = value.counted();
  EXPECT_EQ(counted.kernels, alone.kernels) << text(counted);
  EXPECT_EQ(counted.allocations, 0);
  EXPECT_EQ(counted.loads.bytes, alone.loads.bytes) << text(counted);
  EXPECT_EQ(counted.stores.bytes, alone.stores.bytes + 4 * kSize) << text(counted);
}

// On a tape, all that is asked for is the gradient by one source: the other branches do not run.
TEST_F(Unconnected, BranchesOfATapeDoNotRun) {
  std::vector<Tensor> sources;
  for (int i = 0; i < kBranches; ++i) {
    sources.push_back(
        Tensor::from(std::vector<float>(static_cast<std::size_t>(kSize), 0.5F), {kSize}));
  }
  const auto by_one_of = [&](int branches) {
    GradientTape tape;
    for (int i = 0; i < branches; ++i) tape.watch(sources[static_cast<std::size_t>(i)]);
    Tensor sum = tanh(sources[0]) * sources[0];
    for (int i = 1; i < branches; ++i) {
      const Tensor& source = sources[static_cast<std::size_t>(i)];
      sum += tanh(source) * source;
    }
    run({*tape.gradient(reduce_sum(sum), sources[0])});
  };
  const auto cost = [&](int branches) {
    const Counters before = counters(device());
    by_one_of(branches);
    const Counters after = counters(device());
    return std::pair(after.ops - before.ops, after.launches - before.launches);
  };
  EXPECT_EQ(cost(kBranches), cost(1));
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  by_one_of(kBranches);
  const Counted counted = count([&] { by_one_of(kBranches); });
  const Counted alone = count([&] { by_one_of(1); });
  EXPECT_EQ(counted.kernels, 1);
  EXPECT_EQ(counted.graph_launches, 1);
  EXPECT_EQ(counted.allocations, 0);
  EXPECT_EQ(counted.synchronizations, 0);
  EXPECT_EQ(counted.bytes(), 2 * 4 * kSize);
  EXPECT_EQ(counted.bytes(), alone.bytes());
  EXPECT_EQ(counted.instructions, alone.instructions);
}

// A step whose loss does not depend on a variable leaves it alone.
TEST_F(Unconnected, VariablesOfATrainingStepCostNothing) {
  const Tensor x = Tensor::from(std::vector<float>(64, 0.5F), {64});
  Variable used(x * 2, "used"), apart(x * 3, "apart");
  const auto step = [&](const std::vector<Variable>& variables) {
    GradientTape tape;
    const Tensor loss = reduce_sum(square(used * x));
    optim::Sgd({.learning_rate = 0.01}).apply(tape.gradient(loss, variables), variables);
  };
  step({used, apart});
  step({used});
  const Counters before = counters(device());
  step({used, apart});
  const Counters between = counters(device());
  step({used});
  const Counters after = counters(device());
  EXPECT_EQ(between.launches - before.launches, after.launches - between.launches);
  EXPECT_EQ(between.ops - before.ops, after.ops - between.ops);
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  const Counted with = count([&] { step({used, apart}); });
  const Counted without = count([&] { step({used}); });
  EXPECT_EQ(with.kernels, without.kernels);
  EXPECT_EQ(with.bytes(), without.bytes());
  EXPECT_EQ(with.allocations, 0);
}

}  // namespace
}  // namespace tendon::cuda
