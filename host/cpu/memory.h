// Memory for values on the CPU, counted.
#pragma once

#include <tendon/tensor.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tendon::cpu {

class Memory {
 public:
  void* allocate(std::size_t bytes, const char* op, Place place);  // 64-byte aligned; OutOfMemory
  void deallocate(void* memory, std::size_t bytes) noexcept;
  std::int64_t in_use_bytes() const noexcept { return in_use_.load(std::memory_order_relaxed); }
  std::int64_t peak_bytes() const noexcept { return peak_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> in_use_ = 0;
  std::atomic<std::int64_t> peak_ = 0;
};

// What the machine can still give: MemAvailable, or less where a cgroup says so. -1: not known.
std::int64_t available_bytes();

}  // namespace tendon::cpu
