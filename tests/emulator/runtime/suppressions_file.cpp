// TENDON_EMULATOR_SUPPRESSIONS, read as the library is loaded: where it cannot be, nothing runs.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "machine/suppressions.h"

namespace emulator {
namespace {

constexpr int kUsageStatus = 2;

[[noreturn]] void refuse(const char* path, const char* why) {
  std::fprintf(stderr, "emulator: %s: %s\n", path, why);
  _exit(kUsageStatus);
}

__attribute__((constructor)) void read_suppressions() {
  const char* const path = std::getenv("TENDON_EMULATOR_SUPPRESSIONS");
  if (path == nullptr || *path == '\0') return;
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file.is_open() || text.bad()) refuse(path, "cannot read this file of suppressions");
  try {
    reports().suppress(parse_suppressions(text.str()), path);
  } catch (const std::invalid_argument& error) {
    refuse(path, error.what());
  }
}

}  // namespace
}  // namespace emulator
