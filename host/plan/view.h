// View: how the elements of a value lie in the memory of other values. What reshape, transpose,
// broadcast_to, slice, unslice and concat make is a view wherever strides can say it, so that a
// stage reads through it and nothing is copied.
#pragma once

#include <tendon/backend.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>

namespace tendon::plan {

// Elements to go for a step on each axis.
using Strides = std::array<std::int64_t, kMaxRank>;

Strides contiguous(const Shape& shape);

// The elements of a box of the view: index i is base[offset + sum of i[axis] * strides[axis]]. Only
// inside the box need that lie in the base.
struct Piece {
  Ref base;
  std::int64_t offset = 0;
  Strides strides{};
  std::array<std::int64_t, kMaxRank> begin{};  // the box: begin <= i < end on each axis
  std::array<std::int64_t, kMaxRank> end{};

  friend bool operator==(const Piece&, const Piece&) = default;
};

// The pieces of a view. Copies share them until one is changed, since planning copies views often.
class Pieces {
 public:
  Pieces() = default;
  Pieces(std::initializer_list<Piece> pieces);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Piece* begin() const { return first_.get(); }
  const Piece* end() const { return first_.get() + size_; }
  const Piece& operator[](std::size_t i) const { return first_.get()[i]; }
  void append(std::span<const Piece> pieces);
  void push_back(const Piece& piece) { append({&piece, 1}); }
  void clear() { *this = {}; }
  friend bool operator==(const Pieces& a, const Pieces& b) {
    return a.first_ == b.first_ ? a.size_ == b.size_ : std::ranges::equal(a, b);
  }

 private:
  std::shared_ptr<Piece[]> first_;
  std::size_t size_ = 0;
};

// Boxes that do not overlap; an element in none of them is zero.
struct View {
  Shape shape;
  Pieces pieces;

  // Whether one piece gives every element.
  bool is_whole() const;
  // Whether every element is the same one of the base.
  bool is_one_element() const;
  friend bool operator==(const View&, const View&) = default;
};

// Whether element i of the view, in row-major order, is element i of the base.
bool is_row_major(const View& view);

View view_of(Ref base, const Shape& shape);

// The same elements, stretched as in NumPy's broadcasting.
View broadcast(const View& view, const Shape& shape);
// The same elements in row-major order; none where strides cannot say it.
std::optional<View> reshape(const View& view, const Shape& shape);
View transpose(const View& view, const Axes& permutation);
// Whether two axes, with none but of extent 1 between them, can be seen as one.
bool can_collapse(const View& view, int outer, int inner);

// What a view op makes of its operands; none where strides cannot say it.
std::optional<View> apply_view(const Tape& tape, Ref op, std::span<const View> operands);

}  // namespace tendon::plan
