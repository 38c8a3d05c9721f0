#include "runtime/finish.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/context.h"
#include "runtime/counters_json.h"
#include "runtime/idle.h"
#include "runtime/status.h"

namespace emulator {
namespace {

constexpr int kStrictStatus = 86;

}  // namespace

void find_leaks(Context& state, std::optional<int> device) {
  struct Sum {
    std::size_t blocks = 0, bytes = 0;
  };
  std::map<std::string, Sum> by_label;
  state.blocks.for_each([&](const Block& block) {
    // A graph's memory is its node's, and what is registered is the program's own. Work that frees
    // and was never waited for is dropped with the process, and freed all the same.
    if (device && block.device != *device) return;
    if (block.is_of_graph || block.is_free_enqueued || block.kind == Block::Kind::registered)
      return;
    // After a fault nothing can be freed.
    if (state.devices[static_cast<std::size_t>(block.device)].fault != cudaSuccess) return;
    const Allocation* allocation = state.memory.find(block.begin);
    Sum& sum = by_label[allocation ? allocation->label : ""];
    ++sum.blocks;
    sum.bytes += block.bytes;
  });
  for (const auto& [label, sum] : by_label) {
    state.findings.leak(std::to_string(sum.bytes) + " bytes of " + label + ", in " +
                        std::to_string(sum.blocks) + (sum.blocks == 1 ? " block" : " blocks") +
                        ", were never freed");
  }
}

namespace {

// Work that is unfinished now is dropped, as on a real device.
void finish() {
  Context& state = context();
  stop_idle_work(state);
  // A thread that is killed with the process may hold the lock for ever.
  const std::unique_lock lock(state.mutex, std::try_to_lock);
  if (const char* path = std::getenv("TENDON_EMULATOR_REPORT")) {
    std::ofstream file(path);
    file << counters_json(state, true) << "\n";
    if (!file.good()) std::fprintf(stderr, "emulator: cannot write %s\n", path);
  }
  reports().end_launch();  // another thread may be in one
  reports().print_suppressions();
  find_leaks(state);
  state.findings.print_rest();
  const std::size_t count = reports().count();
  if (count == 0 && state.findings.count() == 0) return;
  note_found();
  if (count != 0)
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
