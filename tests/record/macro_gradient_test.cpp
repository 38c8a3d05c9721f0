// gradient() as one node: the same values, in parts as well; the same memory; and a training loop
// that finds its program again at each step.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cstring>
#include <thread>

namespace tendon {
namespace {

Counters now() { return counters(default_device()); }

// Two layers and a loss that reads some of its operands more than once.
struct Model {
  Variable w1{random::normal({7, 1}, {5, 8}, 0, 0.5), "w1"};
  Variable b1{zeros({8}), "b1"};
  Variable w2{random::normal({7, 2}, {8, 3}, 0, 0.5), "w2"};
  Variable b2{zeros({3}), "b2"};

  std::vector<Variable> variables() const { return {w1, b1, w2, b2}; }
  Tensor loss(const Tensor& x, const Tensor& y) const {
    const Tensor hidden = leaky_relu(matmul(x, w1.read()) + b1, 0.1);
    const Tensor out = tanh(matmul(hidden, w2.read()) + b2);
    return reduce_mean(square(out - y)) + reduce_sum(abs(w1.read())) * 0.01;
  }
};

std::vector<std::vector<float>> values(const Gradients& gradients) {
  std::vector<std::vector<float>> all;
  for (const Gradient& gradient : gradients) {
    all.push_back(gradient ? gradient->to_vector<float>() : std::vector<float>());
  }
  return all;
}

// The gradients as a recording tape sees them: every backward op a node.
std::vector<std::vector<float>> replayed(const Model& model, const Tensor& x, const Tensor& y) {
  GradientTape recording({.persistent = true});
  GradientTape tape;
  return values(tape.gradient(model.loss(x, y), model.variables()));
}

TEST(MacroGradient, HasTheBitsOfTheRecordedOne) {
  const Model model;
  const Tensor x = random::normal({1, 1}, {4, 5});
  const Tensor y = random::normal({1, 2}, {4, 3});
  const auto expected = replayed(model, x, y);
  GradientTape tape;
  EXPECT_EQ(values(tape.gradient(model.loss(x, y), model.variables())), expected);
  // In parts, in any order, one computed from another.
  GradientTape again;
  const Gradients gradients = again.gradient(model.loss(x, y), model.variables());
  const Tensor both = reduce_sum(*gradients[2]) + reduce_sum(*gradients[1]);
  run({both, *gradients[0]});
  EXPECT_EQ(gradients[3]->to_vector<float>(), expected[3]);
  EXPECT_EQ(gradients[1]->to_vector<float>(), expected[1]);
  EXPECT_EQ(gradients[0]->to_vector<float>(), expected[0]);
  EXPECT_EQ(gradients[2]->to_vector<float>(), expected[2]);
}

TEST(MacroGradient, CostsWhatTheRecordedOneCosts) {
  const Model model;
  const Tensor x = random::normal({1, 1}, {4, 5});
  const Tensor y = random::normal({1, 2}, {4, 3});
  run({x, y});
  const auto summary = [&](std::vector<std::size_t> asked) {
    GradientTape tape;
    const Gradients gradients = tape.gradient(model.loss(x, y), model.variables());
    std::vector<Tensor> tensors;
    for (const std::size_t i : asked) tensors.push_back(*gradients[i]);
    return describe(tensors);
  };
  const auto summary_recorded = [&](std::vector<std::size_t> asked) {
    GradientTape recording;
    return summary(asked);
  };
  for (const std::vector<std::size_t>& asked :
       {std::vector<std::size_t>{3}, {0}, {1, 2}, {2, 1}, {0, 1, 2, 3}, {3, 3}}) {
    EXPECT_EQ(summary(asked).ops, summary_recorded(asked).ops);
    EXPECT_EQ(summary(asked).bytes_read, summary_recorded(asked).bytes_read);
  }
}

TEST(MacroGradient, TakesSeedsAndAnswersASourceListedTwice) {
  Variable w(Tensor::from({1.0F, 2.0F}), "w");
  GradientTape tape;
  const Tensor y = w * w;
  const Tensor seed = Tensor::from({10.0F, 100.0F});
  const Gradients gradients = tape.gradient(y, {w, y, w}, {.output_gradients = {seed}});
  EXPECT_EQ(gradients[0]->to_vector<float>(), (std::vector<float>{20, 400}));
  EXPECT_EQ(gradients[1]->to_vector<float>(), (std::vector<float>{10, 100}));
  EXPECT_EQ(gradients[2]->to_vector<float>(), (std::vector<float>{20, 400}));
}

TEST(MacroGradient, OfAnotherGivenSeedOrNoneIsAnother) {
  Variable w(Tensor::from({1.0F, 2.0F}), "w");
  const auto gradient = [&](std::optional<Tensor> first, std::optional<Tensor> second) {
    GradientTape tape;
    const Tensor y = w * 3;
    const Tensor z = w * w;
    return tape.gradient({y, z}, {w}, {.output_gradients = {first, second}})[0]->to_vector<float>();
  };
  const Tensor seed = Tensor::from({10.0F, 100.0F});
  EXPECT_EQ(gradient(seed, std::nullopt), (std::vector<float>{32, 304}));
  EXPECT_EQ(gradient(std::nullopt, seed), (std::vector<float>{23, 403}));
  EXPECT_EQ(gradient(std::nullopt, std::nullopt), (std::vector<float>{5, 7}));
}

TEST(MacroGradient, OfOtherNumbersTakesThem) {
  Variable w(Tensor::from({1.0F, 2.0F}), "w");
  const auto gradient = [&](double factor, double alpha) {
    GradientTape tape;
    return tape.gradient(leaky_relu(w * factor, alpha), w)->to_vector<float>();
  };
  EXPECT_EQ(gradient(2, 0.5), (std::vector<float>{2, 2}));
  EXPECT_EQ(gradient(3, 0.5), (std::vector<float>{3, 3}));
  EXPECT_EQ(gradient(-2, 0.5), (std::vector<float>{-1, -1}));
  EXPECT_EQ(gradient(-2, 0.25), (std::vector<float>{-0.5, -0.5}));
}

TEST(MacroGradient, IsAnOperandOfTapesThatComeLater) {
  Variable w(Tensor(3), "w");
  Tensor slope;
  {
    GradientTape tape;
    slope = *tape.gradient(w * w, w);
  }
  GradientTape later;
  later.watch(slope);
  const Gradients gradients = later.gradient(slope * slope * w, {slope, w});
  EXPECT_EQ(gradients[0]->item<float>(), 36);
  EXPECT_EQ(gradients[1]->item<float>(), 36);
}

TEST(MacroGradient, OfAMacroGradientRunsInOnePlan) {
  Variable w(Tensor(3), "w");
  GradientTape first;
  const Tensor a = *first.gradient(w * w * w, w);  // 27
  GradientTape second;
  second.watch(a);
  const Tensor b = *second.gradient(a * a, a);  // 54
  const Counters before = now();
  EXPECT_EQ((b + a).item<float>(), 81);
  EXPECT_EQ(now().runs, before.runs + 1);
}

TEST(MacroGradient, IsSeenByExplanations) {
  Variable w(Tensor(3), "w");
  GradientTape outer({.persistent = true});
  outer.stop();
  Tensor slope;
  {
    GradientTape tape;
    slope = *tape.gradient(w * w, w);
  }
  outer.resume();
  const Tensor target = slope * 2;
  const Explanation explanation = outer.explain(target, w);
  EXPECT_NE(explanation.cause, Cause::never_used) << explanation;
  EXPECT_NE(explanation.cause, Cause::connected) << explanation;
  EXPECT_NE(explanation.text.find("gradient"), std::string::npos) << explanation;
}

TEST(MacroGradient, IsFreedWithWhatItReads) {
  const std::int64_t before = now().bytes_allocated;
  Gradients gradients;
  {
    const Tensor x = Tensor::from(std::vector<float>(1000, 1.0F));
    GradientTape tape;
    tape.watch(x);
    gradients = tape.gradient(reduce_sum(exp(x) * x), {x});
  }
  EXPECT_EQ(now().bytes_allocated, before + 4000);  // x, which the gradient reads
  gradients = {};
  EXPECT_EQ(now().bytes_allocated, before);
}

TEST(MacroGradient, OfAStepComputesTheLossThatAHandleWaitsForInItsRun) {
  Variable w(Tensor::from({1.0F, 2.0F}), "w");
  optim::Sgd sgd({.learning_rate = 0.1});
  GradientTape tape;
  const Tensor loss = reduce_sum(w * w);
  const Counters before = now();
  sgd.apply(tape.gradient(loss, {w}), {w});
  EXPECT_EQ(loss.item<float>(), 5);
  EXPECT_EQ(now().runs, before.runs + 1);
}

TEST(MacroGradient, ThatIsReadAloneComputesNoLoss) {
  Variable w(Tensor::from({1.0F, 2.0F}), "w");
  GradientTape tape;
  const Tensor loss = reduce_sum(exp(w));
  const Gradient gradient = tape.gradient(loss, w);
  const std::int64_t before = now().ops;
  gradient->to_vector<float>();
  EXPECT_EQ(now().ops, before + 1);  // exp(w) is the gradient
}

TEST(MacroGradient, LeavesATargetWithoutAHandleAlone) {
  const std::int64_t before = now().bytes_allocated;
  const Tensor x = Tensor::from(std::vector<float>(1000, 1.0F));
  Gradients gradients;
  {
    const Tensor beside = Tensor::from(std::vector<float>(1000, 1.0F));
    GradientTape tape;
    tape.watch(x);
    gradients = tape.gradient(reduce_sum(exp(x)) + reduce_sum(beside), {x});
  }
  EXPECT_EQ(now().bytes_allocated, before + 4000);
  gradients[0]->to_vector<float>();
  EXPECT_EQ(now().bytes_allocated, before + 8000);
}

TEST(MacroGradient, CountsAsPendingWork) {
  Variable w(ones({2}), "w");
  const Counters before = now();
  for (int i = 0; i < 300; ++i) {
    GradientTape tape;
    Tensor y = w.read();
    for (int k = 0; k < 10; ++k) y = tanh(y);
    w.assign_sub(*tape.gradient(y, w) * 0.001);
  }
  EXPECT_GT(now().runs, before.runs);
}

TEST(MacroGradient, OfManyThreadsIsTheSame) {
  const Model model;
  const Tensor x = random::normal({1, 1}, {4, 5});
  const Tensor y = random::normal({1, 2}, {4, 3});
  const auto expected = replayed(model, x, y);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        GradientTape tape;
        EXPECT_EQ(values(tape.gradient(model.loss(x, y), model.variables())), expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(TrainingLoop, FindsItsProgramFromTheSecondStepOn) {
  const Model model;
  optim::Adam adam({.learning_rate = 1e-2});
  double rate = 1e-2;
  const auto step = [&](std::uint64_t i) {
    const Tensor x = random::normal({1, i}, {4, 5});
    const Tensor y = Tensor::from(std::vector<float>(12, static_cast<float>(i)), {4, 3});
    adam.options().learning_rate = rate *= 0.99;
    GradientTape tape;
    const Tensor loss = model.loss(x, y);
    adam.apply(tape.gradient(loss, model.variables()), model.variables());
    return loss.item<float>();
  };
  step(0);
  const Counters before = now();
  for (std::uint64_t i = 1; i < 30; ++i) step(i);
  EXPECT_EQ(now().plans_built, before.plans_built);
  EXPECT_EQ(now().plans_found, before.plans_found + 29);
  EXPECT_EQ(now().runs, before.runs + 29);
  EXPECT_EQ(now().bytes_allocated, before.bytes_allocated);
}

}  // namespace
}  // namespace tendon
