#include "runtime/finish.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <mutex>
#include <string_view>

#include "runtime/context.h"
#include "runtime/counters_json.h"

namespace emulator {
namespace {

constexpr int kStrictStatus = 86;

// Work that is unfinished now is dropped, as on a real device.
void finish() {
  Context& state = context();
  // A thread that is killed with the process may hold the lock for ever.
  const std::unique_lock lock(state.mutex, std::try_to_lock);
  if (const char* path = std::getenv("TENDON_EMULATOR_REPORT")) {
    std::ofstream file(path);
    file << counters_json(state, true) << "\n";
    if (!file.good()) std::fprintf(stderr, "emulator: cannot write %s\n", path);
  }
  reports().end_launch();  // another thread may be in one
  reports().print_suppressions();
  const std::size_t count = reports().count();
  if (count == 0) return;
  std::fprintf(stderr, "emulator: %zu %s in all\n", count, count == 1 ? "report" : "reports");
  const char* strict = std::getenv("TENDON_EMULATOR_STRICT");
  if (!strict || std::string_view(strict) != "1") return;
  std::cout.flush();
  std::fflush(nullptr);
  _exit(kStrictStatus);
}

// A program that is to be reported on may never call the runtime.
__attribute__((constructor)) void begin_if_reported() {
  if (std::getenv("TENDON_EMULATOR_REPORT")) context();
}

}  // namespace

void watch_exit() {
  reports();  // made before, and so destroyed after
  std::atexit(finish);
}

}  // namespace emulator
