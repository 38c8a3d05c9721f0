// List: the argument of a function that takes several values. Its memory, and that of the lists
// that a training step is answered with, is handed out again when it was freed.
#pragma once

#include <tendon/export.h>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <ranges>
#include <span>
#include <type_traits>
#include <vector>

namespace tendon::detail {

TENDON_API void* take_memory(std::size_t bytes);
TENDON_API void give_memory(void* block, std::size_t bytes) noexcept;

template <class T>
struct ListAllocator {
  using value_type = T;
  ListAllocator() = default;
  template <class U>
  ListAllocator(const ListAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return static_cast<T*>(take_memory(count * sizeof(T))); }
  void deallocate(T* block, std::size_t count) noexcept { give_memory(block, count * sizeof(T)); }
  friend bool operator==(const ListAllocator&, const ListAllocator&) { return true; }
};

template <class T>
using ListVector = std::vector<T, ListAllocator<T>>;

// The argument of a function that takes several Ts: a span, an initializer list, or any contiguous
// range of things that convert to T. Lives as long as the call.
template <class T>
class List {
 public:
  List(std::initializer_list<T> values) : view_(values.begin(), values.size()) {}
  template <std::ranges::contiguous_range R>
  requires std::convertible_to<std::ranges::range_reference_t<const R>, T> List(const R& values) {
    if constexpr (std::is_same_v<std::remove_cv_t<std::ranges::range_value_t<R>>, T>) {
      view_ = std::span<const T>(std::ranges::data(values), std::ranges::size(values));
    } else {
      owned_.assign(std::ranges::begin(values), std::ranges::end(values));
      view_ = owned_;
    }
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() = default;

  std::size_t size() const { return view_.size(); }
  const T& operator[](std::size_t i) const { return view_[i]; }
  auto begin() const { return view_.begin(); }
  auto end() const { return view_.end(); }

 private:
  ListVector<T> owned_;
  std::span<const T> view_;
};

}  // namespace tendon::detail
