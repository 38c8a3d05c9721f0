// Memory for the many small objects of recording: blocks that were freed are handed out again, so
// that a step that records as much as the one before allocates nothing. Each thread keeps its own
// blocks; a block may be freed on another thread than it came from. Under AddressSanitizer every
// block comes from the heap, so that misuse is seen.
#pragma once

#include <cstddef>
#include <vector>

namespace tendon::support {

void* pool_allocate(std::size_t bytes);
void pool_free(void* block, std::size_t bytes) noexcept;

template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return static_cast<T*>(pool_allocate(count * sizeof(T))); }
  void deallocate(T* block, std::size_t count) noexcept { pool_free(block, count * sizeof(T)); }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

template <class T>
using PoolVector = std::vector<T, PoolAllocator<T>>;

}  // namespace tendon::support
