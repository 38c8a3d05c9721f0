#include "host/cpu/read.h"

#include <algorithm>
#include <cstring>

namespace tendon::cpu {
namespace {

// Elements are moved as integers of their size.
template <class Move>
void with_size(std::size_t element_bytes, Move&& move) {
  switch (element_bytes) {
    case 1: return move(std::uint8_t{});
    case 2: return move(std::uint16_t{});
    case 4: return move(std::uint32_t{});
    default: return move(std::uint64_t{});
  }
}

template <class T>
void copy_run(const T* from, std::int64_t stride, std::int64_t count, T* into) {
  if (stride == 1) {
    std::memcpy(into, from, static_cast<std::size_t>(count) * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(into, count, *from);
  } else {
    for (std::int64_t i = 0; i < count; ++i) into[i] = from[i * stride];
  }
}

// run(into_offset, base_offset, stride, count) for the parts of [begin, begin + count) that the
// piece gives.
template <class Run>
void walk(const plan::Piece& piece, const Shape& shape, std::int64_t begin, std::int64_t count,
          Run&& run) {
  if (count == 0) return;
  const int rank = shape.rank();
  if (rank == 0) return run(std::int64_t{0}, piece.offset, std::int64_t{0}, std::int64_t{1});
  // The index of the first element, and where the piece has it.
  std::array<std::int64_t, kMaxRank> index{};
  std::int64_t left = begin;
  std::int64_t offset = piece.offset;
  for (int i = rank; i-- > 0;) {
    const auto a = static_cast<std::size_t>(i);
    index[a] = left % shape[i];
    left /= shape[i];
    offset += index[a] * piece.strides[a];
  }
  const auto inner = static_cast<std::size_t>(rank - 1);
  const std::int64_t stride = piece.strides[inner];
  for (std::int64_t into = 0; into < count;) {
    const std::int64_t length = std::min(shape[rank - 1] - index[inner], count - into);
    bool is_inside = true;
    for (std::size_t a = 0; a < inner; ++a) {
      is_inside &= index[a] >= piece.begin[a] && index[a] < piece.end[a];
    }
    const std::int64_t first = std::max(piece.begin[inner] - index[inner], std::int64_t{0});
    const std::int64_t last = std::min(piece.end[inner] - index[inner], length);
    if (is_inside && first < last) {
      run(into + first, offset + first * stride, stride, last - first);
    }
    into += length;
    // On to the next row.
    offset -= index[inner] * stride;
    index[inner] = 0;
    for (std::size_t a = inner; a-- > 0;) {
      offset += piece.strides[a];
      if (++index[a] < shape[static_cast<int>(a)]) break;
      offset -= index[a] * piece.strides[a];
      index[a] = 0;
    }
  }
}

}  // namespace

void read(const plan::View& view, std::span<const void* const> bases, std::size_t element_bytes,
          std::int64_t begin, std::int64_t count, void* into) {
  if (count == 0) return;
  if (!view.is_whole()) {
    std::memset(into, 0, static_cast<std::size_t>(count) * element_bytes);
  }
  with_size(element_bytes, [&]<class T>(T) {
    for (std::size_t i = 0; i < view.pieces.size(); ++i) {
      const T* base = static_cast<const T*>(bases[i]);
      walk(view.pieces[i], view.shape, begin, count,
           [&](std::int64_t at, std::int64_t offset, std::int64_t stride, std::int64_t length) {
             copy_run(base + offset, stride, length, static_cast<T*>(into) + at);
           });
    }
  });
}

void for_each_run(const plan::Piece& piece, const Shape& shape, std::int64_t begin,
                  std::int64_t count,
                  const std::function<void(std::int64_t, std::int64_t, std::int64_t)>& run) {
  walk(piece, shape, begin, count,
       [&](std::int64_t, std::int64_t offset, std::int64_t stride, std::int64_t length) {
         run(offset, stride, length);
       });
}

void fill(const void* from, std::size_t element_bytes, std::int64_t count, void* into) {
  // A few by hand, and from there on twice as many at a time by the C library's widest stores.
  constexpr std::int64_t kFew = 64;
  const std::int64_t few = std::min(count, kFew);
  with_size(element_bytes, [&]<class T>(T value) {
    std::memcpy(&value, from, sizeof value);
    std::fill_n(static_cast<T*>(into), few, value);
  });
  const auto all = static_cast<std::size_t>(count) * element_bytes;
  for (auto done = static_cast<std::size_t>(few) * element_bytes; done < all;) {
    const std::size_t next = std::min(done, all - done);
    std::memcpy(static_cast<char*>(into) + done, into, next);
    done += next;
  }
}

}  // namespace tendon::cpu
