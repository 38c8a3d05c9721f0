// The objects of one kind that the program holds handles of.
//
// A handle that was never given out, or whose object is destroyed, is told from a live one, so that
// a wrong handle gives an error and not a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>

namespace emulator {

template <class Object>
class Handles {
 public:
  Object* make() {
    auto object = std::make_unique<Object>();
    Object* handle = object.get();
    numbers_[handle] = ++made_;
    objects_[made_] = std::move(object);
    return handle;
  }

  bool holds(const Object* handle) const { return numbers_.count(handle) != 0; }

  void destroy(const Object* handle) {
    auto found = numbers_.find(handle);
    if (found == numbers_.end()) return;
    // Out of the table first: what the destructor does may look here.
    auto node = objects_.extract(found->second);
    numbers_.erase(found);
  }

  // In the order of making, so that a seed gives the same run every time.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [number, object] : objects_) visit(*object);
  }

  std::size_t size() const { return objects_.size(); }

 private:
  std::uint64_t made_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Object>> objects_;
  std::unordered_map<const Object*, std::uint64_t> numbers_;
};

}  // namespace emulator
