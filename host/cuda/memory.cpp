#include "host/cuda/memory.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "host/support/text.h"

namespace tendon::cuda {
namespace {

// Four sizes for each power of two, so that a block fits many requests and wastes little.
std::size_t block_size(std::size_t bytes) {
  const std::size_t least = std::max<std::size_t>(bytes, 512);
  const std::size_t step = std::max<std::size_t>(std::bit_ceil(least) / 8, 512);
  return (least + step - 1) / step * step;
}

}  // namespace

void* Memory::allocate(std::size_t bytes, const char* op, Place place) {
  const std::size_t size = block_size(bytes);
  void* memory = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    const auto kept = kept_.find(size);
    if (kept != kept_.end() && !kept->second.empty()) {
      memory = kept->second.back();
      kept->second.pop_back();
    }
  }
  if (memory == nullptr) {
    const DeviceScope scope(device_);
    cudaError_t status = cudaMalloc(&memory, size);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      free_kept();
      status = cudaMalloc(&memory, size);
    }
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      std::size_t free = 0, total = 0;
      const bool is_known = cudaMemGetInfo(&free, &total) == cudaSuccess;
      const std::int64_t left = is_known ? static_cast<std::int64_t>(free) : -1;
      throw OutOfMemory(
          fmt::format("{}{}: no memory for {} on cuda:{}; tendon's values hold {}, {} is free", op,
                      support::at(place), support::text_bytes(static_cast<std::int64_t>(bytes)),
                      device_, support::text_bytes(in_use_bytes()),
                      is_known ? support::text_bytes(left) : "an unknown amount"),
          static_cast<std::int64_t>(bytes), in_use_bytes(), left);
    }
    check(status, "cudaMalloc");
  }
  const std::int64_t now =
      in_use_.fetch_add(static_cast<std::int64_t>(bytes)) + static_cast<std::int64_t>(bytes);
  std::int64_t peak = peak_.load();
  while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
  }
  return memory;
}

void Memory::deallocate(void* memory, std::size_t bytes) noexcept {
  in_use_.fetch_sub(static_cast<std::int64_t>(bytes));
  const std::scoped_lock lock(mutex_);
  std::vector<void*>& blocks = kept_[block_size(bytes)];
  blocks.insert(std::ranges::upper_bound(blocks, memory, std::greater<>()), memory);
}

void Memory::free_kept() noexcept {
  const std::scoped_lock lock(mutex_);
  for (auto& [size, blocks] : kept_) {
    for (void* block : blocks) cudaFree(block);
  }
  kept_.clear();
}

}  // namespace tendon::cuda
