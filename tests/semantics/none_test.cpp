// None exactly where no chain of recorded, differentiable ops connects, and nothing computed for
// it.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cmath>
#include <limits>

namespace tendon {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor scalar(double value) { return Tensor(value); }

// Ops computed when the tensor is read.
std::int64_t ops_of(const Tensor& tensor) {
  const std::int64_t before = counters(default_device()).ops;
  run({tensor});
  return counters(default_device()).ops - before;
}

TEST(NoneRule, ZeroUnderflowNanAndInfinityAreValues) {
  Tensor x = scalar(0);
  GradientTape tape({.persistent = true});
  tape.watch(x);
  EXPECT_EQ(tape.gradient(x * 0, x)->item<float>(), 0);
  EXPECT_EQ(tape.gradient(x * 1e-30 * 1e-30, x)->item<float>(), 0);
  EXPECT_EQ(tape.gradient(sqrt(x), x)->item<float>(), kInfinity);
  EXPECT_TRUE(
      std::isnan(tape.gradient(x * std::numeric_limits<float>::quiet_NaN(), x)->item<float>()));
  EXPECT_EQ(tape.gradient(sign(x), x)->item<float>(), 0);
}

TEST(NoneRule, ATinyGradientIsAValue) {
  Tensor x = full({}, 1e-10, DType::f64);
  GradientTape tape;
  tape.watch(x);
  Tensor y = log(x * 1e10 + 1e-5);
  const Gradient gradient = tape.gradient(y, x);
  ASSERT_TRUE(gradient);
  EXPECT_NEAR(gradient->item<double>(), 1e10 / (1 + 1e-5), 1);
}

TEST(NoneRule, OpsWithoutAGradientCutAndAreNoErrors) {
  Tensor x = Tensor::from({1.5F, 2.5F});
  GradientTape tape({.persistent = true});
  tape.watch(x);
  for (const Tensor& cut : {floor(x), ceil(x), round(x), trunc(x), stop_gradient(x),
                            (x > 2).cast(DType::f32), argmax(x).cast(DType::f32),
                            x.cast(DType::i32).cast(DType::f32), is_nan(x).cast(DType::f32)}) {
    EXPECT_FALSE(tape.gradient(reduce_sum(cut * 2), x));
  }
}

TEST(NoneRule, PiecewiseLinearDerivativesConnectWithZeroDerivative) {
  Tensor x = Tensor::from({3.0F, 1.0F});
  GradientTape outer({.persistent = true});
  outer.watch(x);
  GradientTape inner({.persistent = true});
  inner.watch(x);
  for (const Tensor& y : {abs(x), relu(x), relu6(x), leaky_relu(x), maximum(x, 2), minimum(x, 2),
                          clip(x, 0, 5), reduce_max(x), reduce_min(x)}) {
    const Gradient curvature = outer.gradient(*inner.gradient(y, x), x);
    ASSERT_TRUE(curvature) << curvature.why();
    EXPECT_EQ(curvature->to_vector<float>(), (std::vector<float>{0, 0}));
  }
}

TEST(NoneRule, ANanIsWhereTheGradientOfAnExtremeGoes) {
  Tensor x = Tensor::from({1.0F, std::numeric_limits<float>::quiet_NaN(), 2.0F});
  GradientTape tape;
  tape.watch(x);
  EXPECT_EQ(tape.gradient(reduce_max(x), x)->to_vector<float>(), (std::vector<float>{0, 1, 0}));
}

TEST(NoneRule, AtKinksTheDerivativeIsAsTheRowsSay) {
  Tensor x = scalar(0);
  GradientTape tape({.persistent = true});
  tape.watch(x);
  EXPECT_EQ(tape.gradient(abs(x), x)->item<float>(), 0);
  EXPECT_EQ(tape.gradient(relu(x), x)->item<float>(), 0);
  EXPECT_EQ(tape.gradient(sign(x), x)->item<float>(), 0);
  Tensor y = x + 0;
  const Gradients halves = tape.gradient(maximum(x, stop_gradient(y)), {x});
  EXPECT_EQ(halves[0]->item<float>(), 0.5F);
  Tensor ties = Tensor::from({2.0F, 1.0F, 2.0F, 2.0F});
  tape.watch(ties);
  const std::vector<float> shared = tape.gradient(reduce_max(ties), ties)->to_vector<float>();
  EXPECT_EQ(shared, (std::vector<float>{1 / 3.0F, 0, 1 / 3.0F, 1 / 3.0F}));
}

TEST(NoneRule, WhereNeverLeaksFromItsInactiveSide) {
  Tensor x = scalar(0);
  GradientTape outer({.persistent = true});
  outer.watch(x);
  GradientTape tape({.persistent = true});
  tape.watch(x);
  for (const Tensor& y : {where(x > 0, log(x), 0), where(x > 0, sqrt(x), 0),
                          where(x > 0, 1 / x, x * 0), where(x > 0, pow(x, -1.5), 0)}) {
    const Tensor slope = *tape.gradient(y, x);
    EXPECT_EQ(slope.item<float>(), 0);
    EXPECT_EQ(outer.gradient(slope, x)->item<float>(), 0);
  }
}

TEST(NoneRule, WhereGivesItsInactiveSideZeroOfAnInfiniteCotangent) {
  Tensor a = scalar(1);
  Tensor b = scalar(2);
  GradientTape tape;
  tape.watch({a, b});
  Tensor y = where(Tensor::from({false}, {}), a, b);
  const Gradients gradients = tape.gradient(y, {a, b}, {.output_gradients = {scalar(HUGE_VAL)}});
  EXPECT_EQ(gradients[0]->item<float>(), 0);
  EXPECT_EQ(gradients[1]->item<float>(), kInfinity);
}

TEST(NoneRule, NothingIsComputedForAnEdgeThatIsNotNeeded) {
  Tensor a = Tensor::from({1.0F, 2.0F});
  Tensor b = Tensor::from({3.0F, 4.0F});
  const auto cost = [&](bool watch_both) {
    GradientTape tape;
    tape.watch(a);
    if (watch_both) tape.watch(b);
    Tensor y = tanh(a * b);
    return ops_of(*tape.gradient(y, a));
  };
  // a * b, the slope of tanh there and its product with b: a watched tensor that nobody asked about
  // costs nothing.
  EXPECT_EQ(cost(false), 3);
  EXPECT_EQ(cost(true), 3);
}

TEST(NoneRule, NothingIsComputedUpstreamOfACut) {
  Tensor x = Tensor::from({1.0F, 2.0F});
  GradientTape tape({.persistent = true});
  tape.watch(x);
  Tensor expensive = exp(sin(cos(tanh(x))));
  Tensor y = x * 2 + stop_gradient(expensive);
  const Tensor gradient = *tape.gradient(y, x);
  EXPECT_EQ(ops_of(gradient), 1);  // 2, stretched
  EXPECT_EQ(gradient.to_vector<float>(), (std::vector<float>{2, 2}));
}

TEST(NoneRule, ANoneCostsNoOpAndNoByte) {
  Variable used(Tensor::from({1.0F, 2.0F}), "used");
  std::vector<Variable> sources = {used};
  for (int i = 0; i < 64; ++i) sources.emplace_back(ones({1000}), "unused");
  const auto cost = [&](std::span<const Variable> asked) {
    GradientTape tape;
    Tensor y = reduce_sum(used * used);
    const Gradients gradients = tape.gradient(y, asked);
    const Counters before = counters(default_device());
    run({*gradients[0]});
    const Counters after = counters(default_device());
    return std::pair(after.ops - before.ops, after.launches - before.launches);
  };
  EXPECT_EQ(cost(sources), cost({sources.data(), 1}));
}

TEST(NoneRule, ABranchOfTheProgramThatIsNotTakenIsNotConnected) {
  Variable taken(scalar(2), "taken"), other(scalar(3), "other");
  GradientTape tape;
  Tensor y = taken.read().item<float>() > 0 ? taken * taken : other * other;
  const Gradients gradients = tape.gradient(y, {taken, other});
  EXPECT_EQ(gradients[0]->item<float>(), 4);
  EXPECT_FALSE(gradients[1]);
}

TEST(NoneRule, GradientsOfBothSidesOfOneOpAddUp) {
  Tensor x = scalar(3);
  GradientTape tape;
  tape.watch(x);
  EXPECT_EQ(tape.gradient(x + x * x - x / x, x)->item<float>(), 7);
}

TEST(NoneRule, HoldsForMoreSourcesThanAMaskWordHas) {
  std::vector<Variable> sources;
  for (int i = 0; i < 200; ++i) sources.emplace_back(scalar(i), std::to_string(i));
  GradientTape tape;
  Tensor y = scalar(0);
  for (std::size_t i = 0; i < sources.size(); i += 3) y += sources[i] * sources[i];
  const Gradients gradients = tape.gradient(y, sources);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    ASSERT_EQ(gradients[i].has_value(), i % 3 == 0) << i;
    EXPECT_EQ(gradients[i].value_or_zeros().item<float>(),
              i % 3 == 0 ? 2 * static_cast<float>(i) : 0);
  }
}

TEST(LongTapes, AMillionOpsNeitherRecurseNorGoQuadratic) {
  Tensor x = scalar(1);
  GradientTape tape;
  tape.watch(x);
  Tensor y = x;
  for (int i = 0; i < 1'000'000; ++i) y = y + 1;
  const Gradient gradient = tape.gradient(y, x);
  EXPECT_EQ(gradient.why().cause, Cause::connected);
  EXPECT_EQ(gradient->item<float>(), 1);
  EXPECT_EQ(y.item<float>(), 1'000'001);
}

}  // namespace
}  // namespace tendon
