// Memory for values on a device, counted. Blocks that are given back are kept for the next of their
// size: all work on values is ordered by one stream, so a block can be used again as soon as it is
// given back. Who uses blocks on another stream orders that stream after this one before, and this
// one after it before they are given back. Of several blocks the one at the lowest address is
// taken, in whatever order they came back: so the steps of a loop find their values at the same
// addresses every second time, as their graphs want it.
#pragma once

#include <tendon/backend.h>
#include <tendon/tensor.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "host/cuda/runtime.h"

namespace tendon::cuda {

class Memory {
 public:
  // The stream is of the device and outlives the memory.
  Memory(int device, cudaStream_t stream);
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { free_kept(); }

  // 256-byte aligned; the device is current. OutOfMemory where it has none left; `op` and `place`
  // say for what.
  void* allocate(std::size_t bytes, const char* op, Place place);
  // The same of the blocks that are kept, with no call of the runtime; null where none fits.
  void* reuse(std::size_t bytes) noexcept;
  void deallocate(void* memory, std::size_t bytes) noexcept;
  std::int64_t in_use_bytes() const noexcept { return in_use_.load(std::memory_order_relaxed); }
  // Of blocks that nothing holds, as large as they are.
  std::int64_t kept_bytes() const noexcept { return kept_bytes_.load(std::memory_order_relaxed); }
  std::int64_t peak_bytes() const noexcept { return peak_.load(std::memory_order_relaxed); }

  int device() const { return device_; }
  cudaStream_t stream() const { return stream_; }
  // What is enqueued on another stream from here on comes after what is on this one now.
  void order_before(cudaStream_t other);

  // New blocks come from it, and go back to it at once; null: from the device. The blocks of before
  // go back to where they came from.
  void set_allocator(std::shared_ptr<const Allocator> allocator);

  // What keepers can do without and the blocks that are kept go to the device.
  void give_back_spare() noexcept;

  // Holds blocks that it can do without.
  class Keeper {
   public:
    virtual void give_back() noexcept = 0;

   protected:
    ~Keeper() = default;
  };
  void add(Keeper& keeper);
  void remove(Keeper& keeper) noexcept;

  // Runs the action. Where there is too little memory for it, what keepers can do without and the
  // blocks that are kept go to the device, and it runs once more; then OutOfMemory with the
  // amounts.
  template <class Action>
  std::invoke_result_t<Action> with_retry(const Action& action) {
    try {
      return action();
    } catch (const OutOfMemory&) {
      give_back_spare();
    }
    try {
      return action();
    } catch (const OutOfMemory& error) {
      throw_with_amounts(error);
    }
  }

 private:
  void* take(const std::shared_ptr<const Allocator>& from, std::size_t bytes,
             const std::string& what);
  void count_allocated(std::size_t bytes) noexcept;
  void free_kept() noexcept;
  [[noreturn]] void throw_with_amounts(const OutOfMemory& error) const;

  int device_;
  cudaStream_t stream_;
  std::atomic<std::int64_t> in_use_ = 0;
  std::atomic<std::int64_t> peak_ = 0;
  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> kept_;  // by size, each from the highest address
  std::atomic<std::int64_t> kept_bytes_ = 0;        // changed with the mutex held
  std::shared_ptr<const Allocator> allocator_;
  std::unordered_map<void*, std::shared_ptr<const Allocator>> lent_;  // by whom
  std::mutex keepers_mutex_;
  std::set<Keeper*> keepers_;
  std::mutex fence_mutex_;
  EventHandle fence_;  // for order_before
};

// Memory that is given back when its holder goes.
class Block {
 public:
  Block() = default;
  Block(Memory& memory, std::size_t bytes, const char* op, Place place)
      : memory_(&memory), data_(memory.allocate(bytes, op, place)), bytes_(bytes) {}
  Block(Block&& other) noexcept
      : memory_(other.memory_), data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  Block& operator=(Block&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Block() {
    if (data_ != nullptr) memory_->deallocate(data_, bytes_);
  }
  void* data() const { return data_; }

 private:
  Memory* memory_ = nullptr;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace tendon::cuda
