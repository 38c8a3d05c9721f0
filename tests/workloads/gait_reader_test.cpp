// Files that are not as they should be: the message names file, line and column.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "bench/workloads/gait.h"

namespace tendon::workloads {
namespace {

const char* const kMuscles =
    "muscle,max_isometric_force_N,optimal_fiber_length_m,tendon_slack_length_m,pennation_angle_at_"
    "optimal_rad,"
    "max_contraction_velocity_per_s\n"
    "soleus,5000,0.05,0.25,0.4,10\n"
    "vasti,4000,0.1,0.16,0.05,10\n";
const char* const kMotionHeader =
    "time_s,muscle,activation,fiber_length_m,fiber_velocity_m_per_s,tendon_force_N,muscle_tendon_"
    "length_m\n";

class GaitReader : public testing::Test {
 protected:
  GaitReader()
      : folder_(std::filesystem::temp_directory_path() /
                ("tendon_gait_" +
                 std::string(testing::UnitTest::GetInstance()->current_test_info()->name()))) {
    std::filesystem::create_directories(folder_);
  }
  ~GaitReader() override { std::filesystem::remove_all(folder_); }
  void write(const char* file, const std::string& text) const {
    std::ofstream(folder_ / file) << text;
  }
  std::string error() const {
    try {
      read_gait(folder_);
    } catch (const std::exception& thrown) {
      return thrown.what();
    }
    return "nothing was thrown";
  }
  void expect(std::initializer_list<const char*> words) const {
    const std::string text = error();
    for (const char* word : words)
      EXPECT_NE(text.find(word), std::string::npos) << text << " lacks " << word;
  }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

std::string motion_rows(const std::string& last) {
  return std::string(kMotionHeader) +
         "0.0,soleus,0.1,0.05,0.01,500,0.3\n"
         "0.1,soleus,0.2,0.05,0.01,500,0.3\n"
         "0.0,vasti,0.1,0.1,0.01,400,0.26\n" +
         last;
}

TEST_F(GaitReader, ReadsWhatIsRight) {
  write("muscles.csv", kMuscles);
  write("motion.csv", motion_rows("0.1,vasti,0.3,0.1,0.01,400,0.26\n"));
  const Gait gait = read_gait(folder());
  EXPECT_EQ(gait.muscles, (std::vector<std::string>{"soleus", "vasti"}));
  EXPECT_EQ(gait.frame_count, 2U);
  EXPECT_EQ(gait.activation, (std::vector<double>{0.1, 0.2, 0.1, 0.3}));
}

TEST_F(GaitReader, NamesTheFileThatIsMissing) { expect({"muscles.csv"}); }

TEST_F(GaitReader, NamesLineAndColumnOfWhatIsNoNumber) {
  write("muscles.csv", kMuscles);
  write("motion.csv", motion_rows("0.1,vasti,abc,0.1,0.01,400,0.26\n"));
  expect({"motion.csv", "5", "activation", "abc"});
}

TEST_F(GaitReader, NamesTheColumnThatIsMissing) {
  write("muscles.csv", "muscle,optimal_fiber_length_m\nsoleus,0.05\n");
  expect({"muscles.csv", "max_isometric_force_N"});
}

TEST_F(GaitReader, NamesTheRowThatIsTooShort) {
  write("muscles.csv", kMuscles);
  write("motion.csv", motion_rows("0.1,vasti,0.3\n"));
  expect({"motion.csv", "5"});
}

TEST_F(GaitReader, NamesAMuscleThatIsNotKnown) {
  write("muscles.csv", kMuscles);
  write("motion.csv", motion_rows("0.1,deltoid,0.3,0.1,0.01,400,0.26\n"));
  expect({"motion.csv", "5", "deltoid"});
}

TEST_F(GaitReader, NamesAMuscleWithFewerFrames) {
  write("muscles.csv", kMuscles);
  write("motion.csv", motion_rows(""));
  expect({"motion.csv", "vasti"});
}

TEST_F(GaitReader, RefusesParametersThatAreNotPositiveOrNotFinite) {
  write("muscles.csv",
        std::string(kMuscles).replace(std::string(kMuscles).find("5000"), 4, "-500"));
  write("motion.csv", motion_rows("0.1,vasti,0.3,0.1,0.01,400,0.26\n"));
  expect({"muscles.csv", "2", "max_isometric_force_N", "-500"});
  write("muscles.csv", kMuscles);
  write("motion.csv", motion_rows("0.1,vasti,0.3,nan,0.01,400,0.26\n"));
  expect({"motion.csv", "5", "fiber_length_m", "nan"});
}

TEST_F(GaitReader, RefusesEmptyFiles) {
  write("muscles.csv", "");
  expect({"muscles.csv"});
}

}  // namespace
}  // namespace tendon::workloads
