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

constexpr std::uintptr_t kAlignment = 256;

// Of the caller's allocator, which need not know what a block of no bytes is.
std::size_t asked_bytes(std::size_t bytes) { return std::max<std::size_t>(bytes, 1); }

void give(const Allocator& to, void* memory, std::size_t bytes, cudaStream_t stream) noexcept {
  try {
    to.deallocate(memory, asked_bytes(bytes), Stream(stream));
  } catch (...) {
    // Whoever gave it has to know.
  }
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
    kept_bytes_ -= static_cast<std::int64_t>(kept->first);
  }
  count_allocated(bytes);
  return memory;
}

void* Memory::allocate(std::size_t bytes, const char* op, Place place) {
  if (void* kept = reuse(bytes)) return kept;
  std::shared_ptr<const Allocator> allocator;
  {
    const std::scoped_lock lock(mutex_);
    allocator = allocator_;
  }
  if (allocator) return take(allocator, bytes, op + support::at(place));
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

void* Memory::take(const std::shared_ptr<const Allocator>& from, std::size_t bytes,
                   const std::string& what) {
  const auto refuse = [&](const std::string& why) {
    throw OutOfMemory(
        fmt::format("{}: the allocator that was set has no memory for {} on cuda:{}{}", what,
                    support::text_bytes(static_cast<std::int64_t>(bytes)), device_, why),
        static_cast<std::int64_t>(bytes), 0, -1);
  };
  void* memory = nullptr;
  try {
    memory = from->allocate(asked_bytes(bytes), Stream(stream_));
  } catch (const std::exception& error) {
    refuse(fmt::format(": {}", error.what()));
  } catch (...) {
    refuse(": it threw");
  }
  if (memory == nullptr) refuse("");
  if (reinterpret_cast<std::uintptr_t>(memory) % kAlignment != 0) {
    give(*from, memory, bytes, stream_);
    throw DeviceError(fmt::format(
        "{}: the allocator that was set for cuda:{} gave {}, which is not aligned to {} bytes",
        what, device_, memory, kAlignment));
  }
  try {
    const std::scoped_lock lock(mutex_);
    lent_.emplace(memory, from);
  } catch (...) {
    give(*from, memory, bytes, stream_);
    throw;
  }
  count_allocated(bytes);
  return memory;
}

void Memory::set_allocator(std::shared_ptr<const Allocator> allocator) {
  {
    const std::scoped_lock lock(mutex_);
    allocator_ = std::move(allocator);
  }
  give_back_spare();
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
  std::shared_ptr<const Allocator> lender;
  {
    const std::scoped_lock lock(mutex_);
    if (const auto lent = lent_.find(memory); lent != lent_.end()) {
      lender = std::move(lent->second);
      lent_.erase(lent);
    } else {
      std::vector<void*>& blocks = kept_[block_size(bytes)];
      blocks.insert(std::ranges::upper_bound(blocks, memory, std::greater<>()), memory);
      kept_bytes_ += static_cast<std::int64_t>(block_size(bytes));
    }
  }
  if (lender) give(*lender, memory, bytes, stream_);
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
    const std::size_t freed = std::erase_if(blocks, [](void* block) {
      const cudaError_t status = cudaFree(block);
      forget(status);
      return status == cudaSuccess;
    });
    kept_bytes_ -= static_cast<std::int64_t>(freed * size);
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
