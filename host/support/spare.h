// Spare: an object that is needed for a moment, whose memory serves again the next time.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace tendon::support {

// Holds a T for as long as it lives. T has clear(), which empties it, and held_bytes(), about what
// it keeps then; one that keeps much is not kept.
template <class T>
class Spare {
 public:
  Spare() : object_(take()) {}
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
  ~Spare() {
    object_->clear();
    if (object_->held_bytes() > kMostBytes) return;
    const std::scoped_lock lock(shelf().mutex);
    if (shelf().objects.size() < kMost) shelf().objects.push_back(std::move(object_));
  }
  T* operator->() const { return object_.get(); }
  T& operator*() const { return *object_; }

 private:
  static constexpr std::size_t kMost = 16;
  static constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  struct Shelf {
    std::mutex mutex;
    std::vector<std::unique_ptr<T>> objects;
  };
  static Shelf& shelf() {
    static auto* instance = [] {  // never destroyed: a static's destructor may compute
      auto* made = new Shelf;
      made->objects.reserve(kMost);
      return made;
    }();
    return *instance;
  }
  static std::unique_ptr<T> take() {
    {
      const std::scoped_lock lock(shelf().mutex);
      if (!shelf().objects.empty()) {
        std::unique_ptr<T> object = std::move(shelf().objects.back());
        shelf().objects.pop_back();
        return object;
      }
    }
    return std::make_unique<T>();
  }

  std::unique_ptr<T> object_;
};

}  // namespace tendon::support
