// IdMap: values by 32-bit ids, in one block of memory. For maps that are made and filled often,
// where a node of std::unordered_map an entry costs more than the work.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tendon::support {

// Any id but the greatest. Pointers to values hold until an id is added or erased.
template <class T>
class IdMap {
 public:
  struct Entry {
    std::uint32_t id = kNone;
    T value{};
  };

  std::size_t size() const { return size_; }
  bool contains(std::uint32_t id) const { return find(id) != nullptr; }
  const T* find(std::uint32_t id) const {
    if (entries_.empty()) return nullptr;
    for (std::size_t at = home(id);; at = after(at)) {
      if (entries_[at].id == id) return &entries_[at].value;
      if (entries_[at].id == kNone) return nullptr;
    }
  }
  T* find(std::uint32_t id) { return const_cast<T*>(std::as_const(*this).find(id)); }

  // The value of the id, and whether it was added.
  std::pair<T*, bool> try_emplace(std::uint32_t id, const T& value) {
    if (T* const found = find(id)) return {found, false};
    if (4 * (size_ + 1) > 3 * entries_.size()) grow();
    ++size_;
    return {place(id, value), true};
  }
  bool erase(std::uint32_t id) {
    const T* const found = find(id);
    if (found == nullptr) return false;
    std::size_t hole = home(id);
    while (entries_[hole].id != id) hole = after(hole);
    // An entry behind the hole moves into it unless its home lies between them.
    for (std::size_t at = after(hole); entries_[at].id != kNone; at = after(at)) {
      const std::size_t mask = entries_.size() - 1;
      if (((at - home(entries_[at].id)) & mask) < ((at - hole) & mask)) continue;
      entries_[hole] = std::move(entries_[at]);
      hole = at;
    }
    entries_[hole] = {};
    --size_;
    return true;
  }
  void clear() {
    entries_.clear();
    size_ = 0;
  }
  // For each entry, in no order: f(id, value).
  template <class F>
  void for_each(F&& f) const {
    for (const Entry& entry : entries_) {
      if (entry.id != kNone) f(entry.id, entry.value);
    }
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr std::size_t kLeast = 8;

  std::size_t home(std::uint32_t id) const {
    return (id * std::uint64_t{0x9E3779B97F4A7C15}) >> (64 - std::countr_zero(entries_.size()));
  }
  std::size_t after(std::size_t at) const { return (at + 1) & (entries_.size() - 1); }
  T* place(std::uint32_t id, T value) {
    std::size_t at = home(id);
    while (entries_[at].id != kNone) at = after(at);
    entries_[at] = {id, std::move(value)};
    return &entries_[at].value;
  }
  void grow() {
    std::vector<Entry> old(entries_.empty() ? kLeast : 2 * entries_.size());
    old.swap(entries_);
    for (Entry& entry : old) {
      if (entry.id != kNone) place(entry.id, std::move(entry.value));
    }
  }

  std::vector<Entry> entries_;  // a power of two of them, a quarter of them free at least
  std::size_t size_ = 0;
};

}  // namespace tendon::support
