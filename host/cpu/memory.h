// Memory for values on the CPU, counted.
#pragma once

#include <tendon/tensor.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace tendon::cpu {

// Blocks that are given back are kept for the next of their size, since fresh memory costs more
// than most of what is computed in it; no more than the values once took
// together.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { free_kept(); }

  void* allocate(std::size_t bytes, const char* op, Place place);  // 64-byte aligned; OutOfMemory
  void deallocate(void* memory, std::size_t bytes) noexcept;
  std::int64_t in_use_bytes() const noexcept { return in_use_.load(std::memory_order_relaxed); }
  std::int64_t peak_bytes() const noexcept { return peak_.load(std::memory_order_relaxed); }
  std::int64_t kept_bytes() const noexcept { return kept_bytes_.load(std::memory_order_relaxed); }
  void free_kept() noexcept;  // to the system
  // Blocks taken from the system so far.
  std::int64_t taken_count() const noexcept { return taken_.load(std::memory_order_relaxed); }

 private:
  void* find_kept(std::size_t size);
  void drop_kept() noexcept;  // to the heap, with the mutex held

  std::atomic<std::int64_t> in_use_ = 0;
  std::atomic<std::int64_t> peak_ = 0;
  std::atomic<std::int64_t> taken_ = 0;
  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> kept_;  // by size
  std::atomic<std::int64_t> kept_bytes_ = 0;        // changed with the mutex held
};

// What the machine can still give: MemAvailable, or less where a cgroup says so. -1: not known.
std::int64_t available_bytes();

}  // namespace tendon::cpu
