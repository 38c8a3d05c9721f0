// The optimizers against the formulas of <tendon/optim.h>, written for one number.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cmath>
#include <string>
#include <vector>

namespace tendon {
namespace {

constexpr double kTarget = 3;

// A step on (value - kTarget)^2, whose gradient this is at a value.
double slope(double value) { return 2 * (value - kTarget); }
template <class Optimizer>
void step(Optimizer& optimizer, const std::vector<Variable>& variables) {
  GradientTape tape;
  Tensor loss = full({}, 0, DType::f64);
  for (const Variable& variable : variables) loss = loss + reduce_sum(square(variable - kTarget));
  optimizer.apply(tape.gradient(loss, variables), variables);
}

struct SgdOfANumber {
  optim::SgdOptions options;
  double velocity = 0;

  double operator()(double value) {
    const double gradient = slope(value);
    double direction = gradient;
    if (options.momentum != 0) {
      velocity = options.momentum * velocity + gradient;
      direction = options.nesterov ? gradient + options.momentum * velocity : velocity;
    }
    return value * (1 - options.learning_rate * options.weight_decay) -
           options.learning_rate * direction;
  }
};

struct AdamOfANumber {
  optim::AdamOptions options;
  double first = 0, second = 0;
  int steps = 0;

  double operator()(double value) {
    const double gradient = slope(value);
    ++steps;
    first = options.beta1 * first + (1 - options.beta1) * gradient;
    second = options.beta2 * second + (1 - options.beta2) * gradient * gradient;
    const double mean = first / (1 - std::pow(options.beta1, steps));
    const double deviation = std::sqrt(second / (1 - std::pow(options.beta2, steps)));
    return value * (1 - options.learning_rate * options.weight_decay) -
           options.learning_rate * mean / (deviation + options.epsilon);
  }
};

void expect_near(const Variable& variable, double want) {
  for (const double got : variable.read().cast(DType::f64).to_vector<double>())
    EXPECT_NEAR(got, want, 1e-12 * std::abs(want)) << variable.name();
}

// Several steps, whose options `change` may alter, of variables of two shapes.
template <class Optimizer, class OfANumber, class Options, class Change>
void expect_as_by_hand(const Options& options, const Change& change) {
  const std::vector<Variable> variables = {Variable(full({2, 3}, 1.5, DType::f64), "matrix"),
                                           Variable(full({}, -0.5, DType::f64), "scalar"),
                                           Variable(full({3}, 0.25, DType::f64), "vector")};
  Optimizer optimizer(options);
  std::vector<double> values = {1.5, -0.5, 0.25};
  std::vector<OfANumber> by_hand(values.size(), OfANumber{options});
  for (int i = 0; i < 6; ++i) {
    change(optimizer.options(), i);
    step(optimizer, variables);
    for (std::size_t k = 0; k < values.size(); ++k) {
      change(by_hand[k].options, i);
      values[k] = by_hand[k](values[k]);
      expect_near(variables[k], values[k]);
    }
  }
}
constexpr auto kNothing = [](auto&, int) {};

TEST(Sgd, FollowsItsFormula) {
  const auto expect = [](const optim::SgdOptions& options, const auto& change) {
    expect_as_by_hand<optim::Sgd, SgdOfANumber>(options, change);
  };
  expect({.learning_rate = 0.1}, kNothing);
  expect({.learning_rate = 0.1, .weight_decay = 0.2}, kNothing);
  expect({.learning_rate = 0.1, .momentum = 0.9}, kNothing);
  expect({.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}, kNothing);
  expect({.learning_rate = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.2}, kNothing);
  // The velocity waits while there is no momentum.
  expect({.learning_rate = 0.1, .momentum = 0.9}, [](optim::SgdOptions& options, int i) {
    options.momentum = i == 2 ? 0 : 0.9;
    options.learning_rate = 0.1 / (1 + i);
    options.weight_decay = i == 4 ? 0.2 : 0;
  });
}

TEST(Adam, FollowsItsFormula) {
  const auto expect = [](const optim::AdamOptions& options, const auto& change) {
    expect_as_by_hand<optim::Adam, AdamOfANumber>(options, change);
  };
  expect({.learning_rate = 0.1}, kNothing);
  expect({.learning_rate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 0.1, .weight_decay = 0.2},
         kNothing);
  expect({.learning_rate = 0.1}, [](optim::AdamOptions& options, int i) {
    options.learning_rate = 0.1 / (1 + i);
    options.weight_decay = i == 3 ? 0.2 : 0;
  });
}

// One that joins later has a step count of its own.
TEST(Adam, CountsTheStepsOfEachVariable) {
  const std::vector<Variable> variables = {Variable(full({2}, 1.5, DType::f64), "first"),
                                           Variable(full({2}, 1.5, DType::f64), "later")};
  optim::Adam adam({.learning_rate = 0.1});
  AdamOfANumber first{{.learning_rate = 0.1}}, later{{.learning_rate = 0.1}};
  double value = 1.5, late_value = 1.5;
  for (int i = 0; i < 4; ++i) {
    step(adam, i < 2 ? std::vector{variables[0]} : variables);
    value = first(value);
    expect_near(variables[0], value);
    if (i >= 2) late_value = later(late_value);
    expect_near(variables[1], late_value);
  }
}

TEST(Optimizer, NamesAVariableThatItLeavesAloneOnce) {
  std::vector<std::string> warnings;
  set_warning_handler([&](std::string_view text) { warnings.emplace_back(text); });
  Variable used(ones({2}), "used"), unused(ones({2}), "left alone");
  optim::Adam adam;
  const auto apply = [&] {
    GradientTape tape;
    const Tensor loss = reduce_sum(square(used));
    adam.apply(tape.gradient(loss, {used, unused}), {used, unused});
  };
  for (int i = 0; i < 3; ++i) apply();
  set_warning_handler({});
  ASSERT_EQ(warnings.size(), 1U);
  for (const char* word : {"Adam::apply", "'left alone'", "None", "Nothing recorded uses"})
    EXPECT_NE(warnings[0].find(word), std::string::npos) << warnings[0];
  EXPECT_EQ(unused.read().to_vector<float>(), (std::vector<float>{1, 1}));
}

// How far a step goes from 0, after steps with a gradient of 4 and then many with a small one.
template <class Optimizer>
double last_step(Optimizer optimizer, DType dtype) {
  Variable w(zeros({3}, dtype), "w");
  for (int i = 0; i < 300; ++i) {
    w.assign(zeros({3}, dtype));
    GradientTape tape;
    const Tensor loss = reduce_sum(w * full({3}, i < 20 ? 4 : 0.03125, dtype));
    optimizer.apply(tape.gradient(loss, {w}), {w});
  }
  return w.read().cast(DType::f64).to_vector<double>()[1];
}

TEST(Optimizer, OfSixteenBitsAreComputedInF32) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const auto expect_as_f32 = [&](auto make) {
      const double want = last_step(make(), DType::f32);
      EXPECT_NEAR(last_step(make(), dtype), want, std::abs(want) / 100) << dtype;
    };
    expect_as_f32([] { return optim::Adam(); });
    expect_as_f32([] { return optim::Adam({.learning_rate = 0.1, .weight_decay = 0.01}); });
    expect_as_f32([] { return optim::Sgd({.learning_rate = 0.1}); });
    expect_as_f32(
        [] { return optim::Sgd({.learning_rate = 0.01, .momentum = 0.99, .nesterov = true}); });

    const Variable dead(full({2}, 1.5, dtype), "dead");
    optim::Adam adam;
    GradientTape tape;
    adam.apply(tape.gradient(reduce_sum(dead * 0), {dead}), {dead});
    EXPECT_EQ(dead.read().cast(DType::f64).to_vector<double>(), (std::vector<double>{1.5, 1.5}));
  }
}

}  // namespace
}  // namespace tendon
