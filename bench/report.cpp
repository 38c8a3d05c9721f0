#include "bench/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <thread>

#include "bench/by_hand/by_hand.h"
#include "commit.h"

namespace tendon::bench {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang++ " __clang_version__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

std::string processor() {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string date() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

}  // namespace

Report::Report(std::string file, Opening opening) : file_(std::move(file)) {
  if (file_.empty()) return;
  errno = 0;
  stream_.open(file_, opening == Opening::anew ? std::ios::trunc : std::ios::app);
  if (!stream_) fail();
}

void Report::write(nlohmann::json line) {
  if (file_.empty()) return;
  line["machine"] = fmt::format("{}, {} cores, loops for {}", processor(),
                                std::thread::hardware_concurrency(), by_hand::loops().instructions);
  line["compiler"] = kCompiler;
  line["commit"] = kCommit;
  line["date"] = date();
  line["by_hand_flags"] = by_hand::loops().flags;
  errno = 0;
  if (!(stream_ << line.dump() << '\n' << std::flush)) fail();
}

void Report::fail() const {
  throw std::runtime_error(fmt::format("--json: {} cannot be written: {}", file_,
                                       errno == 0 ? "the stream failed" : std::strerror(errno)));
}

std::string by_hand_build() { return fmt::format("{} {}", kCompiler, by_hand::loops().flags); }

}  // namespace tendon::bench
