#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

struct Ran {
  int status;
  std::string said;  // on stdout and stderr
};

// Short runs, on one thread.
Ran bench(const std::string& options) {
  const std::string command = fmt::format("{} {} 2>&1", TENDON_BENCH, options);
  FILE* const pipe = popen(command.c_str(), "r");
  Ran ran{-1, ""};
  if (pipe == nullptr) return ran;
  std::array<char, 4096> buffer;
  for (std::size_t count = 0; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    ran.said.append(buffer.data(), count);
  const int status = pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}
constexpr const char* kShort = "--row 'gelu op' --seconds 0.01 --threads 1 ";

void expect_refused(const std::string& options, std::initializer_list<const char*> words) {
  const Ran ran = bench(options);
  EXPECT_GT(ran.status, 0) << options << ": " << ran.said;
  for (const char* word : words)
    EXPECT_NE(ran.said.find(word), std::string::npos) << options << ": " << ran.said << word;
}

class Files : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("tendon_bench_{}", getpid());
};

std::vector<nlohmann::json> lines_of(const std::filesystem::path& file) {
  std::vector<nlohmann::json> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(Options, ThatMeanNothingAreRefusedWithWhatIsAccepted) {
  for (const char* threads : {"0", "-1", "1.5", "many", "nan", "4097"}) {
    expect_refused(fmt::format("--row 'gelu op' --seconds 0.01 --threads={}", threads),
                   {"--threads", "a whole number from 1 to 4096"});
  }
  for (const char* seconds : {"nan", "inf", "-inf", "0", "-1", "soon", "1s"}) {
    expect_refused(fmt::format("--row 'gelu op' --threads 1 --seconds={}", seconds),
                   {"--seconds", "a finite number of seconds above 0"});
  }
  expect_refused("--row nothing", {"--row", "nothing", "muscle"});
  expect_refused("--device tpu", {"--device", "tpu", "cpu", "cuda"});
  expect_refused("--speed", {"--speed"});
}

TEST_F(Files, ThatCannotBeWrittenFailTheRun) {
  expect_refused(kShort + std::string("--json /dev/full"),
                 {"--json: /dev/full cannot be written: No space left on device"});
  const std::string missing = (folder / "missing" / "bench.json").string();
  expect_refused(kShort + ("--json " + missing),
                 {"--json", missing.c_str(), "cannot be written: No such file or directory"});
  expect_refused(kShort + ("--json " + folder.string()), {"cannot be written: Is a directory"});
}

TEST_F(Files, HoldWhatWasMeasuredWhereAndWithWhat) {
  const std::filesystem::path file = folder / "bench.json";
  std::ofstream(file) << "of another run\n";
  const Ran ran = bench(kShort + ("--json " + file.string()));
  ASSERT_EQ(ran.status, 0) << ran.said;
  const std::vector<nlohmann::json> lines = lines_of(file);
  ASSERT_EQ(lines.size(), 1U);
  const nlohmann::json& line = lines[0];
  EXPECT_EQ(line.at("row"), "gelu op");
  EXPECT_EQ(line.at("threads"), 1);
  for (const char* text : {"machine", "compiler", "commit", "date", "by_hand_flags", "size"})
    EXPECT_FALSE(line.at(text).get<std::string>().empty()) << text;
  EXPECT_EQ(line.at("date").get<std::string>().size(), std::string("2026-01-01T00:00:00Z").size());
  for (const char* who : {"ours", "by_hand"}) {
    EXPECT_GT(line.at(fmt::format("{}_ns", who)).get<double>(), 0);
    EXPECT_GE(line.at("samples").at(who).get<int>(), 3);
    EXPECT_GE(line.at("spread").at(who).get<double>(), 0);
  }
  EXPECT_GT(line.at("floor_ns").get<double>(), 0);
}

TEST_F(Files, GiveAFloorThatIsBelowTheTime) {
  const std::filesystem::path file = folder / "bench.json";
  const Ran ran = bench("--row 'mlp with adam' --seconds 0.05 --threads 1 --json " + file.string());
  ASSERT_EQ(ran.status, 0) << ran.said;
  const std::vector<nlohmann::json> lines = lines_of(file);
  ASSERT_EQ(lines.size(), 2U);
  for (const nlohmann::json& line : lines)
    EXPECT_LT(line.at("floor_ns").get<double>(), line.at("ours_ns").get<double>()) << line;
}

TEST(Results, ThatAreWrongFailTheRunAndNameTheRow) {
  expect_refused(kShort + std::string("--spoil-results"),
                 {"tendon-bench: gelu op: ours: output 0"});
}

TEST(Table, SaysHowTheLoopsByHandWereCompiled) {
  const Ran ran = bench(kShort);
  ASSERT_EQ(ran.status, 0) << ran.said;
  EXPECT_EQ(ran.said.find("by hand: "), 0U) << ran.said;
  EXPECT_NE(ran.said.find("-O3 -ffp-contract=fast"), std::string::npos) << ran.said;
  EXPECT_EQ(ran.said.find("native"), std::string::npos) << ran.said;
}

}  // namespace
