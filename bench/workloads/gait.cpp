#include "bench/workloads/gait.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace tendon::workloads {
namespace {

struct PublishedMuscle {
  const char* name;
  double max_isometric_force, optimal_fiber_length, tendon_slack_length, pennation_at_optimal;
};
// The muscles of one leg in gait10dof18musc; the other leg's are alike.
constexpr PublishedMuscle kLeg[] = {
    {"hamstrings", 2700, 0.12363108, 0.36975901, 0},
    {"bifemsh", 804, 0.19144489, 0.098488987, 0.40142573},
    {"glut_max", 1944, 0.15939471, 0.13770835, 0},
    {"iliopsoas", 2342, 0.10517229, 0.16827566, 0.13962634},
    {"rect_fem", 1169, 0.13046235, 0.35476603, 0.08726646},
    {"vasti", 5000, 0.10137427, 0.15847012, 0.05235988},
    {"gastroc", 2500, 0.060085802, 0.39055771, 0.29670597},
    {"soleus", 5137, 0.050288803, 0.25144401, 0.43633231},
    {"tib_ant", 3000, 0.097912628, 0.22280118, 0.08726646},
};
constexpr double kMaxContractionSpeed = 10;
constexpr double kStrideSeconds = 1.2;

constexpr std::vector<double> Gait::*kCurves[] = {&Gait::activation, &Gait::fiber_length,
                                                  &Gait::fiber_velocity, &Gait::tendon_force,
                                                  &Gait::muscle_tendon_length};

Tensor per_muscle(const std::vector<double>& values) {
  return Tensor::from(values, Shape(values.size(), 1));
}

std::vector<double> to_host(const Tensor& tensor) { return tensor.to_vector<double>(); }

void append(std::vector<double>& values, std::size_t count, double factor) {
  for (std::size_t i = 0; i < count; ++i) values.push_back(factor * values[i]);
}

// Spreads k = 0, 1, 2, ... evenly over [-1, 1), starting at 0 (an additive recurrence; irrational
// steps do not repeat).
double spread(std::size_t k, double irrational) {
  const double turns = static_cast<double>(k) * irrational + 0.5;
  return 2 * (turns - std::floor(turns)) - 1;
}

}  // namespace

Gait synthetic_gait(std::size_t frame_count) {
  Gait gait;
  gait.origin = "built in: a synthetic stride, muscles of the OpenSim model gait10dof18musc";
  for (const char* side : {"_r", "_l"}) {
    for (const PublishedMuscle& muscle : kLeg) {
      gait.muscles.push_back(std::string(muscle.name) + side);
      gait.max_isometric_force.push_back(muscle.max_isometric_force);
      gait.optimal_fiber_length.push_back(muscle.optimal_fiber_length);
      gait.tendon_slack_length.push_back(muscle.tendon_slack_length);
      gait.pennation_at_optimal.push_back(muscle.pennation_at_optimal);
      gait.max_contraction_speed.push_back(kMaxContractionSpeed);
    }
  }
  gait.frame_count = frame_count;

  // Activation and fiber length are chosen, each muscle an even part of a turn after the one
  // before; force and muscle-tendon length follow from equilibrium.
  constexpr double kTurn = 2 * std::numbers::pi;
  const auto count = static_cast<std::int64_t>(gait.muscles.size());
  const Tensor phase = arange(static_cast<double>(frame_count), DType::f64) *
                       (kTurn / static_cast<double>(frame_count));
  const Tensor delay = reshape(arange(static_cast<double>(count), DType::f64), {count, 1}) *
                       (kTurn / static_cast<double>(count));
  const Tensor length = 0.95 + 0.25 * sin(phase + delay + 2.2) + 0.05 * sin(2 * phase + delay);
  const Tensor speed =  // optimal fiber lengths per second
      kTurn / kStrideSeconds * (0.25 * cos(phase + delay + 2.2) + 0.10 * cos(2 * phase + delay));

  const MuscleParameters parameters = reference_parameters(gait);
  const MuscleMotion stride =
      in_equilibrium(parameters, {.activation = 0.05 + 0.9 * square(0.5 - 0.5 * cos(phase + delay)),
                                  .fiber_length = length * parameters.optimal_fiber_length,
                                  .fiber_velocity = speed * parameters.optimal_fiber_length,
                                  .tendon_force = {},
                                  .muscle_tendon_length = {},
                                  .pennation_at_optimal = per_muscle(gait.pennation_at_optimal),
                                  .max_contraction_speed = per_muscle(gait.max_contraction_speed)});
  gait.activation = to_host(stride.activation);
  gait.fiber_length = to_host(stride.fiber_length);
  gait.fiber_velocity = to_host(stride.fiber_velocity);
  gait.tendon_force = to_host(stride.tendon_force);
  gait.muscle_tendon_length = to_host(stride.muscle_tendon_length);
  return gait;
}

Gait resample(const Gait& gait, std::size_t frame_count) {
  Gait result = gait;
  result.frame_count = frame_count;
  result.origin += ", interpolated from " + std::to_string(gait.frame_count) + " frames";
  const double stretch = frame_count > 1 ? static_cast<double>(gait.frame_count - 1) /
                                               static_cast<double>(frame_count - 1)
                                         : 0;
  for (const auto curve : kCurves) {
    std::vector<double>& values = result.*curve;
    values.resize(gait.muscles.size() * frame_count);
    for (std::size_t muscle = 0; muscle < gait.muscles.size(); ++muscle) {
      const double* recorded = (gait.*curve).data() + muscle * gait.frame_count;
      for (std::size_t frame = 0; frame < frame_count; ++frame) {
        const double position = static_cast<double>(frame) * stretch;
        const std::size_t before =
            std::min(static_cast<std::size_t>(position), gait.frame_count - 1);
        const std::size_t after = std::min(before + 1, gait.frame_count - 1);
        values[muscle * frame_count + frame] =
            std::lerp(recorded[before], recorded[after], position - static_cast<double>(before));
      }
    }
  }
  return result;
}

Gait with_subjects(const Gait& gait, std::size_t subject_count) {
  Gait result = gait;
  const std::size_t muscles = gait.muscles.size(), samples = muscles * gait.frame_count;
  for (std::size_t subject = 1; subject < subject_count; ++subject) {
    const double length = 1 + 0.1 * spread(subject, std::numbers::phi);
    const double force = 1 + 0.3 * spread(subject, std::numbers::sqrt2);
    result.muscles.insert(result.muscles.end(), gait.muscles.begin(), gait.muscles.end());
    append(result.max_isometric_force, muscles, force);
    append(result.optimal_fiber_length, muscles, length);
    append(result.tendon_slack_length, muscles, length);
    append(result.pennation_at_optimal, muscles, 1);
    append(result.max_contraction_speed, muscles, 1);
    append(result.activation, samples, 1);
    append(result.fiber_length, samples, length);
    append(result.fiber_velocity, samples, length);
    append(result.tendon_force, samples, force);
    append(result.muscle_tendon_length, samples, length);
  }
  return result;
}

Gait one_muscle(const Gait& gait, std::string_view name) {
  const auto row = std::find(gait.muscles.begin(), gait.muscles.end(), name) - gait.muscles.begin();
  const auto cut = [&](auto& values, std::size_t width) {
    const auto begin = values.begin() + row * static_cast<std::ptrdiff_t>(width);
    values = std::vector(begin, begin + static_cast<std::ptrdiff_t>(width));
  };
  Gait result = gait;
  cut(result.muscles, 1);
  cut(result.max_isometric_force, 1);
  cut(result.optimal_fiber_length, 1);
  cut(result.tendon_slack_length, 1);
  cut(result.pennation_at_optimal, 1);
  cut(result.max_contraction_speed, 1);
  for (const auto curve : kCurves) cut(result.*curve, gait.frame_count);
  return result;
}

MuscleMotion motion(const Gait& gait) {
  const auto curve = [&](const std::vector<double>& values) {
    return Tensor::from(values, Shape(gait.muscles.size(), gait.frame_count));
  };
  return {.activation = curve(gait.activation),
          .fiber_length = curve(gait.fiber_length),
          .fiber_velocity = curve(gait.fiber_velocity),
          .tendon_force = curve(gait.tendon_force),
          .muscle_tendon_length = curve(gait.muscle_tendon_length),
          .pennation_at_optimal = per_muscle(gait.pennation_at_optimal),
          .max_contraction_speed = per_muscle(gait.max_contraction_speed)};
}

MuscleParameters reference_parameters(const Gait& gait) {
  return {.max_isometric_force = per_muscle(gait.max_isometric_force),
          .optimal_fiber_length = per_muscle(gait.optimal_fiber_length),
          .tendon_slack_length = per_muscle(gait.tendon_slack_length)};
}

}  // namespace tendon::workloads
