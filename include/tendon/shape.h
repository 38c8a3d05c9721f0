// Shape and Axes: small value types, no allocation.
#pragma once

#include <tendon/export.h>
#include <tendon/place.h>

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

class Shape;
class Axes;

namespace detail {
[[noreturn]] TENDON_API void throw_rank(const char* type, std::size_t rank, Place);
// Counts a negative axis from the end; ShapeError where there is none.
TENDON_API std::size_t axis_from_end(int axis, const Shape&);
TENDON_API std::size_t axis_from_end(int axis, const Axes&);

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;
template <class R>
concept IntegerRange = std::ranges::contiguous_range<R> && Integer<std::ranges::range_value_t<R>>;

// The first of more numbers than a tensor has axes: it tells where they were written.
struct FirstOfTooMany {
  template <Integer I>
  constexpr FirstOfTooMany(I, Place written = Place::current()) : place(written) {}
  Place place;
};
}  // namespace detail

// Extents, outermost first. Shape{} is a scalar. A rank above 8 throws ShapeError. reshape and
// slice read an extent of -1 as "what is left"; every other use of a negative extent throws there.
class Shape {
 public:
  constexpr Shape() = default;
  template <detail::Integer... I>
  requires(sizeof...(I) > 0 && sizeof...(I) <= kMaxRank) constexpr Shape(I... extents)
      : extents_{static_cast<std::int64_t>(extents)...}, rank_(sizeof...(I)) {}
  template <detail::Integer... I>
  requires(sizeof...(I) >= kMaxRank) Shape(detail::FirstOfTooMany first, I...) {
    detail::throw_rank("Shape", sizeof...(I) + 1, first.place);
  }
  template <detail::IntegerRange R>
  constexpr Shape(const R& extents, Place place = Place::current()) {
    for (const auto extent : extents) push_back(static_cast<std::int64_t>(extent), place);
  }

  constexpr int rank() const { return rank_; }
  // A negative axis counts from the end. ShapeError for one that the shape does not have.
  constexpr std::int64_t operator[](int axis) const { return extents_[index(axis)]; }
  constexpr std::int64_t& operator[](int axis) { return extents_[index(axis)]; }
  constexpr const std::int64_t* begin() const { return extents_.data(); }
  constexpr const std::int64_t* end() const { return extents_.data() + rank_; }
  // Number of elements. ShapeError from the op that makes it where this exceeds int64.
  constexpr std::int64_t size() const {
    std::int64_t product = 1;
    for (const std::int64_t extent : *this) product *= extent;
    return product;
  }
  constexpr void push_back(std::int64_t extent, Place place = Place::current()) {
    if (rank_ == kMaxRank) detail::throw_rank("Shape", kMaxRank + 1, place);
    extents_[static_cast<std::size_t>(rank_++)] = extent;
  }
  friend constexpr bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_;
         ++i) {  // by hand: few extents, for which memcmp is not worth a call
      if (a.begin()[i] != b.begin()[i]) return false;
    }
    return true;
  }

 private:
  constexpr std::size_t index(int axis) const {
    if (static_cast<unsigned>(axis) < static_cast<unsigned>(rank_)) [[likely]]
      return static_cast<std::size_t>(axis);
    return detail::axis_from_end(axis, *this);
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
  requires(sizeof...(I) > 0 && sizeof...(I) <= kMaxRank) constexpr Axes(I... axes) {
    (push_back(static_cast<std::int64_t>(axes)), ...);
  }
  template <detail::Integer... I>
  requires(sizeof...(I) >= kMaxRank) Axes(detail::FirstOfTooMany first, I...) {
    detail::throw_rank("Axes", sizeof...(I) + 1, first.place);
  }
  template <detail::IntegerRange R>
  constexpr Axes(const R& axes, Place place = Place::current()) {
    for (const auto axis : axes) push_back(static_cast<std::int64_t>(axis), place);
  }
  constexpr int count() const { return count_; }
  // A negative position counts from the end. ShapeError for one that the list does not have.
  constexpr int operator[](int i) const {
    const bool is_there = static_cast<unsigned>(i) < static_cast<unsigned>(count_);
    return axes_[is_there ? static_cast<std::size_t>(i) : detail::axis_from_end(i, *this)];
  }
  constexpr const int* begin() const { return axes_.data(); }
  constexpr const int* end() const { return axes_.data() + count_; }
  constexpr void push_back(std::int64_t axis, Place place = Place::current()) {
    if (count_ == kMaxRank) detail::throw_rank("Axes", kMaxRank + 1, place);
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
