#include "runtime/context.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <string_view>

#include "runtime/finish.h"

namespace emulator {
namespace {

constexpr std::uint64_t kMostDevices = 16;

std::string text_from(const char* variable) {
  const char* text = std::getenv(variable);
  return text ? text : "";
}

// What a variable is set to and nobody can read is said, and taken as if it were not set.
void cannot_read(const char* variable, std::string_view value) {
  std::fprintf(stderr, "emulator: %s: cannot read \"%.*s\"\n", variable,
               static_cast<int>(value.size()), value.data());
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise, std::uint64_t least,
                          std::uint64_t most) {
  const std::string text = text_from(variable);
  if (text.empty()) return otherwise;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && least <= number && number <= most)
    return number;
  cannot_read(variable, text);
  return otherwise;
}

Options options_from_environment(Findings& findings) {
  constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
  Options options;
  options.seed = number_from("TENDON_EMULATOR_SEED", options.seed, 0, kAny);
  options.step_budget = number_from("TENDON_EMULATOR_STEPS", options.step_budget, 1, kAny);
  const std::string blocks = text_from("TENDON_EMULATOR_BLOCKS");
  options.random_blocks = blocks == "random";
  if (!blocks.empty() && !options.random_blocks) cannot_read("TENDON_EMULATOR_BLOCKS", blocks);
  std::istringstream checks(text_from("TENDON_EMULATOR_CHECKS"));
  for (std::string check; std::getline(checks, check, ',');) {
    if (check == "-races")
      options.check_races = false;
    else if (check == "-unwritten")
      options.check_unwritten = false;
    else if (check == "-order")
      options.check_order = false;
    else if (check == "-barriers")
      options.check_barriers = false;
    else if (check == "-host")
      options.check_host = false;
    else if (check == "-calls")
      findings.checks_calls = false;
    else if (check == "-leaks")
      findings.checks_leaks = false;
    else if (check == "-refusals")
      findings.checks_refusals = false;
    else
      cannot_read("TENDON_EMULATOR_CHECKS", check);
  }
  return options;
}

int device_count_from_environment() {
  static const auto count =
      static_cast<int>(number_from("TENDON_EMULATOR_DEVICES", 1, 0, kMostDevices));
  return count;
}

}  // namespace

Context::Context()
    : options(options_from_environment(findings)),
      random(options.seed),
      devices(static_cast<std::size_t>(device_count_from_environment())),
      memory(device_count_from_environment(), DeviceProperties::kMemoryBytes),
      guard(HostGuard::instance()) {
  watch_exit();
  memory.checks_writes = options.check_unwritten;
  memory.checks_order = options.check_order;
  guard.protects = options.check_host;
  memory.set_order(
      [this](WorkId a, WorkId b) {
        // Only running work asks; what the host does itself, it does after waiting.
        if (!running || running->id != b) return true;
        return a == b || order.ordered(a, running->clock, running->enqueued_at);
      },
      [this](WorkId work) { return order.describe(work); });
  for (Device& device : devices) {
    device.index = static_cast<int>(&device - devices.data());
    device.legacy_stream = std::make_unique<Stream>();
    device.legacy_stream->device = device.index;
    device.legacy_stream->is_legacy = true;
    device.legacy_stream->chain = order.new_chain();
    device.default_pool = pools.make();
    device.default_pool->device = device.index;
    device.pool = device.default_pool;
  }
}

Context& context() {
  static auto* state = new Context;
  return *state;
}

ThreadState& thread_state() {
  thread_local ThreadState state;
  return state;
}

}  // namespace emulator
