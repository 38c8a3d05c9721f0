#include "machine/padding.h"

#include <algorithm>
#include <bit>

namespace emulator {
namespace {

constexpr std::uint64_t kWidest = 8, kLookBack = 64;

bool is_written(const Shadow& shadow, std::uint64_t at) {
  return (shadow.written[at / 64] >> at % 64 & 1) != 0;
}

// The first byte in [begin, end) that is written or, else, not; `end` where there is none.
std::uint64_t next(const Shadow& shadow, std::uint64_t begin, std::uint64_t end, bool written) {
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t word = shadow.written[at / 64];
    const std::uint64_t wanted = (written ? word : ~word) >> at % 64;
    if (wanted != 0)
      return std::min(end, at + static_cast<std::uint64_t>(std::countr_zero(wanted)));
    at = (at / 64 + 1) * 64;
  }
  return end;
}

// Of unwritten bytes [from, to) in an access of [begin, end).
bool is_padding(const Allocation& allocation, std::uint64_t from, std::uint64_t to,
                std::uint64_t begin, std::uint64_t end, bool is_of_bytes) {
  const Shadow& shadow = allocation.shadow;
  if (to - from >= kWidest || (from == begin && to == end && !is_of_bytes)) return false;
  if (from == 0 || !is_written(shadow, from - 1)) return false;
  const std::uint64_t first = from < kLookBack ? 0 : from - kLookBack;
  std::uint64_t width = 0;
  for (std::uint64_t word = first / 4; word * 4 < from; ++word)
    width = std::max<std::uint64_t>(width, shadow.width[word]);
  // At a struct's end the next begins with any member.
  if (to < allocation.bytes && is_written(shadow, to))
    width = std::max<std::uint64_t>(width, shadow.width[to / 4]);
  return to - from < width && to % width == 0;
}

}  // namespace

std::uint64_t first_unwritten(const Allocation& allocation, std::uint64_t begin, std::uint64_t end,
                              bool is_of_bytes) {
  const Shadow& shadow = allocation.shadow;
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t from = next(shadow, at, end, false);
    at = next(shadow, from, end, true);
    if (from < at && !is_padding(allocation, from, at, begin, end, is_of_bytes)) return from;
  }
  return end;
}

}  // namespace emulator
