// read_gait() of gait.h.
#include <algorithm>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <unordered_map>

#include "bench/workloads/csv_table.h"
#include "bench/workloads/gait.h"

namespace tendon::workloads {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();
constexpr Range kFinite{-kUnbounded, false, kUnbounded, "finite"};
constexpr Range kPositive{0, false, kUnbounded, "positive and finite"};
constexpr Range kNotNegative{0, true, kUnbounded, "finite and at least 0"};
constexpr Range kFraction{0, true, 1, "between 0 and 1"};
constexpr Range kAcuteAngle{0, true, std::numbers::pi / 2, "between 0 and pi/2"};

using RowOfMuscle = std::unordered_map<std::string, std::size_t>;

RowOfMuscle read_muscles(const std::filesystem::path& path, Gait& gait) {
  CsvTable<6> table(
      path, {"muscle", "max_isometric_force_N", "optimal_fiber_length_m", "tendon_slack_length_m",
             "pennation_angle_at_optimal_rad", "max_contraction_velocity_per_s"});
  RowOfMuscle rows;
  while (table.next_row()) {
    const std::string muscle(table.text(0));
    if (muscle.empty()) table.fail(0, "the name is missing");
    if (!rows.emplace(muscle, gait.muscles.size()).second) {
      table.fail(0, fmt::format("{} stands in an earlier line too", muscle));
    }
    gait.muscles.push_back(muscle);
    gait.max_isometric_force.push_back(table.number(1, kPositive));
    gait.optimal_fiber_length.push_back(table.number(2, kPositive));
    gait.tendon_slack_length.push_back(table.number(3, kPositive));
    gait.pennation_at_optimal.push_back(table.number(4, kAcuteAngle));
    gait.max_contraction_speed.push_back(table.number(5, kPositive));
  }
  if (rows.empty()) table.fail("there is no muscle below the header");
  return rows;
}

struct Frame {
  double time, activation, fiber_length, fiber_velocity, tendon_force, muscle_tendon_length;
};

void read_motion(const std::filesystem::path& path, const RowOfMuscle& rows, Gait& gait) {
  CsvTable<7> table(path, {"muscle", "time_s", "activation", "fiber_length_m",
                           "fiber_velocity_m_per_s", "tendon_force_N", "muscle_tendon_length_m"});
  std::vector<std::vector<Frame>> frames_of(gait.muscles.size());
  while (table.next_row()) {
    const std::string muscle(table.text(0));
    const auto row = rows.find(muscle);
    if (row == rows.end()) table.fail(0, fmt::format("muscles.csv has no muscle '{}'", muscle));
    std::vector<Frame>& frames = frames_of[row->second];
    const Frame frame{.time = table.number(1, kFinite),
                      .activation = table.number(2, kFraction),
                      .fiber_length = table.number(3, kPositive),
                      .fiber_velocity = table.number(4, kFinite),
                      .tendon_force = table.number(5, kNotNegative),
                      .muscle_tendon_length = table.number(6, kPositive)};
    if (!frames.empty() && frame.time <= frames.back().time) {
      table.fail(1, fmt::format("{} is not later than {}, the frame of {} before it", frame.time,
                                frames.back().time, muscle));
    }
    frames.push_back(frame);
  }
  gait.frame_count = frames_of.front().size();
  for (std::size_t muscle = 0; muscle < frames_of.size(); ++muscle) {
    const std::vector<Frame>& frames = frames_of[muscle];
    if (frames.empty()) table.fail(fmt::format("there is no frame of {}", gait.muscles[muscle]));
    if (frames.size() != gait.frame_count) {
      table.fail(fmt::format("{} has {} frames, but {} has {}", gait.muscles.front(),
                             gait.frame_count, gait.muscles[muscle], frames.size()));
    }
    for (const Frame& frame : frames) {
      gait.activation.push_back(frame.activation);
      gait.fiber_length.push_back(frame.fiber_length);
      gait.fiber_velocity.push_back(frame.fiber_velocity);
      gait.tendon_force.push_back(frame.tendon_force);
      gait.muscle_tendon_length.push_back(frame.muscle_tendon_length);
    }
  }
}

}  // namespace

Gait read_gait(const std::filesystem::path& directory) {
  if (!std::filesystem::is_directory(directory)) {
    throw std::runtime_error(fmt::format("{}: no such directory", directory.string()));
  }
  Gait gait;
  gait.origin = "read from " + directory.string();
  const RowOfMuscle rows = read_muscles(directory / "muscles.csv", gait);
  read_motion(directory / "motion.csv", rows, gait);
  return gait;
}

}  // namespace tendon::workloads
