// What a training loop of one's own is made of: gradients that the program changed, clipping,
// optimizers and random numbers that stop and go on.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tests/misuse/expect_words.h"
#include "tests/support/scratch_folder.h"

namespace tendon {
namespace {

using optim::Adam;
using optim::Sgd;
using test::expect_words;

std::vector<float> values_of(const Tensor& x) { return x.to_vector<float>(); }

// Two variables, the second of 16 bits, and one that has no gradient.
struct Model {
  std::vector<Variable> variables = {Variable(Tensor::from({1.0F, -2.0F, 0.5F}), "w"),
                                     Variable(ones({2}, DType::f16), "w"),
                                     Variable(ones({}, DType::f64))};

  Gradients gradients(int step) const {
    GradientTape tape;
    const Tensor loss = reduce_sum(square(variables[0] - 0.25 * step)) +
                        reduce_sum(square(variables[1] * 3)).cast(DType::f32);
    return tape.gradient(loss, variables);
  }
  std::vector<std::vector<double>> values() const {
    std::vector<std::vector<double>> values;
    for (const Variable& variable : variables)
      values.push_back(variable.read().cast(DType::f64).to_vector<double>());
    return values;
  }
  // As it is kept in a file.
  std::vector<NamedTensor> state() const {
    return {{"0", variables[0]}, {"1", variables[1]}, {"2", variables[2]}};
  }
  void load(const std::vector<NamedTensor>& state) {
    for (std::size_t i = 0; i < variables.size(); ++i) variables[i].assign(state[i].value);
  }
};

class Quiet : public testing::Test {
 protected:
  Quiet() {
    set_warning_handler([this](std::string_view text) { warnings.emplace_back(text); });
  }
  ~Quiet() override { set_warning_handler({}); }
  std::vector<std::string> warnings;
};

using Training = Quiet;

TEST_F(Training, AnOptimizerTakesTensorsAndLeavesNulloptAlone) {
  Variable w(ones({2}), "w"), b(ones({}), "b"), unnamed(ones({}));
  const Tensor g = Tensor::from({1.0F, 2.0F});
  Sgd sgd({.learning_rate = 0.5});
  sgd.apply({g, std::nullopt}, {w, b});
  EXPECT_EQ(values_of(w), std::vector<float>({0.5, 0}));
  EXPECT_EQ(b.read().item<float>(), 1);
  EXPECT_EQ(warnings.size(), 1U);
  const std::vector<std::optional<Tensor>> list = {std::nullopt, Tensor(2.0)};
  sgd.apply(list, std::vector<Variable>{w, b});
  sgd.apply(std::vector<Tensor>{g, Tensor(0.0)}, {w, b});
  sgd.apply(std::span(list), {w, b});
  EXPECT_EQ(values_of(w), std::vector<float>({0, -1}));
  EXPECT_EQ(b.read().item<float>(), -1);
  Adam adam;
  adam.apply({std::nullopt, Tensor(2.0)}, {w, b});
  EXPECT_EQ(values_of(w), std::vector<float>({0, -1}));

  expect_words<ShapeError>([&] { sgd.apply({g}, {w, b}); }, {"1 gradients for 2 variables"});
  expect_words<ShapeError>([&] { sgd.apply({g, g}, {w, b}); }, {"Sgd::apply at", "'b'", "(2,)"});
  expect_words<ShapeError>([&] { sgd.apply({g}, {unnamed}); },
                           {"'variable at training_loop_test.cpp:"});
  expect_words<Error>([&] { sgd.apply({Tensor()}, {b}); }, {"'b' is an empty tensor"});
  expect_words<NoGradient>([&] { sgd.apply({std::nullopt}, {b}); }, {"every gradient is None"});
}

// Two micro-batches, accumulated by the program, make the step of their sum.
TEST_F(Training, AccumulatesOverMicroBatchesByTheTensorForm) {
  const Tensor x = Tensor::from({1.0F, 2.0F, 3.0F, 4.0F});
  Variable whole(Tensor(0.5), "whole"), parts(Tensor(0.5), "parts");
  Sgd sgd({.learning_rate = 0.1});
  GradientTape tape;
  sgd.apply(tape.gradient(reduce_sum(square(x * whole)), {whole}), {whole});
  std::optional<Tensor> sum;
  for (const int begin : {0, 2}) {
    GradientTape part;
    const Tensor loss = reduce_sum(square(slice(x, {begin}, {2}) * parts));
    const Gradient gradient = part.gradient(loss, parts);
    sum = sum ? *sum + *gradient : *gradient;
  }
  sgd.apply({sum}, {parts});
  EXPECT_EQ(parts.read().item<float>(), whole.read().item<float>());
}

TEST_F(Training, MapChangesValuesAndKeepsNoneAndEveryReason) {
  Variable w(Tensor(3.0), "w"), cut(Tensor(1.0), "cut");
  GradientTape tape;
  const Gradients gradients = tape.gradient(w * w + floor(cut), {w, cut});
  const Gradients half_size = gradients.map([](const Tensor& g) { return g * 0.5; });
  ASSERT_EQ(half_size.size(), 2U);
  EXPECT_EQ(half_size[0]->item<float>(), 3);
  EXPECT_EQ(half_size[0].why().cause, Cause::connected);
  EXPECT_EQ(half_size[0].source(), "w");
  EXPECT_TRUE(half_size[1] == std::nullopt);
  EXPECT_EQ(half_size[1].why().cause, Cause::cut_by_op);
  EXPECT_TRUE(Gradients().map([](const Tensor& g) { return g; }).empty());
  const Gradients made(std::vector<Gradient>{Gradient::of(Tensor(2.0)), gradients[1]});
  EXPECT_EQ(made.map([](const Tensor& g) { return -g; })[0]->item<float>(), -2);
}

TEST_F(Training, ClipScalesToTheNormOfAllGradientsTogether) {
  const Tensor a = Tensor::from({3.0F, 0.0F}), b = Tensor::from({4.0});
  const Gradients gradients(
      std::vector<Gradient>{Gradient::of(a), Gradient(), Gradient::of(b.cast(DType::f16))});
  const Gradients clipped = clip_by_global_norm(gradients, 2.5);
  EXPECT_EQ(values_of(*clipped[0]), std::vector<float>({1.5, 0}));
  EXPECT_TRUE(clipped[1] == std::nullopt);
  EXPECT_EQ(clipped[2]->dtype(), DType::f16);
  EXPECT_EQ(clipped[2]->item<float>(), 2);
  const Gradients same = clip_by_global_norm(gradients, 5);
  EXPECT_EQ(values_of(*same[0]), std::vector<float>({3, 0}));
  EXPECT_TRUE(clip_by_global_norm(Gradients(std::vector<Gradient>(2)), 1)[1] == std::nullopt);
  EXPECT_TRUE(clip_by_global_norm(Gradients(), 1).empty());
  // Neither squares nor their sum overflow.
  const Gradients huge(std::vector<Gradient>{Gradient::of(full({4}, 1e30)),
                                             Gradient::of(full({}, 1e200, DType::f64))});
  EXPECT_EQ(clip_by_global_norm(huge, 1)[1]->item<double>(), 1);
}

TEST_F(Training, ClipScalesSixteenBitsByAFactorThatTheyDoNotHold) {
  for (const double most : {1e-3, 1.0}) {
    const Gradients gradients(
        std::vector<Gradient>{Gradient::of(full({100'000}, 60000, DType::f16))});
    const Tensor clipped = clip_by_global_norm(gradients, most)[0]->cast(DType::f64);
    EXPECT_NEAR(reduce_norm(clipped).item<double>(), most, most * 0.01);
  }
  const Gradients integers(std::vector<Gradient>{Gradient::of(full({2}, 3, DType::i32))});
  expect_words<Error>([&] { clip_by_global_norm(integers, 1); }, {"gradient 0 is i32"});
}

TEST_F(Training, ClipSaysWhichGradientIsNotFiniteAndWhatMadeItSo) {
  Variable w(Tensor(2.0), "w"), v(Tensor(-1.0), "v");
  GradientTape tape({.persistent = true});
  const Gradients nan = tape.gradient(w * w + log(v) * 0.0 + sqrt(v), {w, v});
  expect_words<Error>([&] { clip_by_global_norm(nan, 1); },
                      {"clip_by_global_norm at training_loop_test.cpp:", "of v is nan", "sqrt at"});
  const Gradients infinite = tape.gradient(1 / (v + 1.0), {v});
  expect_words<Error>([&] { clip_by_global_norm(infinite, 1); },
                      {"the norm of the gradient of v is inf"});
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double most : {0.0, -1.0, kInfinity, std::nan("")}) {
    expect_words<Error>([&] { clip_by_global_norm(Gradients(), most); },
                        {"clip_by_global_norm at training_loop_test.cpp:", "finite, and above 0"});
  }
  expect_words<Error>(
      [&] {
        clip_by_global_norm(Gradients(std::vector<Gradient>{{Tensor(), nullptr}}), 1);
      },
      {"gradient 0 is an empty tensor"});
}

template <class Optimizer, class Options>
void expect_goes_on(const Options& options, std::vector<std::string> names) {
  const test::ScratchFolder folder;
  Model straight, first, second;
  Optimizer of_straight(options), of_first(options), of_second(options);
  for (int step = 0; step < 3; ++step) {
    of_straight.apply(straight.gradients(step), straight.variables);
    of_first.apply(first.gradients(step), first.variables);
  }
  std::vector<std::string> got;
  for (const NamedTensor& tensor : of_first.state()) got.push_back(tensor.name);
  EXPECT_EQ(got, names);
  std::vector<NamedTensor> all = first.state();
  for (const NamedTensor& tensor : of_first.state()) all.push_back(tensor);
  save(folder / "state", all);

  const std::vector<NamedTensor> loaded = load(folder / "state");
  second.load(loaded);
  of_second.load(loaded);  // before it has seen a variable
  EXPECT_EQ(of_second.state().size(), names.size());
  first.load(loaded);
  of_first.apply(first.gradients(9), first.variables);
  first.load(loaded);
  of_first.load(loaded);  // back to where it was
  for (int step = 3; step < 6; ++step) {
    of_straight.apply(straight.gradients(step), straight.variables);
    of_first.apply(first.gradients(step), first.variables);
    of_second.apply(second.gradients(step), second.variables);
  }
  EXPECT_EQ(first.values(), straight.values());
  EXPECT_EQ(second.values(), straight.values());
}

TEST_F(Training, AdamGoesOnFromItsState) {
  expect_goes_on<Adam>(optim::AdamOptions{.learning_rate = 0.1, .weight_decay = 0.01},
                       {"adam/variables", "adam/w/mean", "adam/w/spread", "adam/w/steps",
                        "adam/w.1/mean", "adam/w.1/spread", "adam/w.1/steps",
                        "adam/variable.2/mean", "adam/variable.2/spread", "adam/variable.2/steps"});
}

TEST_F(Training, SgdGoesOnFromItsState) {
  expect_goes_on<Sgd>(
      optim::SgdOptions{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true},
      {"sgd/variables", "sgd/w/velocity", "sgd/w.1/velocity", "sgd/variable.2/velocity"});
}

std::vector<std::string> names_of(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> names;
  for (const NamedTensor& tensor : tensors) names.push_back(tensor.name);
  return names;
}

// A file also has what is no optimizer's, and an optimizer may keep nothing or not have begun.
TEST_F(Training, AStateThatKeepsNothingGoesOnFromAFile) {
  const test::ScratchFolder folder;
  Model model;
  Sgd sgd({.learning_rate = 0.1}), other;
  Adam fresh, adam;
  std::vector<NamedTensor> all = model.state();
  sgd.apply(model.gradients(0), model.variables);
  for (const NamedTensor& tensor : sgd.state()) all.push_back(tensor);
  for (const NamedTensor& tensor : fresh.state()) all.push_back(tensor);
  EXPECT_EQ(names_of(sgd.state()), std::vector<std::string>({"sgd/variables"}));
  save(folder / "state", all);
  other.load(load(folder / "state"));
  adam.load(load(folder / "state"));
  EXPECT_NO_THROW(other.apply(model.gradients(1), model.variables));
  EXPECT_NO_THROW(adam.apply(model.gradients(1), model.variables));
  EXPECT_NO_THROW(sgd.load(other.state()));
  expect_words<Error>([&] { sgd.load(Sgd().state()); }, {"of 0 variables, the optimizer of 3"});
  expect_words<Error>([&] { sgd.load({}); }, {"no 'sgd/variables' among the 0 tensors"});
}

// Frozen layers, or a discriminator's turn: each call has variables of its own.
TEST_F(Training, AStateWaitsForTheVariablesOfLaterCalls) {
  const Tensor g = ones({2});
  Variable w(ones({2}), "w"), b(zeros({2}), "b"), w2(w.read(), "w"), b2(b.read(), "b");
  Adam adam({.learning_rate = 0.1}), resumed({.learning_rate = 0.1});
  adam.apply({g}, {w});
  adam.apply({g * 3}, {b});
  w2.assign(w);
  b2.assign(b);
  warnings.clear();
  resumed.load(adam.state());
  resumed.apply({g}, {w2});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("the loaded state has 'b' too"), std::string::npos) << warnings[0];
  EXPECT_EQ(names_of(resumed.state()), names_of(adam.state()));  // nothing is lost meanwhile
  resumed.apply({g * 2}, {b2});
  adam.apply({g}, {w});
  adam.apply({g * 2}, {b});
  EXPECT_EQ(values_of(w2), values_of(w));
  EXPECT_EQ(values_of(b2), values_of(b));
}

TEST_F(Training, AStateThatIsOfOtherVariablesSaysWhichAndChangesNothing) {
  Variable w(ones({2}), "w"), b(ones({}), "b");
  Adam adam({.learning_rate = 0.1});
  adam.apply({ones({2}), ones({})}, {w, b});
  const std::vector<NamedTensor> state = adam.state();  // variables, of w, of b
  const auto changed = [&](std::size_t i, const NamedTensor& to) {
    std::vector<NamedTensor> list = state;
    list[i] = to;
    return list;
  };
  const auto renamed = [&](const std::string& from, const std::string& to) {
    std::vector<NamedTensor> list = state;
    for (NamedTensor& tensor : list) {
      if (tensor.name.starts_with(from)) tensor.name = to + tensor.name.substr(from.size());
    }
    return list;
  };
  const auto counted = [](std::vector<NamedTensor> list, double count) {
    list[0].value = full({}, count, DType::i64);
    return list;
  };
  const std::vector<NamedTensor> of_w = counted({state.begin(), state.begin() + 4}, 1);
  std::vector<NamedTensor> of_three = counted(state, 3);
  for (std::size_t i = 1; i < 4; ++i)
    of_three.push_back({"adam/c" + state[i].name.substr(6), state[i].value});
  std::vector<NamedTensor> twice = state;
  twice.push_back(state[1]);

  const auto expect_of_used = [&](const std::vector<NamedTensor>& wrong,
                                  std::initializer_list<const char*> words) {
    expect_words<Error>([&] { adam.load(wrong); }, {"Adam::load at training_loop_test.cpp:"});
    expect_words<Error>([&] { adam.load(wrong); }, words);
  };
  const auto expect = [&](const std::vector<NamedTensor>& wrong,
                          std::initializer_list<const char*> words) {
    expect_of_used(wrong, words);
    // Of an optimizer that has seen no variable yet, at the latest when it does.
    Adam fresh({.learning_rate = 0.1});
    Variable w2(w.read(), "w"), b2(b.read(), "b");
    expect_words<Error>(
        [&] {
          fresh.load(wrong);
          fresh.apply({ones({2}), ones({})}, {w2, b2});
        },
        words);
    EXPECT_EQ(values_of(w2), values_of(w));
  };
  expect(of_w, {"it has nothing of 'b'"});
  expect_of_used(of_three, {"no variable is called 'c'"});
  expect(renamed("adam/b", "adam/c"), {"it has nothing of 'b'", "no variable is called 'c'"});
  expect(changed(1, {"adam/w/mean", ones({3})}), {"variable 'w' has shape (2,)", "(3,)"});
  expect(changed(1, {"adam/w/mean", ones({2}, DType::f64)}), {"variable 'w' is f32", "is f64"});
  expect(changed(3, {"adam/w/steps", ones({2})}), {"'adam/w/steps' is f32 (2,)", "i64 ()"});
  for (const double steps : {-1.0, 1e18})
    expect(changed(3, {"adam/w/steps", full({}, steps, DType::i64)}),
           {"'adam/w/steps' is ", "no count"});
  expect(changed(1, {"adam/w/speed", ones({2})}), {"'adam/w/speed' is nothing that Adam keeps"});
  expect(changed(1, {"other", ones({2})}), {"'adam/w/mean' is lacking"});
  expect(changed(3, {"other", ones({2})}), {"'adam/w/steps' is lacking"});
  expect(changed(1, {"adam/w/mean", Tensor()}), {"tensor 'adam/w/mean' is empty"});
  expect(twice, {"'adam/w/mean' is there twice"});
  expect(counted(state, 3), {"'adam/variables' is 3, and there are 2"});
  expect(renamed("adam/", "sgd/"), {"no 'adam/variables' among the 7 tensors", "no state of Adam"});
  expect({}, {"no 'adam/variables' among the 0 tensors"});
  const std::vector<NamedTensor> after = adam.state();
  for (std::size_t i = 0; i < state.size(); ++i)
    EXPECT_EQ(after[i].value.cast(DType::f64).to_vector<double>(),
              state[i].value.cast(DType::f64).to_vector<double>());
  EXPECT_NO_THROW(adam.load(state));
}

TEST(RandomState, GoesOnWhereItStood) {
  random::seed(0xffffffffffffffff);
  random::uniform({3});
  const NamedTensor state = random::state();
  EXPECT_EQ(state.name, "random");
  EXPECT_EQ(state.value.to_vector<std::int64_t>(), std::vector<std::int64_t>({-1, 1}));
  const std::vector<float> next = values_of(random::normal({3}));
  random::seed(1);
  random::uniform({3});
  random::load(state);
  EXPECT_EQ(values_of(random::normal({3})), next);
  random::seed(0);
}

TEST(RandomState, OfAnotherKindIsAnErrorAndChangesNothing) {
  random::seed(5);
  for (const Tensor& wrong : {ones({2}), ones({3}, DType::i64), ones({}, DType::i64)}) {
    expect_words<Error>(
        [&] {
          random::load({"w", wrong});
        },
        {"random::load at training_loop_test.cpp:", "'w'", "i64 (2,)"});
  }
  expect_words<Error>([&] { random::load({"w", Tensor()}); }, {"'w' is empty"});
  EXPECT_EQ(random::state().value.to_vector<std::int64_t>(), std::vector<std::int64_t>({5, 0}));
  random::seed(0);
}

}  // namespace
}  // namespace tendon
