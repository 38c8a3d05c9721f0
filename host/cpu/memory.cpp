#include "host/cpu/memory.h"

#include <malloc.h>
#include <tendon/error.h>

#include <algorithm>
#include <bit>
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

// A block is at most a quarter larger than what was asked for, or so much.
constexpr std::int64_t kRounding = 4096;

#ifdef __SANITIZE_ADDRESS__
constexpr bool kKeeps = false;  // a block that is kept is one whose misuse is not seen
#else
constexpr bool kKeeps = true;
#endif

// Four sizes for each power of two, so that a block fits many requests and wastes little.
std::size_t block_size(std::size_t bytes) {
  const std::size_t least = std::max<std::size_t>(bytes, 64);
  const std::size_t step = std::bit_ceil(least) / 8;
  return std::max<std::size_t>(step, 64) * ((least - 1) / std::max<std::size_t>(step, 64) + 1);
}

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

void* Memory::find_kept(std::size_t size) {
  const std::scoped_lock lock(mutex_);
  const auto found = kept_.find(size);
  if (found == kept_.end() || found->second.empty()) return nullptr;
  void* memory = found->second.back();
  found->second.pop_back();
  kept_bytes_ -= static_cast<std::int64_t>(size);
  return memory;
}

void Memory::free_kept() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    drop_kept();
  }
#ifdef __GLIBC__
  ::malloc_trim(0);  // small blocks would stay in the heap
#endif
}

void Memory::drop_kept() noexcept {
  for (auto& [size, blocks] : kept_) {
    for (void* block : blocks) ::operator delete(block, kAlignment);
    blocks.clear();
  }
  kept_bytes_ = 0;
}

void* Memory::allocate(std::size_t bytes, const char* op, Place place) {
  const auto asked = static_cast<std::int64_t>(bytes);
  const std::size_t size = bytes >= kLarge ? bytes : block_size(bytes);
  void* memory = find_kept(size);
  std::int64_t available = -1;
  // Once as things are, and once more with what was kept given back.
  for (int attempt = 0; memory == nullptr && attempt < 2; ++attempt) {
    if (attempt == 1) free_kept();
    available = bytes >= kLarge ? available_bytes() : -1;
    if (available < 0 || asked <= available) {
      memory = ::operator new(size, kAlignment, std::nothrow);
    }
    if (memory != nullptr) taken_.fetch_add(1, std::memory_order_relaxed);
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
  const std::size_t size = bytes >= kLarge ? bytes : block_size(bytes);
  if (kKeeps) {
    const std::scoped_lock lock(mutex_);
    // What is kept of other sizes may be of a time that is over.
    const std::int64_t most = peak_bytes() + peak_bytes() / 4 + kRounding;
    if (kept_bytes_ + static_cast<std::int64_t>(size) > most) drop_kept();
    const std::int64_t kept = kept_bytes_ + static_cast<std::int64_t>(size);
    if (kept <= most) {
      try {
        kept_[size].push_back(memory);
        kept_bytes_ = kept;
        return;
      } catch (const std::bad_alloc&) {
        // It is given back then.
      }
    }
  }
  ::operator delete(memory, kAlignment);
}

}  // namespace tendon::cpu
