#include "machine/shared.h"

#include <algorithm>
#include <bit>

#include "machine/kernel.h"

namespace emulator {

void SharedMemory::begin(std::uint32_t static_bytes, std::uint32_t dynamic_bytes) {
  static_bytes_ = static_bytes;
  total_bytes_ = static_bytes + dynamic_bytes;
  if (bytes_.size() < total_bytes_) {
    bytes_.resize(total_bytes_);
    cells_.resize(total_bytes_);
  }
  std::fill_n(bytes_.begin(), total_bytes_, std::byte{0xa5});
  begin_ = ++last_;
  const Clock now = ++last_;
  now_.fill(now);
  for (auto& row : seen_) row.fill(now);
  met_.fill(now);
  has_lanes_met_.fill(false);
  left_.clear();
}

std::uint64_t SharedMemory::index(std::uint64_t offset) const {
  return offset < kDynamicShared ? offset : offset - kDynamicShared + static_bytes_;
}

std::byte* SharedMemory::at(std::uint64_t offset, std::uint32_t bytes) {
  const bool is_dynamic = offset >= kDynamicShared;
  const std::uint64_t end = index(offset) + bytes;
  if (end > (is_dynamic ? total_bytes_ : static_bytes_)) return nullptr;
  return bytes_.data() + index(offset);
}

// Inline, since access() asks it of every byte.
inline bool SharedMemory::is_ordered(const Mark& mark, std::uint32_t thread) const {
  if (mark.clock < begin_ || mark.thread == thread) return true;
  const std::uint32_t warp = thread / kLanes, other = mark.thread / kLanes;
  if (warp != other) return mark.clock < seen_[warp][other];
  if (mark.clock < met_[warp]) return true;
  return has_lanes_met_[warp] &&
         mark.clock < lanes_met_[warp][thread % kLanes][mark.thread % kLanes];
}

template <class Look>
void SharedMemory::look_for_writer(const Cell& cell, bool changes, const Look& look) {
  if (changes) {
    look(cell.writer, true);
    look(cell.strong_writer, true);
  }
  look(cell.reader, false);
  look(cell.neighbour, false);
  look(cell.other_reader, false);
}

SharedMemory::Found SharedMemory::access(std::uint64_t offset, std::uint32_t bytes,
                                         std::uint32_t thread, bool is_write, bool is_strong,
                                         const std::byte* data) {
  Found found;
  const std::uint64_t first = index(offset);
  const Mark mine{now_[thread / kLanes], static_cast<std::uint16_t>(thread), is_strong};
  for (std::uint64_t i = first; i < first + bytes; ++i) {
    Cell& cell = cells_[i];
    const auto look = [&](const Mark& mark, bool other_wrote) {
      if ((mark.is_strong && is_strong) || is_ordered(mark, thread)) return;
      if (checks_races && found.finding == Finding::none)
        found = {Finding::race, mark.thread, other_wrote};
    };
    if (is_write) {
      look_for_writer(cell, data == nullptr || bytes_[i] != data[i - first], look);
      (is_strong ? cell.strong_writer : cell.writer) = mine;
      continue;
    }
    if (cell.writer.clock < begin_ && cell.strong_writer.clock < begin_) {
      if (checks_unwritten && found.finding == Finding::none) found.finding = Finding::unwritten;
      cell.writer = {begin_, mine.thread, false};  // told once; ordered before all
    } else {
      look(cell.writer, true);
      look(cell.strong_writer, true);
    }
    if (cell.reader.thread / kLanes != thread / kLanes) {
      cell.other_reader = cell.reader;
      cell.neighbour = {};
    } else if (cell.reader.thread != thread) {
      cell.neighbour = cell.reader;
    }
    cell.reader = mine;
  }
  return found;
}

SharedMemory::Found SharedMemory::before_copy(std::uint64_t offset, std::uint32_t bytes,
                                              std::uint32_t thread, const std::byte* data) const {
  Found found;
  const auto look = [&](const Mark& mark, bool other_wrote) {
    if (checks_races && found.finding == Finding::none && !is_ordered(mark, thread))
      found = {Finding::race, mark.thread, other_wrote};
  };
  const std::uint64_t first = index(offset);
  for (std::uint64_t i = first; i < first + bytes; ++i)
    look_for_writer(cells_[i], bytes_[i] != data[i - first], look);
  return found;
}

SharedMemory::Clock SharedMemory::begin_copies() {
  now_.fill(++last_);
  return last_;
}

SharedMemory::Found SharedMemory::end_copy(std::byte* to, std::uint32_t bytes, std::uint32_t thread,
                                           Clock begun, const std::byte* data) {
  Found found;
  const auto look = [&](const Mark& mark, bool other_wrote) {
    if (mark.clock < begun || (other_wrote && mark.thread == thread)) return;
    if (checks_races && found.finding == Finding::none)
      found = {Finding::early, mark.thread, other_wrote};
  };
  const auto first = static_cast<std::size_t>(to - bytes_.data());
  for (std::size_t i = first; i < first + bytes; ++i) {
    look_for_writer(cells_[i], bytes_[i] != data[i - first], look);
    cells_[i].writer = {now_[thread / kLanes], static_cast<std::uint16_t>(thread), false};
    bytes_[i] = data[i - first];
  }
  return found;
}

void SharedMemory::synchronize_lanes(std::uint32_t warp, Mask lanes, Mask live) {
  const Clock now = ++last_;
  now_[warp] = now;
  seen_[warp][warp] = now;
  if ((lanes & live) == live) {
    met_[warp] = now;
    return;
  }
  if (!has_lanes_met_[warp]) {
    for (auto& row : lanes_met_[warp]) row.fill(begin_);
    has_lanes_met_[warp] = true;
  }
  // What one of them has seen of others, those that it meets now have seen as well.
  std::array<Clock, kLanes> row{};
  for (Mask a = lanes; a != 0; a &= a - 1) {
    const auto& theirs = lanes_met_[warp][static_cast<std::size_t>(std::countr_zero(a))];
    for (std::size_t lane = 0; lane < kLanes; ++lane) row[lane] = std::max(row[lane], theirs[lane]);
  }
  for (Mask a = lanes; a != 0; a &= a - 1) row[static_cast<std::size_t>(std::countr_zero(a))] = now;
  for (Mask a = lanes; a != 0; a &= a - 1)
    lanes_met_[warp][static_cast<std::size_t>(std::countr_zero(a))] = row;
}

void SharedMemory::release(const std::byte* object, std::uint32_t warp) {
  auto& left = left_[object];
  for (std::size_t other = 0; other < kMostWarps; ++other)
    left[other] = std::max(left[other], seen_[warp][other]);
  now_[warp] = left[warp] = ++last_;
}

void SharedMemory::acquire(const std::byte* object, std::uint32_t warp) {
  const auto& left = left_[object];
  for (std::size_t other = 0; other < kMostWarps; ++other)
    seen_[warp][other] = std::max(seen_[warp][other], left[other]);
  met_[warp] = std::max(met_[warp], left[warp]);
}

void SharedMemory::synchronize_warps(std::uint32_t warps) {
  const Clock now = ++last_;
  for (std::uint32_t a = warps; a != 0; a &= a - 1) {
    const auto warp = static_cast<std::size_t>(std::countr_zero(a));
    now_[warp] = met_[warp] = now;
    for (std::uint32_t b = warps; b != 0; b &= b - 1)
      seen_[warp][static_cast<std::size_t>(std::countr_zero(b))] = now;
    // What a warp has seen of others, those that it meets now have seen as well.
    for (std::uint32_t b = warps; b != 0; b &= b - 1) {
      const auto& theirs = seen_[static_cast<std::size_t>(std::countr_zero(b))];
      for (std::size_t other = 0; other < kMostWarps; ++other)
        seen_[warp][other] = std::max(seen_[warp][other], theirs[other]);
    }
  }
}

}  // namespace emulator
