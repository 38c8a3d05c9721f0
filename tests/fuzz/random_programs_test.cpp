// Random programs over the public API: the explanation agrees with the gradient, the layer for
// frameworks agrees with the tape, and values agree with central differences.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cmath>
#include <random>

namespace tendon {
namespace {

// A program over some watched leaves, with everything that cuts sprinkled in.
struct Program {
  std::vector<Variable> variables;
  std::vector<Tensor> leaves;
  std::vector<Tensor> values;
};

Program run_program(std::mt19937 random, GradientTape& tape, const std::vector<double>& inputs) {
  Program program;
  for (const double input : inputs) program.leaves.push_back(full({}, input, DType::f64));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i % 4 != 3) tape.watch(program.leaves[i]);
  }
  program.values = program.leaves;
  program.variables = {Variable(full({}, 0.5, DType::f64), "trainable"),
                       Variable(full({}, 0.5, DType::f64), "fixed", false)};
  for (int step = 0; step < 60; ++step) {
    const auto pick = [&] { return program.values[random() % program.values.size()]; };
    const Tensor a = pick();
    const Tensor b = pick();
    std::optional<Pause> pause;
    switch (random() % 12) {
      case 0: program.values.push_back(floor(a)); break;
      case 1: program.values.push_back(stop_gradient(b)); break;
      case 2: pause.emplace(tape.stop_recording()); [[fallthrough]];
      case 3: program.values.push_back(tanh(a)); break;
      case 4: tape.watch(b); [[fallthrough]];
      case 5: program.values.push_back(sin(a * b)); break;
      case 6: {
        Variable& variable = program.variables[static_cast<std::size_t>(step % 2)];
        variable.assign(a);
        program.values.push_back(variable.read());
        if (step % 5 == 0) tape.watch(program.variables[1]);
        break;
      }
      case 7: program.values.push_back(a.cast(DType::i32).cast(DType::f64)); break;
      case 8: program.values.push_back(where(a > b, a, b * 2)); break;
      case 9: program.values.push_back((a + b) * 0.5); break;
      default: program.values.push_back(tanh(a) * b + a); break;
    }
  }
  return program;
}

TEST(RandomPrograms, TheExplanationSaysConnectedExactlyWhereThereIsAGradient) {
  int connected = 0;
  int none = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    GradientTape tape({.persistent = true});
    const Program program = run_program(std::mt19937(seed), tape, {0.3, -0.4, 0.7, 1.1, -0.2, 0.9});
    for (std::size_t t = program.values.size() - 5; t < program.values.size(); ++t) {
      std::vector<Source> sources(program.leaves.begin(), program.leaves.end());
      sources.insert(sources.end(), program.variables.begin(), program.variables.end());
      const Target target =
          t % 4 == 0 ? Target(program.variables[t / 4 % 2]) : Target(program.values[t]);
      const Gradients gradients = tape.gradient(target, sources);
      for (const Gradient& gradient : gradients) {
        ASSERT_EQ(gradient.has_value(), gradient.why().cause == Cause::connected)
            << seed << ": " << gradient.why();
        EXPECT_FALSE(gradient.why().text.empty());
        ++(gradient ? connected : none);
      }
    }
  }
  EXPECT_GT(connected, 500);
  EXPECT_GT(none, 500);
}

// A smooth program, so that central differences apply.
Tensor smooth_program(std::mt19937 random, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values = inputs;
  for (int step = 0; step < 25; ++step) {
    const auto pick = [&] { return values[random() % values.size()]; };
    const Tensor a = pick();
    const Tensor b = pick();
    switch (random() % 7) {
      case 0: values.push_back(tanh(a * b)); break;
      case 1: values.push_back(reduce_mean(sin(a), 0, true) + b); break;
      case 2: values.push_back(softmax(a) * b); break;
      case 3: values.push_back(transpose(matmul(transpose(a), b) * 0.1)); break;
      case 4: values.push_back(concat({slice(a, {1, 0}, {2, 3}), slice(b, {0, 0}, {1, 3})})); break;
      case 5: values.push_back(gather(a, Tensor::from({2, 0, 2})) * 0.5 + b); break;
      default: values.push_back(a - b * 0.3); break;
    }
  }
  return reduce_sum(tanh(values.back()) + tanh(values[values.size() - 2]));
}

TEST(RandomPrograms, AgreeWithCentralDifferences) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::vector<double> x(9);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(1.7 * static_cast<double>(i) + seed);
    const auto value_at = [&](const std::vector<double>& at) {
      const std::vector<Tensor> inputs = {Tensor::from(at, {3, 3}), eye(3, DType::f64)};
      return smooth_program(std::mt19937(seed), inputs).item<double>();
    };
    const std::vector<Tensor> inputs = {Tensor::from(x, {3, 3}), eye(3, DType::f64)};
    GradientTape tape;
    tape.watch(inputs[0]);
    const Gradient gradient = tape.gradient(smooth_program(std::mt19937(seed), inputs), inputs[0]);
    const std::vector<double> slope = gradient.value_or_zeros().to_vector<double>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      std::vector<double> up = x;
      std::vector<double> down = x;
      up[i] += 1e-6;
      down[i] -= 1e-6;
      ASSERT_NEAR(slope[i], (value_at(up) - value_at(down)) / 2e-6,
                  1e-6 * std::max(1.0, std::abs(slope[i])))
          << seed;
    }
  }
}

TEST(RandomPrograms, GiveTheSameBitsEveryRun) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    const auto once = [&] {
      const std::vector<Tensor> inputs = {random::normal({7, seed}, {3, 3}, 0, 1, DType::f32),
                                          eye(3)};
      GradientTape tape;
      tape.watch(inputs[0]);
      return tape.gradient(smooth_program(std::mt19937(seed), inputs), inputs[0])
          .value_or_zeros()
          .to_vector<float>();
    };
    ASSERT_EQ(once(), once());
  }
}

}  // namespace
}  // namespace tendon
