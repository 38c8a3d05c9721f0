// The rooms of the project include only downwards.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// From the top. A room may include those below it, and anything may include the public headers,
// which include none.
const std::vector<std::string> kRooms = {
    "host/record", "host/explain", "host/autodiff", "host/cuda",    "host/cpu",
    "host/plan",   "host/tape",    "host/ops",      "host/support", "kernels"};

std::size_t level_of(const std::string& path) {
  const auto found = std::ranges::find_if(
      kRooms, [&](const std::string& room) { return path.starts_with(room + "/"); });
  return static_cast<std::size_t>(found - kRooms.begin());
}

std::vector<std::string> project_includes(const fs::path& file) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*"([^"]+)")re");
  std::vector<std::string> includes;
  std::ifstream stream(file);
  std::smatch match;
  for (std::string line; std::getline(stream, line);) {
    if (std::regex_search(line, match, kInclude)) includes.push_back(match[1]);
  }
  return includes;
}

// What is wrong with a file's includes; empty when nothing is.
std::vector<std::string> faults(const std::string& file, const std::vector<std::string>& includes) {
  std::vector<std::string> found;
  for (const std::string& include : includes) {
    const std::size_t from = level_of(file);
    const std::size_t to = level_of(include);
    if (to == kRooms.size())
      found.push_back(file + " includes " + include + ", which is in no room");
    if (to < from || from == kRooms.size())
      found.push_back(file + " includes " + include + ", upwards");
  }
  return found;
}

std::vector<fs::path> sources() {
  std::vector<fs::path> files;
  for (const char* folder : {"host", "kernels", "include"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(TENDON_SOURCE_DIR) / folder)) {
      if (entry.is_regular_file() && entry.path().extension() != ".md")
        files.push_back(entry.path());
    }
  }
  return files;
}

TEST(Rooms, IncludeOnlyDownwards) {
  for (const fs::path& file : sources()) {
    const std::string name = fs::relative(file, TENDON_SOURCE_DIR).generic_string();
    for (const std::string& fault : faults(name, project_includes(file))) ADD_FAILURE() << fault;
  }
}

TEST(Rooms, HoldEveryFileOfTheHostSide) {
  for (const fs::path& file : sources()) {
    const std::string name = fs::relative(file, TENDON_SOURCE_DIR).generic_string();
    if (name.starts_with("include/")) continue;
    EXPECT_LT(level_of(name), kRooms.size())
        << name << " lies in a room that this test does not know";
  }
}

// cudaMallocAsync is not supported everywhere, and gives its memory back at each synchronisation:
// host/cuda/memory.h is the one allocator.
TEST(Sources, LeaveDeviceMemoryToTheCachingAllocator) {
  for (const fs::path& file : sources()) {
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
      for (const char* call : {"cudaMallocAsync", "cudaFreeAsync", "cudaMallocFromPoolAsync"})
        EXPECT_EQ(line.find(call), std::string::npos) << file << ": " << line;
    }
  }
}

// The word of one kind of device in a line; empty where there is none.
std::string device_word(const std::string& line) {
  static const std::regex kWord("cuda|gpu|warp|register|block|multiprocessor|occupancy|cublas",
                                std::regex::icase);
  std::smatch match;
  return std::regex_search(line, match, kWord) ? match.str() : "";
}

// A back end hands in what it knows (host/plan/device_traits.h).
TEST(Plans, AreMadeWithoutKnowledgeOfOneKindOfDevice) {
  for (const fs::path& file : sources()) {
    if (!fs::relative(file, TENDON_SOURCE_DIR).generic_string().starts_with("host/plan/")) continue;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);)
      EXPECT_EQ(device_word(line), "") << file << ": " << line;
  }
  EXPECT_EQ(device_word("// Registers of a thread."), "Register");
}

TEST(Rooms, AreCheckedByACheckThatCanFail) {
  EXPECT_EQ(faults("host/ops/a.cpp", {"host/record/node.h"}).size(), 1U);
  EXPECT_EQ(faults("include/tendon/a.h", {"host/ops/op_row.h"}).size(), 1U);
  EXPECT_EQ(faults("host/plan/a.cpp", {"elsewhere/b.h"}).size(), 1U);
  EXPECT_TRUE(faults("host/record/a.cpp", {"host/ops/op_row.h", "host/record/node.h"}).empty());
}

TEST(PublicHeaders, IncludeNoCudaAndNoThirdPartyHeader) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*<([^>]+)>)re");
  for (const fs::path& file : sources()) {
    if (fs::relative(file, TENDON_SOURCE_DIR).generic_string().starts_with("include/") == false)
      continue;
    std::ifstream stream(file);
    std::smatch match;
    for (std::string line; std::getline(stream, line);) {
      if (!std::regex_search(line, match, kInclude)) continue;
      const std::string header = match[1];
      const bool standard =
          header.find('.') == std::string::npos && header.find('/') == std::string::npos;
      EXPECT_TRUE(standard || header.starts_with("tendon/"))
          << file << " includes <" << header << ">";
    }
  }
}

}  // namespace
