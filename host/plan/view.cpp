#include "host/plan/view.h"

#include <algorithm>
#include <vector>

namespace tendon::plan {
namespace {

std::size_t at(int axis) { return static_cast<std::size_t>(axis); }

// Beyond so many pieces a copy is cheaper than looking for the right one.
constexpr std::size_t kMostPieces = 16;

bool covers(const Piece& piece, const Shape& shape) {
  for (int i = 0; i < shape.rank(); ++i) {
    if (piece.begin[at(i)] > 0 || piece.end[at(i)] < shape[i]) return false;
  }
  return true;
}
bool is_empty(const Piece& piece, int rank) {
  for (int i = 0; i < rank; ++i) {
    if (piece.begin[at(i)] >= piece.end[at(i)]) return true;
  }
  return false;
}

// The view with each piece replaced by what `change` makes of it; those that end up empty are left
// out.
template <class Change>
View changed(const View& view, const Shape& shape, Change&& change) {
  if (view.pieces.size() == 1) {
    const Piece next = change(view.pieces[0]);
    return is_empty(next, shape.rank()) ? View{shape, {}} : View{shape, {next}};
  }
  std::vector<Piece> pieces;
  for (const Piece& piece : view.pieces) {
    const Piece next = change(piece);
    if (!is_empty(next, shape.rank())) pieces.push_back(next);
  }
  View result{shape, {}};
  result.pieces.append(pieces);
  return result;
}

std::int64_t divide_up(std::int64_t a, std::int64_t positive) {
  return a > 0 ? (a - 1) / positive + 1 : -(-a / positive);
}

View slice(const View& view, const Attributes& attributes) {
  const Shape& shape = attributes.shape;
  return changed(view, shape, [&](const Piece& piece) {
    Piece next{piece.base, piece.offset, {}, {}, {}};
    for (int i = 0; i < shape.rank(); ++i) {
      const std::int64_t begin = attributes.begin[i];
      // With one element or none a step of any size is never taken.
      const std::int64_t step = shape[i] > 1 ? attributes.step[i] : 1;
      const std::int64_t first = piece.begin[at(i)];
      const std::int64_t last = piece.end[at(i)] - 1;
      next.offset += begin * piece.strides[at(i)];
      next.strides[at(i)] = step * piece.strides[at(i)];
      const std::int64_t lowest =
          step > 0 ? divide_up(first - begin, step) : divide_up(begin - last, -step);
      const std::int64_t beyond =
          step > 0 ? divide_up(last + 1 - begin, step) : divide_up(begin - first + 1, -step);
      next.begin[at(i)] = std::max<std::int64_t>(lowest, 0);
      next.end[at(i)] = std::min(beyond, shape[i]);
    }
    return next;
  });
}

// The pieces, moved by `by` along each axis into a larger shape.
View moved(const View& view, const Shape& shape, std::span<const std::int64_t> by) {
  return changed(view, shape, [&](const Piece& piece) {
    Piece next = piece;
    for (int i = 0; i < shape.rank(); ++i) {
      next.offset -= by[at(i)] * piece.strides[at(i)];
      next.begin[at(i)] += by[at(i)];
      next.end[at(i)] += by[at(i)];
    }
    return next;
  });
}

std::optional<View> unslice(const View& view, const Attributes& attributes) {
  for (int i = 0; i < view.shape.rank(); ++i) {
    if (attributes.step[i] != 1 && view.shape[i] > 1) return std::nullopt;
  }
  return moved(view, attributes.shape, std::span(attributes.begin.begin(), attributes.begin.end()));
}

std::optional<View> concat(const Shape& shape, int axis, std::span<const View> parts) {
  std::size_t count = 0;
  for (const View& part : parts) count += part.shape.size() == 0 ? 0 : part.pieces.size();
  if (count > kMostPieces) return std::nullopt;
  std::vector<Piece> pieces;
  std::array<std::int64_t, kMaxRank> by{};
  for (const View& part : parts) {
    const View next = moved(part, shape, by);
    pieces.insert(pieces.end(), next.pieces.begin(), next.pieces.end());
    // What no piece gives would be zero, and the parts' own zeros are.
    by[at(axis)] += part.shape[axis];
  }
  View result{shape, {}};
  result.pieces.append(pieces);
  return result;
}

// NumPy's reshape without a copy: runs of old axes that lie as one axis become runs of new ones.
std::optional<Piece> reshape(const Piece& piece, const Shape& from, const Shape& to) {
  Piece next{piece.base, piece.offset, {}, {}, {}};
  int old_axis = 0;
  int new_axis = 0;
  const auto skip_ones = [](const Shape& shape, int& axis) {
    while (axis < shape.rank() && shape[axis] == 1) ++axis;
  };
  for (int i = 0; i < to.rank(); ++i) next.end[at(i)] = to[i];
  for (;;) {
    skip_ones(from, old_axis);
    skip_ones(to, new_axis);
    if (old_axis == from.rank() || new_axis == to.rank()) return next;
    // The next runs of old and of new axes with the same number of elements.
    int old_end = old_axis + 1;
    int new_end = new_axis + 1;
    std::int64_t old_count = from[old_axis];
    std::int64_t new_count = to[new_axis];
    while (old_count != new_count) {
      if (old_count < new_count) {
        old_count *= from[old_end++];
      } else {
        new_count *= to[new_end++];
      }
    }
    int last = old_axis;  // the last axis of the run that is not 1
    for (int i = old_axis + 1; i < old_end; ++i) {
      if (from[i] == 1) continue;
      if (piece.strides[at(last)] != piece.strides[at(i)] * from[i]) return std::nullopt;
      last = i;
    }
    // A run of ones and one axis keeps its box; a longer one must be given whole.
    int new_last = new_axis;
    int new_long = 0;
    int old_long = 0;
    for (int i = new_axis; i < new_end; ++i) {
      if (to[i] != 1) new_last = i, ++new_long;
    }
    bool is_full = true;
    for (int i = old_axis; i < old_end; ++i) {
      if (from[i] != 1) ++old_long;
      is_full &= piece.begin[at(i)] == 0 && piece.end[at(i)] == from[i];
    }
    if (!is_full && (old_long > 1 || new_long > 1)) return std::nullopt;
    if (!is_full) {
      next.begin[at(new_last)] = piece.begin[at(last)];
      next.end[at(new_last)] = piece.end[at(last)];
    }
    std::int64_t stride = piece.strides[at(last)];
    for (int i = new_end; i-- > new_axis;) {
      next.strides[at(i)] = to[i] == 1 ? 0 : stride;
      stride *= to[i];
    }
    old_axis = old_end;
    new_axis = new_end;
  }
}

}  // namespace

Pieces::Pieces(std::initializer_list<Piece> pieces) { append({pieces.begin(), pieces.size()}); }

void Pieces::append(std::span<const Piece> pieces) {
  if (pieces.empty()) return;
  const auto all = std::make_shared<Piece[]>(size_ + pieces.size());
  std::ranges::copy(*this, all.get());
  std::ranges::copy(pieces, all.get() + size_);
  first_ = all;
  size_ += pieces.size();
}

Strides contiguous(const Shape& shape) {
  Strides strides{};
  std::int64_t step = 1;
  for (int i = shape.rank(); i-- > 0;) {
    strides[at(i)] = step;
    step *= shape[i];
  }
  return strides;
}

bool View::is_whole() const { return pieces.size() == 1 && covers(pieces[0], shape); }

bool View::is_one_element() const {
  if (!is_whole()) return false;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != 1 && pieces[0].strides[at(i)] != 0) return false;
  }
  return true;
}

bool is_row_major(const View& view) {
  if (!view.is_whole() || view.pieces[0].offset != 0) return false;
  const Strides strides = contiguous(view.shape);
  for (int i = 0; i < view.shape.rank(); ++i) {
    if (view.shape[i] != 1 && view.pieces[0].strides[at(i)] != strides[at(i)]) return false;
  }
  return true;
}

View view_of(Ref base, const Shape& shape) {
  Piece piece{base, 0, contiguous(shape), {}, {}};
  for (int i = 0; i < shape.rank(); ++i) {
    piece.end[at(i)] = shape[i];
    if (shape[i] == 1) piece.strides[at(i)] = 0;
  }
  return {shape, {piece}};
}

View broadcast(const View& view, const Shape& shape) {
  if (view.shape == shape) return view;
  const int added = shape.rank() - view.shape.rank();
  return changed(view, shape, [&](const Piece& piece) {
    Piece next{piece.base, piece.offset, {}, {}, {}};
    for (int i = 0; i < shape.rank(); ++i) {
      next.end[at(i)] = shape[i];
      const int old = i - added;
      if (old < 0) continue;
      if (view.shape[old] == shape[i]) {
        next.strides[at(i)] = piece.strides[at(old)];
        next.begin[at(i)] = piece.begin[at(old)];
        next.end[at(i)] = piece.end[at(old)];
      } else {
        // A stretched axis reads its one element, if the piece gives it.
        if (piece.begin[at(old)] >= piece.end[at(old)]) next.end[at(i)] = 0;
      }
    }
    return next;
  });
}

std::optional<View> reshape(const View& view, const Shape& shape) {
  if (view.shape == shape) return view;
  View result{shape, {}};
  if (shape.size() == 0) return result;
  std::vector<Piece> pieces;
  for (const Piece& piece : view.pieces) {
    const std::optional<Piece> next = reshape(piece, view.shape, shape);
    if (!next) return std::nullopt;
    pieces.push_back(*next);
  }
  result.pieces.append(pieces);
  return result;
}

View transpose(const View& view, const Axes& permutation) {
  const int rank = permutation.count();
  Shape shape;
  std::array<int, kMaxRank> from{};
  for (int i = 0; i < rank; ++i) {
    from[at(i)] = permutation[i] < 0 ? permutation[i] + rank : permutation[i];
    shape.push_back(view.shape[from[at(i)]]);
  }
  return changed(view, shape, [&](const Piece& piece) {
    Piece next{piece.base, piece.offset, {}, {}, {}};
    for (int i = 0; i < rank; ++i) {
      const std::size_t old = at(from[at(i)]);
      next.strides[at(i)] = piece.strides[old];
      next.begin[at(i)] = piece.begin[old];
      next.end[at(i)] = piece.end[old];
    }
    return next;
  });
}

bool can_collapse(const View& view, int outer, int inner) {
  const auto is_full = [&](const Piece& piece, int i) {
    return piece.begin[at(i)] <= 0 && piece.end[at(i)] >= view.shape[i];
  };
  return std::ranges::all_of(view.pieces, [&](const Piece& piece) {
    return is_full(piece, outer) && is_full(piece, inner) &&
           piece.strides[at(outer)] == piece.strides[at(inner)] * view.shape[inner];
  });
}

std::optional<View> apply_view(const Tape& tape, Ref op, std::span<const View> operands) {
  const Attributes& attributes = tape.attributes(op);
  switch (tape.op(op)) {
    case Op::reshape: return reshape(operands[0], attributes.shape);
    case Op::transpose: return transpose(operands[0], attributes.axes);
    case Op::broadcast_to: return broadcast(operands[0], attributes.shape);
    case Op::slice: return slice(operands[0], attributes);
    case Op::unslice: return unslice(operands[0], attributes);
    case Op::concat: {
      const int rank = tape.shape(op).rank();
      const int axis = attributes.axes[0] < 0 ? attributes.axes[0] + rank : attributes.axes[0];
      return concat(tape.shape(op), axis, operands);
    }
    default: return std::nullopt;
  }
}

}  // namespace tendon::plan
