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

Memory::Memory(int device, cudaStream_t stream) : device_(device), stream_(stream) {
  const DeviceScope scope(device_);
  TENDON_CUDA_CHECK(cudaEventCreateWithFlags(fence_.put(), cudaEventDisableTiming));
}

void* Memory::reuse(std::size_t bytes) noexcept {
  void* memory = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    const auto kept = kept_.find(block_size(bytes));
    if (kept == kept_.end() || kept->second.empty()) return nullptr;
    memory = kept->second.back();
    kept->second.pop_back();
  }
  count_allocated(bytes);
  return memory;
}

void* Memory::allocate(std::size_t bytes, const char* op, Place place) {
  if (void* kept = reuse(bytes)) return kept;
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, block_size(bytes));
  if (status == cudaErrorMemoryAllocation) {
    forget(status);
    throw OutOfMemory(fmt::format("{}{}: no memory for {} on cuda:{}", op, support::at(place),
                                  support::text_bytes(static_cast<std::int64_t>(bytes)), device_),
                      static_cast<std::int64_t>(bytes), 0, -1);
  }
  if (status != cudaSuccess) fail(status, "cudaMalloc", op + support::at(place));
  count_allocated(bytes);
  return memory;
}

void Memory::count_allocated(std::size_t bytes) noexcept {
  const std::int64_t now =
      in_use_.fetch_add(static_cast<std::int64_t>(bytes)) + static_cast<std::int64_t>(bytes);
  std::int64_t peak = peak_.load();
  while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
  }
}

void Memory::deallocate(void* memory, std::size_t bytes) noexcept {
  in_use_.fetch_sub(static_cast<std::int64_t>(bytes));
  const std::scoped_lock lock(mutex_);
  std::vector<void*>& blocks = kept_[block_size(bytes)];
  blocks.insert(std::ranges::upper_bound(blocks, memory, std::greater<>()), memory);
}

void Memory::order_before(cudaStream_t other) {
  const std::scoped_lock lock(fence_mutex_);
  TENDON_CUDA_CHECK(cudaEventRecord(fence_.get(), stream_));
  TENDON_CUDA_CHECK(cudaStreamWaitEvent(other, fence_.get(), 0));
}

void Memory::add(Keeper& keeper) {
  const std::scoped_lock lock(keepers_mutex_);
  keepers_.insert(&keeper);
}

void Memory::remove(Keeper& keeper) noexcept {
  const std::scoped_lock lock(keepers_mutex_);
  keepers_.erase(&keeper);
}

void Memory::give_back_spare() noexcept {
  {
    const std::scoped_lock lock(keepers_mutex_);
    for (Keeper* keeper : keepers_) keeper->give_back();
  }
  free_kept();
}

void Memory::free_kept() noexcept {
  const std::scoped_lock lock(mutex_);
  // Work on the stream may still use what has been given back.
  forget(cudaStreamSynchronize(stream_));
  for (auto& [size, blocks] : kept_) {
    std::erase_if(blocks, [](void* block) {
      const cudaError_t status = cudaFree(block);
      forget(status);
      return status == cudaSuccess;
    });
  }
}

void Memory::throw_with_amounts(const OutOfMemory& error) const {
  std::size_t free = 0, total = 0;
  const cudaError_t status = cudaMemGetInfo(&free, &total);
  forget(status);
  const std::int64_t left = status == cudaSuccess ? static_cast<std::int64_t>(free) : -1;
  const std::int64_t in_use = in_use_bytes();
  throw OutOfMemory(fmt::format("{}; tendon's values hold {}, {} is free", error.what(),
                                support::text_bytes(in_use),
                                left >= 0 ? support::text_bytes(left) : "an unknown amount"),
                    error.requested_bytes(), in_use, left);
}

}  // namespace tendon::cuda
