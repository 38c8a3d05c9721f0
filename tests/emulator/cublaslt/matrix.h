// Matrices in device memory, read into and written from packed column-major arrays on the host.
//
// Every byte goes through the checks of the emulator, and only those of the matrix's elements do:
// not the padding between its columns or rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cublaslt/element.h"
#include "cublaslt/problem.h"
#include "extension.h"

namespace emulator::cublaslt {

// Memory that may not be touched: the report of it is made, and the work ends.
struct Untouchable {};

inline const std::byte* read_bytes(const void* device, Extent offset, std::size_t bytes) {
  const auto* from = emulatorRead(static_cast<const std::byte*>(device) + offset, bytes);
  if (from == nullptr) throw Untouchable{};
  return static_cast<const std::byte*>(from);
}

inline std::byte* write_bytes(void* device, Extent offset, std::size_t bytes) {
  auto* to = emulatorWrite(static_cast<std::byte*>(device) + offset, bytes);
  if (to == nullptr) throw Untouchable{};
  return static_cast<std::byte*>(to);
}

// The contiguous pieces of a matrix: columns where it is column-major, else rows.
struct Lines {
  Extent count, length;  // lines, elements of one
  Extent stride;         // from line to line, in elements
  Extent begin;          // of the first line of this matrix of the batch, in elements

  Lines(const Layout& layout, Extent batch)
      : count(static_cast<Extent>(layout.order == CUBLASLT_ORDER_COL ? layout.cols : layout.rows)),
        length(static_cast<Extent>(layout.order == CUBLASLT_ORDER_COL ? layout.rows : layout.cols)),
        stride(layout.ld),
        begin(batch * layout.batch_stride) {}

  // Lines without padding are one piece.
  bool is_dense() const { return stride == length; }
};

// Calls `piece(line, first, elements)` for pieces of `elements` contiguous elements, the first one
// of the matrix's `first`-th element in memory, which begins line `line`.
template <typename Piece>
void for_each_piece(const Lines& lines, Piece&& piece) {
  if (lines.length == 0 || lines.count == 0) return;
  if (lines.is_dense()) {
    piece(Extent{0}, lines.begin, lines.count * lines.length);
  } else {
    for (Extent line = 0; line < lines.count; ++line) {
      piece(line, lines.begin + line * lines.stride, lines.length);
    }
  }
}

// Where the elements of a line lie in the packed array: from `first` on, every `stride`.
struct Packing {
  Extent line_stride, element_stride;
  Packing(const Lines& lines, bool lines_are_columns)
      : line_stride(lines_are_columns ? lines.length : 1),
        element_stride(lines_are_columns ? 1 : lines.count) {}
};

// op(matrix), where op transposes or does not.
template <typename Real>
std::vector<Real> read_matrix(const void* device, const Layout& layout, bool is_transposed,
                              Extent batch) {
  const Lines lines(layout, batch);
  const Packing packing(lines, (layout.order == CUBLASLT_ORDER_COL) != is_transposed);
  const auto type = layout.type;
  const auto bytes = element_bytes(type);
  std::vector<Real> packed(static_cast<std::size_t>(lines.count * lines.length));
  for_each_piece(lines, [&](Extent line, Extent first, Extent elements) {
    const auto* from = read_bytes(device, first * static_cast<Extent>(bytes),
                                  static_cast<std::size_t>(elements) * bytes);
    for (; elements > 0; elements -= lines.length, ++line) {
      load<Real>(type, from, static_cast<std::size_t>(lines.length),
                 packed.data() + line * packing.line_stride,
                 static_cast<std::size_t>(packing.element_stride));
      from += lines.length * static_cast<Extent>(bytes);
    }
  });
  return packed;
}

template <typename Real>
void write_matrix(void* device, const Layout& layout, Extent batch,
                  const std::vector<Real>& packed) {
  const Lines lines(layout, batch);
  const Packing packing(lines, layout.order == CUBLASLT_ORDER_COL);
  const auto type = layout.type;
  const auto bytes = element_bytes(type);
  for_each_piece(lines, [&](Extent line, Extent first, Extent elements) {
    auto* to = write_bytes(device, first * static_cast<Extent>(bytes),
                           static_cast<std::size_t>(elements) * bytes);
    for (; elements > 0; elements -= lines.length, ++line) {
      store<Real>(type, packed.data() + line * packing.line_stride,
                  static_cast<std::size_t>(packing.element_stride),
                  static_cast<std::size_t>(lines.length), to);
      to += lines.length * static_cast<Extent>(bytes);
    }
  });
}

// A vector is a matrix of one column.
inline Layout vector_layout(std::int32_t type, Extent length, Extent batch_stride) {
  Layout layout;
  layout.type = type;
  layout.rows = static_cast<std::uint64_t>(length);
  layout.cols = 1;
  layout.ld = length;
  layout.batch_stride = batch_stride;
  return layout;
}

}  // namespace emulator::cublaslt
