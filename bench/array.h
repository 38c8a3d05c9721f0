// A contiguous array in memory of its own, as every contestant of a benchmark reads and writes it.
// Of the language and its library alone, so that what cannot include tendon's headers can include
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace tendon::bench {

enum class Element { f32, f64, i32 };

class Array {
 public:
  static constexpr std::size_t kAlignment = 64;

  Array(Element element, std::vector<std::int64_t> shape)
      : element_(element), shape_(std::move(shape)) {
    for (const std::int64_t extent : shape_) size_ *= extent;
    const std::size_t padded = (bytes() + kAlignment) / kAlignment * kAlignment;
    memory_.reset(std::aligned_alloc(kAlignment, padded));
  }

  Element element() const { return element_; }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  std::int64_t size() const { return size_; }
  std::size_t bytes() const {
    return static_cast<std::size_t>(size_) * (element_ == Element::f64 ? 8 : 4);
  }
  void* data() const { return memory_.get(); }
  template <class T>
  T* as() const {
    return static_cast<T*>(memory_.get());
  }
  double at(std::int64_t i) const {
    switch (element_) {
      case Element::f32: return static_cast<double>(as<float>()[i]);
      case Element::f64: return as<double>()[i];
      case Element::i32: break;
    }
    return as<std::int32_t>()[i];
  }
  void set(std::int64_t i, double value) {
    switch (element_) {
      case Element::f32: as<float>()[i] = static_cast<float>(value); return;
      case Element::f64: as<double>()[i] = value; return;
      case Element::i32: as<std::int32_t>()[i] = static_cast<std::int32_t>(value); return;
    }
  }

 private:
  struct Free {
    void operator()(void* block) const { std::free(block); }
  };
  Element element_;
  std::vector<std::int64_t> shape_;
  std::int64_t size_ = 1;
  std::unique_ptr<void, Free> memory_;
};

}  // namespace tendon::bench
