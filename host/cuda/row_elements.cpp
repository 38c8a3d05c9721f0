#include "host/cuda/row_elements.h"

#include <algorithm>
#include <bit>

namespace tendon::cuda {
namespace {

// Threads of a block that reduces columns too: as many as have the registers for a row's elements
// and their columns' results, of 65536.
constexpr int kThreadsOfColumns = 384, kThreadsOfManyValues = 256;
constexpr int kThreadsOfShortRows = 256;
constexpr int kRegisters = 65536, kOtherRegisters = 48;

// Whole warps for `count` elements or vectors: a power of two, or three quarters of one, so that
// rows of similar lengths share a text.
int threads_for(std::int64_t count) {
  const int power = static_cast<int>(
      std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 32))));
  const int less = power / 4 * 3;
  return power > 64 && less >= count ? less : power;
}

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
  if (!part.keeps_rows) {
    row = {.threads = 1024, .elements = RowElements::kAnyNumber};
  } else if (part.reduces_columns()) {
    row.elements = widest > 4 ? 4 : 8;
    row.threads = threads_for((length + row.elements - 1) / row.elements);
    const int registers = static_cast<int>(kept_count) * row.elements * (widest > 4 ? 2 : 1);
    const bool is_full = registers + kOtherRegisters > kRegisters / kThreadsOfColumns;
    const int most = is_full || widest > 4 ? kThreadsOfManyValues : kThreadsOfColumns;
    row.groups = std::max(most / row.threads, 1);
  } else if (length <= 256) {
    row.threads = std::min(power(length), 32);
    row.groups = kThreadsOfShortRows / row.threads;
    row.elements = std::max(power((length + row.threads - 1) / row.threads), row.width);
  } else {
    row.elements = length <= 8192 ? 8 : 16;
    row.threads = std::clamp(threads_for((length + row.elements - 1) / row.elements), 64, 1024);
  }
  if (row.elements != kAnyNumber && std::int64_t{row.threads} * row.elements < length)
    throw Error(fmt::format("a row of {} elements is too long for a kernel that keeps it", length));
  return row;
}

void RowElements::open_vectors(Emitter& out) const {
  out.open(fmt::format("for (int v = 0; v < {}; v += {}) {{", elements, width));
  out.line("const index k = v / {} * {} + thread;", width, threads);
  out.line("if (k * {} >= length) break;", width);
}

}  // namespace tendon::cuda
