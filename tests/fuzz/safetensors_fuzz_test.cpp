// The reader of safetensors files against files that were spoiled at random: an Error or tensors
// that come back when they are saved, and never anything else. Under AddressSanitizer it goes on
// for a minute, else for as many files as take a second or two.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "host/support/safetensors.h"
#include "tests/support/scratch_folder.h"

namespace tendon {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::chrono::seconds kTime{60};
#else
constexpr std::chrono::seconds kTime{0};
#endif
constexpr int kFewestFiles = 20'000;
constexpr int kFilesOnDisk = 16;  // each such file is loaded from the disk too

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class Spoiler {
 public:
  explicit Spoiler(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }

  void spoil(std::string& bytes) {
    const std::size_t at = below(bytes.size());
    const std::size_t count = std::min(bytes.size() - at, below(40) + 1);
    switch (below(8)) {
      case 0: bytes[at] = static_cast<char>(below(256)); break;
      case 1: bytes.resize(at + 1); break;
      case 2: bytes.insert(at, bytes.substr(below(bytes.size()), count)); break;
      case 3: bytes.erase(at, std::min(count, bytes.size() - 1)); break;
      case 4: bytes.insert(at, pick(kPieces)); break;
      case 5: replace_number(bytes); break;
      case 6:
        bytes[below(std::min<std::size_t>(8, bytes.size()))] = static_cast<char>(below(256));
        break;
      default: fit_length(bytes);
    }
  }

 private:
  static constexpr std::array kPieces = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "\"",
                                         "\\u0000",
                                         "null",
                                         "-1",
                                         "1e99",
                                         "0.5",
                                         "\"F32\"",
                                         "\"BOOL\"",
                                         "\"BF16\"",
                                         "\"x\":",
                                         "\xff",
                                         "[[[[[[",
                                         "\"dtype\":",
                                         " ",
                                         "\"\"",
                                         "true",
                                         "\\ud800",
                                         "\"shape\":[]",
                                         "[0,0]",
                                         "{}",
                                         "\xef\xbb\xbf",
                                         "//",
                                         "\"__metadata__\":{}"};
  static constexpr std::array kNumbers = {"0",
                                          "1",
                                          "2",
                                          "7",
                                          "8",
                                          "-0",
                                          "00",
                                          "4294967296",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "2305843009213693952"};

  template <class List>
  std::string pick(const List& list) {
    return list[below(list.size())];
  }
  void replace_number(std::string& bytes) {
    constexpr const char* kDigits = "0123456789";
    const std::size_t begin = bytes.find_first_of(kDigits, below(bytes.size()));
    if (begin == std::string::npos) return;
    const std::size_t end = std::min(bytes.find_first_not_of(kDigits, begin), bytes.size());
    bytes.replace(begin, end - begin, pick(kNumbers));
  }
  // The prefix, as it fits the header's last brace: else most files end at their length.
  void fit_length(std::string& bytes) {
    const std::size_t brace = bytes.rfind('}');
    if (brace == std::string::npos || brace < 8) return;
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>((brace - 7) >> (8 * i));
  }

  std::mt19937_64 random_;
};

// What the header says, and true unless the reader refuses the file.
bool parses(const std::string& bytes, support::SafetensorsHeader& header) {
  try {
    std::array<unsigned char, support::kSafetensorsPrefix> prefix{};
    std::copy_n(bytes.begin(), std::min(bytes.size(), prefix.size()), prefix.begin());
    const std::uint64_t length = support::safetensors_header_bytes(prefix, bytes.size());
    header = support::parse_safetensors(std::string_view(bytes).substr(prefix.size(), length),
                                        bytes.size() - prefix.size() - length);
    return true;
  } catch (const Error& error) {
    EXPECT_FALSE(std::string(error.what()).empty());
    return false;
  }
}

void expect_loads_alike(const std::filesystem::path& path, const std::filesystem::path& again,
                        bool has_header) {
  std::vector<NamedTensor> tensors;
  try {
    tensors = load(path);
    EXPECT_TRUE(has_header);
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_TRUE(!has_header || text.find("a BOOL is 0 or 1") != std::string::npos) << text;
    return;
  }
  save(again, tensors, load_metadata(path));
  const std::vector<NamedTensor> saved = load(again);
  ASSERT_EQ(saved.size(), tensors.size());
  for (std::size_t i = 0; i < saved.size(); ++i) {
    EXPECT_EQ(saved[i].name, tensors[i].name);
    EXPECT_EQ(saved[i].value.dtype(), tensors[i].value.dtype());
    EXPECT_EQ(saved[i].value.shape(), tensors[i].value.shape());
  }
}

TEST(SafetensorsReader, RefusesASpoiledFileOrReadsIt) {
  const test::ScratchFolder folder;
  std::vector<std::string> whole;
  for (const char* name : {"torch", "numpy", "tendon"})
    whole.push_back(
        bytes_of(std::string(TENDON_GOLDEN_VALUES "/safetensors/") + name + ".safetensors"));
  const auto end = std::chrono::steady_clock::now() + kTime;
  int accepted = 0;
  std::uint64_t seed = 0;
  for (; seed < kFewestFiles || std::chrono::steady_clock::now() < end; ++seed) {
    SCOPED_TRACE(seed);
    Spoiler spoiler(seed);
    std::string bytes = whole[spoiler.below(whole.size())];
    ASSERT_FALSE(bytes.empty());
    for (std::size_t times = spoiler.below(4) + 1; times > 0; --times) spoiler.spoil(bytes);
    support::SafetensorsHeader header;
    const bool has_header = parses(bytes, header);
    accepted += has_header ? 1 : 0;
    if (seed % kFilesOnDisk == 0) {
      write(folder / "file", bytes);
      expect_loads_alike(folder / "file", folder / "again", has_header);
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(accepted, kFewestFiles / 100);  // else nothing of the reader was tried
  std::cout << accepted << " of " << seed << " spoiled files could be read\n";
}

}  // namespace
}  // namespace tendon
