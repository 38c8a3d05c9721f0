#include "runtime/context.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "runtime/finish.h"

namespace emulator {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::string text_from(const char* variable) {
  const char* text = std::getenv(variable);
  return text ? text : "";
}

Options options_from_environment() {
  Options options;
  options.seed = number_from("TENDON_EMULATOR_SEED", options.seed);
  options.random_blocks = text_from("TENDON_EMULATOR_BLOCKS") == "random";
  options.step_budget = number_from("TENDON_EMULATOR_STEPS", options.step_budget);
  const std::string checks = text_from("TENDON_EMULATOR_CHECKS");
  const auto is_on = [&](std::string_view off) { return checks.find(off) == std::string::npos; };
  options.check_races = is_on("-races");
  options.check_unwritten = is_on("-unwritten");
  options.check_order = is_on("-order");
  options.check_barriers = is_on("-barriers");
  return options;
}

int device_count_from_environment() {
  return static_cast<int>(std::min<std::uint64_t>(number_from("TENDON_EMULATOR_DEVICES", 1), 16));
}

}  // namespace

Context::Context()
    : options(options_from_environment()),
      random(options.seed),
      devices(static_cast<std::size_t>(device_count_from_environment())),
      memory(device_count_from_environment(), DeviceProperties::kMemoryBytes),
      guard(HostGuard::instance()) {
  watch_exit();
  memory.checks_writes = options.check_unwritten;
  memory.checks_order = options.check_order;
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
