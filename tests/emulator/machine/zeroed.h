// Vectors that begin with zeros and take no memory where nothing has touched them.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <vector>

namespace emulator {

// calloc gives pages of the system that are zero and not there before their first use; writing
// zeros into new elements, as a vector does, would bring all of them.
template <class T>
struct ZeroedAllocator {
  static_assert(std::is_trivial_v<T>);
  using value_type = T;
  ZeroedAllocator() = default;
  template <class Other>
  ZeroedAllocator(const ZeroedAllocator<Other>&) {}
  T* allocate(std::size_t count) {
    void* memory = std::calloc(count, sizeof(T));
    if (!memory) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) { std::free(memory); }
  template <class Made>
  void construct(Made*) {}
  bool operator==(const ZeroedAllocator&) const = default;
};

// To be resized once: what a vector shrinks away and grows again is not zero.
template <class T>
using ZeroedVector = std::vector<T, ZeroedAllocator<T>>;

}  // namespace emulator
