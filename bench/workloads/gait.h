// Motions of muscles during walking: a built-in synthetic one, one read from CSV files, and both
// scaled to any number of frames and subjects. Plain host memory, until motion() makes tensors.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workloads/muscle_model.h"

namespace tendon::workloads {

struct Gait {
  std::string origin;  // where the numbers come from, in words

  // One entry a muscle; the muscles of the first subject come first.
  std::vector<std::string> muscles;
  std::vector<double> max_isometric_force;    // N
  std::vector<double> optimal_fiber_length;   // m
  std::vector<double> tendon_slack_length;    // m
  std::vector<double> pennation_at_optimal;   // rad
  std::vector<double> max_contraction_speed;  // optimal fiber lengths per second

  // (muscles, frames), row-major.
  std::size_t frame_count = 0;
  std::vector<double> activation;
  std::vector<double> fiber_length;          // m
  std::vector<double> fiber_velocity;        // m/s
  std::vector<double> tendon_force;          // N
  std::vector<double> muscle_tendon_length;  // m
};

// One stride of 1.2 s of 18 muscles in exact equilibrium, with the parameters of the OpenSim model
// gait10dof18musc (A. Seth, after Delp et al. 1990; CC BY 3.0). The frames divide the stride
// evenly, however many there are.
Gait synthetic_gait(std::size_t frame_count);

// Reads muscles.csv and motion.csv. std::runtime_error names file, line and column of what is
// missing or malformed.
Gait read_gait(const std::filesystem::path& directory);

// The same motion at frame_count evenly spaced positions from its first frame to its last, linearly
// interpolated.
Gait resample(const Gait& gait, std::size_t frame_count);

// The gait followed by scaled copies of it, one a further subject: lengths and velocities by a
// factor within 10 % of 1, forces by one within 30 %.
Gait with_subjects(const Gait& gait, std::size_t subject_count);

// The one muscle of that name, which must be there.
Gait one_muscle(const Gait& gait, std::string_view name);

// As f64 tensors on the default device.
MuscleMotion motion(const Gait& gait);
MuscleParameters reference_parameters(const Gait& gait);

}  // namespace tendon::workloads
