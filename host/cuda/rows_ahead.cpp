#include "host/cuda/rows_ahead.h"

#include <algorithm>

namespace tendon::cuda {
namespace {

using plan::Local;

// Bytes that a thread of a block has under way, where all threads of a multiprocessor are resident:
// 128 KiB together. A block that reduces columns is nearly alone on one, and has all it can.
constexpr std::int64_t kBytesAhead = 64;
constexpr std::int64_t kMostRows = 8;

}  // namespace

RowsAhead::RowsAhead(const plan::Part& part, Emitter& out, const RowElements& row,
                     const std::vector<Local>& loads, std::int64_t shared_bytes)
    : part_(part), out_(out), row_(row) {
  if (row.width == 1) return;
  std::int64_t bytes = 0;  // of a row, a thread
  for (const Local i : loads) {
    const auto size = static_cast<std::int64_t>(size_bytes(part.body[i].dtype));
    if (size * row.width < 4) continue;  // cp.async has no less
    loads_.push_back(i);
    bytes += size * row.elements;
  }
  if (loads_.empty()) return;
  rows_ = std::min(shared_bytes / (bytes * row.threads * row.groups), kMostRows);
  if (!part.reduces_columns())
    rows_ = std::min(rows_, std::max<std::int64_t>(kBytesAhead / bytes, 2));
  if (rows_ < 2) loads_.clear();
}

void RowsAhead::open_rows(std::string_view first, std::string_view end, std::string_view step) {
  out_.line("const index begin = {}, step = {}, vectors = length / {};", first, step, row_.width);
  for (const Local i : loads_) {
    out_.line("__shared__ RowsAhead<{}, {}, {}, {}, {}> ahead{};", stored_type(part_.body[i].dtype),
              row_.width, row_.elements / row_.width, rows_, row_.threads * row_.groups, i);
  }
  out_.open("const auto fetch = [&](index row, int place) {");
  out_.open(fmt::format("if (row < {}) {{", end));
  out_.line("#pragma unroll");
  row_.open_vectors(out_);
  for (const Local i : loads_) {
    out_.line("ahead{}.fetch(place, v / {}, {}, row * vectors + k);", i, row_.width,
              out_.address(part_.body[i].view.pieces[0].base, part_.body[i].dtype, false));
  }
  out_.close();
  out_.close();
  out_.line("end_of_row();");
  out_.close("};");
  out_.line("#pragma unroll");
  out_.line("for (int n = 0; n < {}; ++n) fetch(begin + n * step, n);", rows_);
  out_.line("int place = 0;");
  out_.open(fmt::format("for (index row = begin; row < {}; row += step) {{", end));
  out_.line("await_row<{}>();", rows_ - 1);
}

bool RowsAhead::has(Local load) const { return std::ranges::find(loads_, load) != loads_.end(); }

std::string RowsAhead::vector(Local load) const {
  return fmt::format("ahead{}.vector(place, v / {})", load, row_.width);
}

void RowsAhead::fetch_next() {
  out_.line("fetch(row + {} * step, place);", rows_);
  out_.line("place = place == {} ? 0 : place + 1;", rows_ - 1);
}

}  // namespace tendon::cuda
