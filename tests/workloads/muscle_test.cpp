// The muscle model against JAX, and the fit against the parameters that a motion was made with.
#include "tests/golden/muscle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "bench/workloads/gait.h"
#include "bench/workloads/muscle_fit.h"
#include "bench/workloads/muscle_model.h"

namespace tendon::workloads {
namespace {

template <std::size_t N>
Tensor column(const double (&values)[N]) {
  return Tensor::from(std::span<const double>(values), {N, 1});
}
template <std::size_t N, std::size_t M>
Tensor matrix(const double (&values)[N][M]) {
  return Tensor::from(std::span<const double>(&values[0][0], N * M), {N, M});
}

MuscleMotion golden_motion() {
  return {.activation = matrix(golden::kMuscleActivation),
          .fiber_length = matrix(golden::kMuscleFiberLength),
          .fiber_velocity = matrix(golden::kMuscleFiberVelocity),
          .tendon_force = matrix(golden::kMuscleTendonForce),
          .muscle_tendon_length = matrix(golden::kMuscleMuscleTendonLength),
          .pennation_at_optimal = column(golden::kMusclePennation),
          .max_contraction_speed = column(golden::kMuscleMaxVelocity)};
}

template <std::size_t N>
void expect_near(const Tensor& actual, const double (&expected)[N], double tolerance) {
  const std::vector<double> values = actual.to_vector<double>();
  ASSERT_EQ(values.size(), N);
  for (std::size_t i = 0; i < N; ++i) {
    EXPECT_NEAR(values[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i]))) << i;
  }
}

TEST(MuscleModel, PassesThroughThePointsOfItsSource) {
  const auto at = [](Tensor (*curve)(const Tensor&), double x) {
    return curve(full({}, x, DType::f64)).item<double>();
  };
  EXPECT_NEAR(at(active_force_length, 1), 1, 2e-4);
  EXPECT_NEAR(at(force_velocity, -1), 0, 1e-3);
  EXPECT_NEAR(at(force_velocity, 0), 1, 1e-3);
  EXPECT_NEAR(at(passive_force_length, 0.2), 0, 1e-12);
  EXPECT_NEAR(at(passive_force_length, 1.6), 1, 1e-12);
  EXPECT_NEAR(at(tendon_force_length, 1), 0, 1e-12);
  EXPECT_NEAR(at(tendon_force_length, 1.049), 1, 1e-12);
}

TEST(MuscleModel, ResidualLossAndGradientsAreThoseOfJax) {
  Variable force(column(golden::kMuscleForce), "force"),
      fiber(column(golden::kMuscleFiber), "fiber"), slack(column(golden::kMuscleSlack), "slack");
  const MuscleMotion motion = golden_motion();
  GradientTape outer;
  GradientTape inner;
  const MuscleParameters parameters{force, fiber, slack};
  const auto [tendon, muscle] = equilibrium(parameters, motion);
  const Tensor loss = fit_loss(parameters, motion);
  const Gradients first = inner.gradient(loss, {force, fiber, slack});

  const std::vector<double> residual = (tendon - muscle).to_vector<double>();
  for (std::size_t i = 0; i < residual.size(); ++i) {
    EXPECT_NEAR(residual[i], (&golden::kMuscleResidual[0][0])[i], 1e-12);
  }
  EXPECT_NEAR(loss.item<double>(), golden::kMuscleLoss, 1e-12);
  expect_near(*first[0], golden::kMuscleLossByForce, 1e-11);
  expect_near(*first[1], golden::kMuscleLossByFiber, 1e-11);
  expect_near(*first[2], golden::kMuscleLossBySlack, 1e-11);

  // The Hessian times the parameters: the gradient by the tape that recorded the first one.
  Tensor along = Tensor(0).cast(DType::f64);
  const Tensor values[] = {column(golden::kMuscleForce), column(golden::kMuscleFiber),
                           column(golden::kMuscleSlack)};
  for (std::size_t i = 0; i < 3; ++i) along += reduce_sum(*first[i] * values[i]);
  const Gradients second = outer.gradient(along, {force, fiber, slack});
  expect_near(*second[0], golden::kMuscleHessianTimesParametersByForce, 1e-9);
  expect_near(*second[1], golden::kMuscleHessianTimesParametersByFiber, 1e-9);
  expect_near(*second[2], golden::kMuscleHessianTimesParametersBySlack, 1e-9);
}

double worst_percent(const Tensor& fitted, const Tensor& reference) {
  return 100 * reduce_max(abs(fitted / reference - 1)).item<double>();
}

TEST(MuscleFit, FindsEveryParameterThatAMotionWasMadeWith) {
  const Gait gait = synthetic_gait(40);
  const MuscleParameters reference = reference_parameters(gait);
  const MuscleParameters fitted = fit_parameters(disturbed(reference, 1), motion(gait), 400);
  EXPECT_LT(worst_percent(fitted.max_isometric_force, reference.max_isometric_force), 0.01);
  EXPECT_LT(worst_percent(fitted.optimal_fiber_length, reference.optimal_fiber_length), 0.01);
  EXPECT_LT(worst_percent(fitted.tendon_slack_length, reference.tendon_slack_length), 0.01);
}

TEST(MuscleFit, FindsTheTendonSlackLengthsOfARealWalkingTrial) {
  const char* folder = std::getenv("TENDON_GAIT_DATA");
  if (folder == nullptr)
    GTEST_SKIP() << "TENDON_GAIT_DATA names no folder with muscles.csv and motion.csv";
  const Gait gait = resample(read_gait(folder), 200);  // half of its frames, for the time it takes
  const MuscleParameters reference = reference_parameters(gait);
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    const MuscleParameters fitted = fit_parameters(disturbed(reference, seed), motion(gait), 400);
    EXPECT_LT(worst_percent(fitted.tendon_slack_length, reference.tendon_slack_length), 1) << seed;
    EXPECT_LT(worst_percent(fitted.max_isometric_force, reference.max_isometric_force), 7) << seed;
  }
}

// Three parameters of each muscle, and the losses on the way.
std::vector<double> fitted_on(Device device) {
  const Device before = default_device();
  set_default_device(device);
  const Gait gait = synthetic_gait(10);
  std::vector<double> numbers;
  const MuscleParameters fitted =
      fit_parameters(disturbed(reference_parameters(gait), 1), motion(gait), 5,
                     [&](int, const Tensor& loss) { numbers.push_back(loss.item<double>()); });
  for (const Tensor& parameter :
       {fitted.max_isometric_force, fitted.optimal_fiber_length, fitted.tendon_slack_length}) {
    EXPECT_EQ(parameter.device(), device);
    for (const double number : parameter.to_vector<double>()) numbers.push_back(number);
  }
  set_default_device(before);
  return numbers;
}

TEST(MuscleFit, FindsTheSameOnEveryDevice) {
  const std::vector<Device> devices = Device::available();
  if (devices.size() == 1) GTEST_SKIP() << "there is no device but the CPU";
  const std::vector<double> wanted = fitted_on(Device::cpu());
  for (const Device device : devices) {
    const std::vector<double> found = fitted_on(device);
    ASSERT_EQ(found.size(), wanted.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], wanted[i], 1e-9 * std::abs(wanted[i])) << device << ", number " << i;
  }
}

TEST(Gait, OfSeveralSubjectsIsInEquilibriumForEach) {
  const Gait gait = with_subjects(synthetic_gait(20), 3);
  EXPECT_EQ(gait.muscles.size(), 54U);
  const auto [tendon, muscle] = equilibrium(reference_parameters(gait), motion(gait));
  EXPECT_LT(reduce_max(abs(tendon - muscle)).item<double>(), 1e-9);
}

}  // namespace
}  // namespace tendon::workloads
