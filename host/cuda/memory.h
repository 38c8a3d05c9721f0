// Memory for values on a device, counted. Blocks that are given back are kept for the next of their
// size: all work on values is ordered by the device's one stream, so a block can be used again as
// soon as it is given back. Of several the one at the lowest address is taken, in whatever order
// they came back: so the steps of a loop find their values at the same addresses every second time,
// as their graphs want it.
#pragma once

#include <tendon/tensor.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "host/cuda/runtime.h"

namespace tendon::cuda {

class Memory {
 public:
  explicit Memory(int device) : device_(device) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { free_kept(); }

  // 256-byte aligned. Where the device has none left, what is kept is freed and it is tried once
  // more; then OutOfMemory.
  void* allocate(std::size_t bytes, const char* op, Place place);
  void deallocate(void* memory, std::size_t bytes) noexcept;
  void free_kept() noexcept;
  std::int64_t in_use_bytes() const noexcept { return in_use_.load(std::memory_order_relaxed); }
  std::int64_t peak_bytes() const noexcept { return peak_.load(std::memory_order_relaxed); }

 private:
  int device_;
  std::atomic<std::int64_t> in_use_ = 0;
  std::atomic<std::int64_t> peak_ = 0;
  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> kept_;  // by size, each from the highest address
};

}  // namespace tendon::cuda
