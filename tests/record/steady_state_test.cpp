// A training step like the one before it takes nothing from the heap, on any device.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <functional>
#include <string_view>
#include <vector>

#include "bench/workloads/classifier.h"
#include "tests/record/heap.h"

namespace tendon {
namespace {

// After as many steps as it takes for the log of what was computed to go round.
void expect_nothing_from_the_heap(int steps_before, const std::function<void()>& step) {
  constexpr int kSteps = 30;
  for (int i = 0; i < steps_before; ++i) step();
  const auto steps = [&] {
    for (int i = 0; i < kSteps; ++i) step();
  };
  EXPECT_EQ(test::heap_allocations_of(steps).value_or(0), 0);
}

TEST(StepInSteadyState, OfAClassifierWithAdamTakesNothingFromTheHeap) {
  workloads::Classifier classifier(4);
  expect_nothing_from_the_heap(60, [&] { classifier.step(); });
}

TEST(StepInSteadyState, OfAStepThatReadsItsLossTakesNothingFromTheHeap) {
  const Tensor x = ones({64});
  Variable scale(x * 0.5, "a name too long to lie in a string itself");
  Variable shift(x * 0.1, "shift");
  Variable unused(x, "unused");
  optim::Sgd sgd({.learning_rate = 0.01, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1});
  set_warning_handler([](std::string_view) {});
  expect_nothing_from_the_heap(200, [&] {
    GradientTape tape;
    Tensor y = x * scale;
    for (int i = 0; i < 50; ++i) y = tanh(y);
    const Tensor loss = reduce_sum(square(y - shift));
    sgd.apply(tape.gradient(loss, {scale, shift, unused}), {scale, shift, unused});
    loss.item<float>();
  });
  set_warning_handler({});
}

TEST(StepInSteadyState, OfAnUpdateWrittenByHandTakesNothingFromTheHeap) {
  std::vector<Variable> parameters = {Variable(ones({8, 3}), "w"), Variable(ones({3}), "b")};
  const Tensor x = ones({5, 8});
  expect_nothing_from_the_heap(200, [&] {
    GradientTape tape({.persistent = true});
    const Tensor loss = reduce_sum(square(matmul(x, parameters[0]) + parameters[1]));
    const Gradients gradients = tape.gradient(loss, parameters);
    for (std::size_t i = 0; i < parameters.size(); ++i)
      parameters[i].assign_sub(*gradients[i] * 0.001);
    run({parameters[0].read(), parameters[1].read()});
  });
}

}  // namespace
}  // namespace tendon
