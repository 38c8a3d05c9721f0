// An optimizer's update of all its variables is one launch, whatever their number, types and
// shapes.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "bench/workloads/adam.h"
#include "tests/cuda/measured_run.h"

namespace tendon::cuda {
namespace {

constexpr double kTolerance = 1e-2;  // of f16

std::vector<workloads::Parameter> parameters_of(std::size_t count, std::span<const Shape> shapes) {
  const DType dtypes[] = {DType::f32, DType::f64, DType::f16, DType::bf16};
  std::vector<workloads::Parameter> parameters;
  for (std::size_t i = 0; i < count; ++i)
    parameters.push_back({dtypes[i % std::size(dtypes)], shapes[i % shapes.size()]});
  return parameters;
}
// Also with no element, and with one.
std::vector<workloads::Parameter> any_parameters(std::size_t count) {
  const Shape shapes[] = {{},      {1},    {0},    {3},         {5, 0, 2}, {4},
                          {7, 11}, {1, 1}, {1025}, {3, 1, 341}, {16, 4}};
  return parameters_of(count, shapes);
}

std::int64_t launches_of(const DeviceRun& run) {
  const Counters before = counters(Device::cuda());
  run.run();
  return counters(Device::cuda()).launches - before.launches;
}

class Update : public CudaGate {};

TEST_F(Update, OfManyVariablesIsOneLaunch) {
  const DeviceRun run(workloads::adam_tape(any_parameters(120)), {.device = device()});
  EXPECT_EQ(launches_of(run), 1);
  run.expect_as_on_cpu(kTolerance);
}

TEST_F(Update, OfVariablesThatAreNotAlignedIsOneLaunch) {
  const DeviceRun run(workloads::adam_tape(any_parameters(120)), {.device = device()}, {}, 8);
  EXPECT_EQ(launches_of(run), 1);
  run.expect_as_on_cpu(kTolerance);
}

TEST_F(Update, OfMoreVariablesThanALaunchHasArgumentsForIsTwo) {
  const DeviceRun run(workloads::adam_tape(any_parameters(400)), {.device = device()});
  EXPECT_EQ(launches_of(run), 2);
  run.expect_as_on_cpu(kTolerance);
}

TEST_F(Update, MovesWhatItMust) {
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  const Shape shapes[] = {{2}, {7, 11}, {1025}, {3, 1, 341}, {16, 4}, {3000}};
  const DeviceRun run(workloads::adam_tape(parameters_of(120, shapes)), {.device = device()});
  const Counted counted = run.counted();
  EXPECT_EQ(counted.kernels, 1) << text(counted);
  EXPECT_EQ(counted.bytes(), run.floor_bytes()) << text(counted);
  EXPECT_EQ(counted.loads.excess + counted.stores.excess, 0) << text(counted);
}

TEST_F(Update, TakesSixteenBytesAtATime) {
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  // Whole warps.
  const std::vector<workloads::Parameter> parameters(100, {DType::f32, {4, 128}});
  const Counted counted =
      DeviceRun(workloads::adam_tape(parameters), {.device = device()}).counted();
  EXPECT_EQ(counted.loads.bytes, 512 * counted.loads.requests) << text(counted);
  EXPECT_EQ(counted.stores.bytes, 512 * counted.stores.requests) << text(counted);
}

// A step of a model whose gradients are elementwise: kernels with several parts are updates.
template <class Optimizer>
void expect_one_launch(Optimizer optimizer) {
  std::vector<Variable> variables;
  for (int i = 0; i < 120; ++i) variables.emplace_back(ones({1 + i % 7, 1 + i % 5}) * 0.5, "w");
  const auto step = [&] {
    GradientTape tape;
    Tensor loss = Tensor(0.0F);
    for (const Variable& w : variables) loss = loss + reduce_sum(square(w - 0.25));
    optimizer.apply(tape.gradient(loss, variables), variables);
  };
  step();
  step();
  const Counted counted = count(step);
  EXPECT_EQ(
      std::ranges::count_if(counted.launches,
                            [](const nlohmann::json& launch) {
                              return launch.at("kernel").get<std::string>().starts_with("multi");
                            }),
      1)
      << text(counted);
}

TEST_F(Update, ByAnOptimizerIsOneLaunch) {
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  expect_one_launch(optim::Sgd({.learning_rate = 0.1, .momentum = 0.9}));
  expect_one_launch(optim::Adam({.learning_rate = 0.1}));
}

}  // namespace
}  // namespace tendon::cuda
