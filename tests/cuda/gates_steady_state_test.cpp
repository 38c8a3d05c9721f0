// What is run again costs its launches and nothing else: no compiling, no memory, no waiting.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cmath>
#include <vector>

#include "bench/workloads/adam.h"
#include "bench/workloads/cross_entropy.h"
#include "bench/workloads/muscle_residual.h"
#include "tests/cuda/heap.h"
#include "tests/cuda/measured_run.h"

namespace tendon::cuda {
namespace {

class SteadyState : public CudaGate {};

void expect_nothing_but_launches(const DeviceRun& run) {
  run.run();
  const Counters before = counters(Device::cuda());
  EXPECT_EQ(heap_allocations_of([&] { run.run(); }).value_or(0), 0);
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

// A classifier, 784-256-256-10, and its step of Adam.
class Classifier {
 public:
  explicit Classifier(std::int64_t batch)
      : batch_(batch),
        images_(given({batch, 784}, 1)),
        labels_(Tensor::from((arange(static_cast<double>(batch)) % 10).to_vector<float>(),
                             {batch, 1})) {
    for (const Shape& shape : {Shape{784, 256}, Shape{256, 256}, Shape{256, 10}}) {
      const double scale = std::sqrt(2.0 / static_cast<double>(shape[0]));
      parameters_.emplace_back(given(shape, scale), "weight");
      parameters_.emplace_back(given({shape[1]}, 0), "bias");
    }
  }

  Tensor step() {
    const auto& p = parameters_;
    GradientTape tape;
    const Tensor first = relu(matmul(images_, p[0]) + p[1]);
    const Tensor second = relu(matmul(first, p[2]) + p[3]);
    const Tensor logits = matmul(second, p[4]) + p[5];
    const Tensor at_label = reduce_sum(where(arange(10) == labels_, logits, 0), {1});
    Tensor loss =
        reduce_sum(reduce_logsumexp(logits, {1}) - at_label) / static_cast<double>(batch_);
    adam_.apply(tape.gradient(loss, p), p);
    return loss;
  }

 private:
  // Read to the host once: a tensor that is not computed from others any more.
  static Tensor given(const Shape& shape, double scale) {
    return Tensor::from((random::normal(shape) * scale).to_vector<float>(), shape);
  }

  std::int64_t batch_;
  Tensor images_, labels_;
  std::vector<Variable> parameters_;
  optim::Adam adam_;
};

class TrainingStep : public CudaGate {};

TEST_F(TrainingStep, AfterTheFirstIsOneGraphLaunch) {
  constexpr std::int64_t kMostStages = 14;
  Classifier classifier(64);
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

TEST_F(TrainingStep, TakesNoHeapMemoryForAnOp) {
  const auto allocations_of = [](int op_count) {
    const Tensor x = ones({64});
    Variable w(x * 0.5, "w");
    optim::Sgd sgd({.learning_rate = 0.01});
    const auto step = [&] {
      GradientTape tape;
      Tensor y = w * x;
      for (int i = 0; i < op_count; ++i) y = tanh(y);
      sgd.apply(tape.gradient(y, {w}), {w});
    };
    // As many as it takes for the log of what was computed to be long enough to go round.
    for (int i = 0; i < 100; ++i) step();
    return heap_allocations_of(step).value_or(0);
  };
  EXPECT_EQ(allocations_of(100), allocations_of(50));
}

}  // namespace
}  // namespace tendon::cuda
