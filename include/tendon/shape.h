// Shape and Axes: small value types, no allocation.
#pragma once

#include <tendon/export.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <ranges>
#include <span>
#include <string>

namespace tendon {

inline constexpr int kMaxRank = 8;

namespace detail {
[[noreturn]] TENDON_API void throw_rank(std::size_t rank);

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;
template <class R>
concept IntegerRange = std::ranges::contiguous_range<R> && Integer<std::ranges::range_value_t<R>>;
}  // namespace detail

// Extents, outermost first. Shape{} is a scalar. A rank above 8 throws ShapeError. reshape and
// slice read an extent of -1 as "what is left"; every other use of a negative extent throws there.
class Shape {
 public:
  constexpr Shape() = default;
  template <detail::Integer... I>
  requires(sizeof...(I) > 0) constexpr Shape(I... extents) {
    append(std::array<std::int64_t, sizeof...(I)>{static_cast<std::int64_t>(extents)...});
  }
  template <detail::IntegerRange R>
  constexpr Shape(const R& extents) {
    append(extents);
  }

  constexpr int rank() const { return rank_; }
  constexpr std::int64_t operator[](int axis) const {
    return extents_[static_cast<std::size_t>(axis)];
  }
  constexpr std::int64_t& operator[](int axis) { return extents_[static_cast<std::size_t>(axis)]; }
  constexpr const std::int64_t* begin() const { return extents_.data(); }
  constexpr const std::int64_t* end() const { return extents_.data() + rank_; }
  // Number of elements. ShapeError from the op that makes it where this exceeds int64.
  constexpr std::int64_t size() const {
    std::int64_t product = 1;
    for (const std::int64_t extent : *this) product *= extent;
    return product;
  }
  constexpr void push_back(std::int64_t extent) {
    if (rank_ == kMaxRank) detail::throw_rank(kMaxRank + 1);
    extents_[static_cast<std::size_t>(rank_++)] = extent;
  }
  friend constexpr bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }

 private:
  template <class R>
  constexpr void append(const R& extents) {
    for (const auto extent : extents) push_back(static_cast<std::int64_t>(extent));
  }
  std::array<std::int64_t, kMaxRank> extents_{};
  std::int32_t rank_ = 0;
};

// A list of axes; a negative axis counts from the end. Empty means every axis where an op takes it
// so.
class Axes {
 public:
  constexpr Axes() = default;
  template <detail::Integer... I>
  requires(sizeof...(I) > 0) constexpr Axes(I... axes) {
    (push_back(static_cast<std::int64_t>(axes)), ...);
  }
  template <detail::IntegerRange R>
  constexpr Axes(const R& axes) {
    for (const auto axis : axes) push_back(static_cast<std::int64_t>(axis));
  }
  constexpr int count() const { return count_; }
  constexpr int operator[](int i) const { return axes_[static_cast<std::size_t>(i)]; }
  constexpr const int* begin() const { return axes_.data(); }
  constexpr const int* end() const { return axes_.data() + count_; }
  constexpr void push_back(std::int64_t axis) {
    if (count_ == kMaxRank) detail::throw_rank(kMaxRank + 1);
    // No tensor has an axis beyond kMaxRank; an op says so, as long as it is not cut down to one
    // that there is.
    constexpr std::int64_t kFar = 1'000'000;
    axes_[static_cast<std::size_t>(count_++)] = static_cast<int>(std::clamp(axis, -kFar, kFar));
  }
  friend constexpr bool operator==(const Axes&, const Axes&) = default;

 private:
  std::array<int, kMaxRank> axes_{};
  int count_ = 0;
};

TENDON_API std::string to_string(const Shape&);  // (64, 12), (3,), ()
TENDON_API std::ostream& operator<<(std::ostream&, const Shape&);
TENDON_API std::ostream& operator<<(std::ostream&, const Axes&);

}  // namespace tendon
