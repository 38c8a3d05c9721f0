// What gradient() answers.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <array>
#include <cmath>

namespace tendon {
namespace {

Tensor scalar(double value) { return Tensor(value); }

TEST(GradientCall, SumsItsTargetsWhateverTheirShapes) {
  Tensor x = Tensor::from({1.0F, 2.0F});
  GradientTape tape;
  tape.watch(x);
  Tensor vector = x * 3;
  Tensor one = reduce_sum(x * x);
  EXPECT_EQ(tape.gradient({vector, one}, {x})[0]->to_vector<float>(), (std::vector<float>{5, 7}));
}

TEST(GradientCall, TakesOutputGradients) {
  Tensor x = Tensor::from({1.0F, 2.0F});
  GradientTape tape({.persistent = true});
  tape.watch(x);
  Tensor y = x * x;
  Tensor seed = Tensor::from({10.0F, 100.0F});
  EXPECT_EQ(tape.gradient(y, x, {.output_gradients = {seed}})->to_vector<float>(),
            (std::vector<float>{20, 400}));
  const auto both = tape.gradient({y, y}, {x}, {.output_gradients = {seed, std::nullopt}});
  EXPECT_EQ(both[0]->to_vector<float>(), (std::vector<float>{22, 404}));
}

TEST(GradientCall, ChecksOutputGradients) {
  Tensor x = Tensor::from({1.0F, 2.0F});
  GradientTape tape;
  tape.watch(x);
  Tensor y = x * x;
  EXPECT_THROW(tape.gradient(y, x, {.output_gradients = {scalar(1)}}), ShapeError);
  EXPECT_THROW(tape.gradient(y, x, {.output_gradients = {ones({2}, DType::f64)}}), DTypeError);
  EXPECT_THROW(tape.gradient(y, x, {.output_gradients = {ones({2}), ones({2})}}), ShapeError);
  // The failed calls do not count: the tape still answers its one question.
  EXPECT_EQ(tape.gradient(y, x)->to_vector<float>(), (std::vector<float>{2, 4}));
}

TEST(GradientCall, OfTheTargetItselfIsTheSeedEvenUnwatched) {
  Tensor x = Tensor::from({1.0F, 2.0F});
  GradientTape tape({.persistent = true});
  EXPECT_EQ(tape.gradient(x, x)->to_vector<float>(), (std::vector<float>{1, 1}));
  Tensor seed = Tensor::from({4.0F, 5.0F});
  EXPECT_EQ(tape.gradient(x, x, {.output_gradients = {seed}})->to_vector<float>(),
            (std::vector<float>{4, 5}));
  Tensor i = Tensor::from({1, 2});
  EXPECT_FALSE(tape.gradient(i, i));
  Variable w(scalar(3), "w");
  EXPECT_EQ(tape.gradient(w, w)->item<float>(), 1);
}

TEST(GradientCall, AnswersASourceListedTwiceTwice) {
  Variable w(scalar(3), "w");
  GradientTape tape;
  Tensor y = w * w;
  const Gradients both = tape.gradient(y, {w, w});
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0]->item<float>(), 6);
  EXPECT_EQ(both[1]->item<float>(), 6);
}

TEST(GradientCall, CountsATargetListedTwiceTwice) {
  Variable w(scalar(3), "w");
  GradientTape tape;
  Tensor y = w * w;
  EXPECT_EQ(tape.gradient({y, y}, {w})[0]->item<float>(), 12);
}

TEST(GradientCall, CountsThePathThroughASourceThatIsAnIntermediate) {
  Tensor x = scalar(3);
  GradientTape tape;
  tape.watch(x);
  Tensor y = x * x;
  Tensor z = y * y;
  const Gradients both = tape.gradient(z, {y, x});
  EXPECT_EQ(both[0]->item<float>(), 18);
  EXPECT_EQ(both[1]->item<float>(), 108);
}

TEST(GradientCall, WithoutSourcesIsEmpty) {
  Variable w(scalar(3), "w");
  GradientTape tape;
  Tensor y = w * w;
  EXPECT_TRUE(tape.gradient(y, {}).empty());
}

TEST(GradientCall, TakesListsOfAllKinds) {
  Variable w(scalar(3), "w"), b(scalar(1), "b");
  Tensor x = scalar(2);
  GradientTape tape({.persistent = true});
  tape.watch({x});
  Tensor y = w * x + b;
  const std::vector<Variable> variables = {w, b};
  const std::vector<Source> mixed = {w, x};
  const std::array<Tensor, 1> tensors = {x};
  const std::vector<Tensor> targets = {y, y};
  EXPECT_EQ(tape.gradient(y, variables).size(), 2U);
  EXPECT_EQ(tape.gradient(y, mixed)[1]->item<float>(), 3);
  EXPECT_EQ(tape.gradient(y, tensors)[0]->item<float>(), 3);
  EXPECT_EQ(tape.gradient(y, std::span(tensors))[0]->item<float>(), 3);
  EXPECT_EQ(tape.gradient(targets, variables)[0]->item<float>(), 4);
  EXPECT_EQ(tape.gradient(targets, {w, x})[1]->item<float>(), 6);
  EXPECT_EQ(tape.gradient({y}, {w})[0]->item<float>(), 2);
  EXPECT_EQ(tape.gradient({y, y}, tape.watched_variables()).size(), 2U);
}

TEST(GradientCall, OfANonPersistentTapeAnswersOnce) {
  Variable w(scalar(3), "w");
  GradientTape tape;
  Tensor y = w * w;
  tape.gradient(y, w);
  try {
    tape.gradient(y, w);
    FAIL();
  } catch (const TapeError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("a non-persistent GradientTape can compute only one set of gradients"),
              std::string::npos);
  }
}

TEST(GradientCall, InsideTheBlockStopsANonPersistentTape) {
  Variable w(scalar(3), "w");
  GradientTape outer;
  {
    GradientTape tape;
    Tensor y = w * w;
    tape.gradient(y, w);
    tape.stop();  // after the automatic stop it is harmless
    tape.resume();
    Tensor z = w * 5;
    EXPECT_EQ(tape.gradient(z, w)->item<float>(), 5);
  }
}

TEST(GradientCall, OfAPersistentTapeGoesOnRecording) {
  Variable w(scalar(3), "w");
  GradientTape tape({.persistent = true});
  Tensor y = w * w;
  EXPECT_EQ(tape.gradient(y, w)->item<float>(), 6);
  Tensor z = y * w;
  EXPECT_EQ(tape.gradient(z, w)->item<float>(), 27);
  tape.stop();
  EXPECT_EQ(tape.gradient(z, w)->item<float>(), 27);
}

TEST(GradientCall, AfterStopWorks) {
  Variable w(scalar(3), "w");
  GradientTape tape;
  Tensor y = w * w;
  tape.stop();
  EXPECT_EQ(tape.gradient(y, w)->item<float>(), 6);
}

TEST(GradientCall, ResumeGoesOnOnTheSameTape) {
  Variable w(scalar(3), "w");
  GradientTape tape;
  Tensor y = w * w;
  tape.stop();
  Tensor outside = y * 100;
  tape.resume();
  Tensor z = y * 2;
  EXPECT_EQ(tape.gradient({z, outside}, {w})[0]->item<float>(), 12);
}

TEST(GradientCall, UnconnectedZeroGivesZerosAndStillSaysWhy) {
  Variable w(ones({2, 3}, DType::f64), "w");
  Variable v(scalar(1), "v");
  GradientTape tape;
  Tensor y = v * v;
  const Gradients both = tape.gradient(y, {w, v}, {.unconnected = Unconnected::zero});
  ASSERT_TRUE(both[0]);
  EXPECT_EQ(both[0]->shape(), Shape(2, 3));
  EXPECT_EQ(both[0]->dtype(), DType::f64);
  EXPECT_EQ(both[0]->to_vector<double>(), std::vector<double>(6, 0.0));
  EXPECT_NE(both[0].why().cause, Cause::connected);
  EXPECT_EQ(both[1].why().cause, Cause::connected);
}

TEST(GradientCall, WorksOnEmptyExtents) {
  Tensor x = zeros({0, 3});
  GradientTape tape;
  tape.watch(x);
  Tensor y = reduce_sum(exp(x) * 2);
  const Gradient gradient = tape.gradient(y, x);
  EXPECT_EQ(gradient->shape(), Shape(0, 3));
  EXPECT_TRUE(gradient->to_vector<float>().empty());
}

TEST(GradientCall, HigherOrdersByNesting) {
  Tensor x = scalar(2);
  GradientTape first;
  first.watch(x);
  GradientTape second;
  second.watch(x);
  GradientTape third;
  third.watch(x);
  Tensor y = x * x * x * x;
  Tensor dy = *third.gradient(y, x);
  Tensor ddy = *second.gradient(dy, x);
  Tensor dddy = *first.gradient(ddy, x);
  EXPECT_EQ(dy.item<float>(), 32);
  EXPECT_EQ(ddy.item<float>(), 48);
  EXPECT_EQ(dddy.item<float>(), 48);
}

TEST(GradientCall, HigherOrdersByAPersistentTape) {
  Variable w(full({}, 2, DType::f64), "w");
  GradientTape tape({.persistent = true});
  Tensor y = exp(w * w);
  Tensor dy = *tape.gradient(y, w);
  Tensor ddy = *tape.gradient(dy, w);
  Tensor dddy = *tape.gradient(ddy, w);
  const double e = std::exp(4.0);
  EXPECT_NEAR(dy.item<double>(), 4 * e, 1e-12 * e);
  EXPECT_NEAR(ddy.item<double>(), (2 + 16) * e, 1e-11 * e);
  EXPECT_NEAR(dddy.item<double>(), (12 * 2 + 8 * 8) * e, 1e-10 * e);
}

TEST(GradientCall, OfALinearFunctionTwiceIsNone) {
  Tensor x = scalar(2);
  GradientTape outer;
  outer.watch(x);
  GradientTape inner;
  inner.watch(x);
  Tensor y = x * 3;
  Tensor dy = *inner.gradient(y, x);
  EXPECT_FALSE(outer.gradient(dy, x));
}

TEST(GradientObject, IsAnOptionalThatSaysWhy) {
  Variable w(scalar(3), "w"), u(scalar(1), "u");
  GradientTape tape;
  Tensor y = w * w;
  const Gradients gradients = tape.gradient(y, {w, u});
  const Gradient& some = gradients[0];
  const Gradient& none = gradients[1];
  EXPECT_TRUE(some.has_value());
  EXPECT_TRUE(none == std::nullopt);
  EXPECT_FALSE(some == std::nullopt);
  EXPECT_EQ(some->shape(), Shape());
  EXPECT_EQ(static_cast<std::optional<Tensor>>(none), std::nullopt);
  EXPECT_EQ(none.value_or_zeros().item<float>(), 0);
  EXPECT_THROW(none.value(), NoGradient);
  EXPECT_THROW(*none, NoGradient);
  try {
    none.value();
  } catch (const NoGradient& error) {
    EXPECT_NE(std::string(error.what()).find(none.why().text), std::string::npos);
  }
}

}  // namespace
}  // namespace tendon
