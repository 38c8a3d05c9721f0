#include "host/cpu/memory.h"

#include <tendon/error.h>

#include <algorithm>
#include <fstream>
#include <new>
#include <string>

#include "host/support/text.h"

namespace tendon::cpu {
namespace {

constexpr std::align_val_t kAlignment{64};
// Blocks from here on are checked against what the machine has left: Linux grants more than it has,
// and ends the process when the pages are touched.
constexpr std::size_t kLarge = std::size_t{64} << 20;

std::int64_t number_in(const char* file) {
  std::ifstream stream(file);
  std::int64_t value = -1;
  return stream >> value ? value : -1;
}

}  // namespace

std::int64_t available_bytes() {
  std::ifstream stream("/proc/meminfo");
  std::string key;
  std::int64_t kibibytes = 0;
  std::string unit;
  std::int64_t available = -1;
  while (stream >> key >> kibibytes) {
    if (key == "MemAvailable:") {
      available = kibibytes * 1024;
      break;
    }
    std::getline(stream, unit);
  }
  const std::int64_t limit = number_in("/sys/fs/cgroup/memory.max");
  const std::int64_t used = number_in("/sys/fs/cgroup/memory.current");
  if (limit > 0 && used >= 0) {
    const std::int64_t left = std::max<std::int64_t>(limit - used, 0);
    available = available < 0 ? left : std::min(available, left);
  }
  return available;
}

void* Memory::allocate(std::size_t bytes, const char* op, Place place) {
  const auto asked = static_cast<std::int64_t>(bytes);
  void* memory = nullptr;
  const std::int64_t available = bytes >= kLarge ? available_bytes() : -1;
  if (available < 0 || asked <= available) {
    memory = ::operator new(std::max<std::size_t>(bytes, 1), kAlignment, std::nothrow);
  }
  if (memory == nullptr) {
    const std::int64_t free = available < 0 ? available_bytes() : available;
    throw OutOfMemory(
        fmt::format("out of memory on cpu: {} for {}; {} in use by values, {} free on the machine",
                    support::text_bytes(asked), std::string(op) + support::at(place),
                    support::text_bytes(in_use_bytes()), support::text_bytes(free)),
        asked, in_use_bytes(), free);
  }
  const std::int64_t now = in_use_.fetch_add(asked, std::memory_order_relaxed) + asked;
  std::int64_t peak = peak_.load(std::memory_order_relaxed);
  while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
  return memory;
}

void Memory::deallocate(void* memory, std::size_t bytes) noexcept {
  if (memory == nullptr) return;
  in_use_.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  ::operator delete(memory, kAlignment);
}

}  // namespace tendon::cpu
