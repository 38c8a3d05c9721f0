#include "host/cuda/row_elements.h"

#include <algorithm>
#include <bit>

namespace tendon::cuda {
namespace {

// Threads of a block that reduces columns too: as many as have the registers for a row's elements
// and their columns' results, of 65536.
constexpr int kThreadsOfColumns = 512, kThreadsOfManyValues = 256;
constexpr int kRegisters = 65536, kOtherRegisters = 48;

}  // namespace

RowElements RowElements::of(const plan::Part& part, bool can_be_wide, std::size_t widest,
                            std::size_t kept_count) {
  const std::int64_t length = part.row_length();
  RowElements row;
  row.width = can_be_wide ? static_cast<int>(16 / widest) : 1;
  const auto power = [](std::int64_t n) {
    return static_cast<int>(
        std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(n, 1))));
  };
  if (part.reduces_columns()) {
    row.elements = widest > 4 ? 4 : 8;
    row.threads = std::max(power((length + row.elements - 1) / row.elements), 32);
    const int registers = static_cast<int>(kept_count) * row.elements * (widest > 4 ? 2 : 1);
    const bool is_full = registers + kOtherRegisters > kRegisters / kThreadsOfColumns;
    row.groups = std::max((is_full ? kThreadsOfManyValues : kThreadsOfColumns) / row.threads, 1);
  } else if (length <= 256) {
    row.groups = 8;
    row.elements = std::max(power((length + 31) / 32), row.width);
  } else {
    row.elements = length <= 8192 ? 8 : 16;
    row.threads = std::clamp(power((length + row.elements - 1) / row.elements), 64, 1024);
  }
  return row;
}

void RowElements::open_vectors(Emitter& out) const {
  out.open(fmt::format("for (int v = 0; v < {}; v += {}) {{", elements, width));
  out.line("const index k = v / {} * {} + thread;", width, threads);
  out.line("if (k * {} >= length) break;", width);
}

}  // namespace tendon::cuda
