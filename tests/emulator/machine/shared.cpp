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
  for (auto& lanes : lanes_seen_) lanes.clear();
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
inline bool SharedMemory::is_seen(const Mark& mark, std::uint32_t thread) const {
  if (mark.clock < begin_ || mark.thread == thread) return true;
  const std::uint32_t warp = thread / kLanes, other = mark.thread / kLanes;
  return mark.clock < (warp == other ? met_[warp] : seen_[warp][other]);
}

[[gnu::noinline]] bool SharedMemory::is_seen_of_lane(const Mark& mark, std::uint32_t thread) const {
  const std::uint32_t warp = thread / kLanes, other = mark.thread / kLanes;
  if (warp == other) {
    return has_lanes_met_[warp] &&
           mark.clock < lanes_met_[warp][thread % kLanes][mark.thread % kLanes];
  }
  const auto lanes = lanes_seen_[warp].find(other);
  return lanes != lanes_seen_[warp].end() && mark.clock < lanes->second[mark.thread % kLanes];
}

SharedMemory::Mark SharedMemory::mark_of(const Access& by) const {
  return {now_[by.thread / kLanes], by.thread & 1023, by.strength & 3u,
          std::min(by.step, kUnknownStep) & kUnknownStep};
}

[[gnu::noinline]] bool SharedMemory::may_race(const Mark& mark, const Access& by) {
  if (mark.strength == Strength::plain || by.strength == Strength::plain) return true;
  return mark.strength == Strength::is_volatile && by.strength == Strength::is_volatile &&
         mark.thread / kLanes == by.thread / kLanes;
}

SharedMemory::Found SharedMemory::found_with(Finding finding, const Mark& other, bool other_wrote) {
  return {finding, other.thread, other.step, other_wrote};
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
                                         const Access& by, bool is_write, const std::byte* data) {
  Found found;
  const std::uint64_t first = index(offset);
  const Mark mine = mark_of(by);
  const std::uint32_t thread = by.thread;
  for (std::uint64_t i = first; i < first + bytes; ++i) {
    Cell& cell = cells_[i];
    const auto look = [&](const Mark& mark, bool other_wrote) {
      if (is_seen(mark, thread) || !checks_races || found.finding != Finding::none) return;
      if (may_race(mark, by) && !is_seen_of_lane(mark, thread))
        found = found_with(Finding::race, mark, other_wrote);
    };
    if (is_write) {
      look_for_writer(cell, data == nullptr || bytes_[i] != data[i - first], look);
      (by.strength == Strength::plain ? cell.writer : cell.strong_writer) = mine;
      continue;
    }
    if (cell.writer.clock < begin_ && cell.strong_writer.clock < begin_) {
      if (checks_unwritten && found.finding == Finding::none) found.finding = Finding::unwritten;
      // Told once: as if written before all.
      cell.writer = {begin_, mine.thread, Strength::plain, mine.step};
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
    if (checks_races && found.finding == Finding::none && !is_seen(mark, thread) &&
        !is_seen_of_lane(mark, thread))
      found = found_with(Finding::race, mark, other_wrote);
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

SharedMemory::Found SharedMemory::end_copy(std::byte* to, std::uint32_t bytes, const Access& by,
                                           Clock begun, const std::byte* data) {
  Found found;
  const auto look = [&](const Mark& mark, bool other_wrote) {
    if (mark.clock < begun || (other_wrote && mark.thread == by.thread)) return;
    if (checks_races && found.finding == Finding::none)
      found = found_with(Finding::early, mark, other_wrote);
  };
  const auto first = static_cast<std::size_t>(to - bytes_.data());
  for (std::size_t i = first; i < first + bytes; ++i) {
    look_for_writer(cells_[i], bytes_[i] != data[i - first], look);
    cells_[i].writer = mark_of(by);
    bytes_[i] = data[i - first];
  }
  return found;
}

void SharedMemory::know_lanes(std::uint32_t warp) {
  if (has_lanes_met_[warp]) return;
  for (auto& row : lanes_met_[warp]) row.fill(begin_);
  has_lanes_met_[warp] = true;
}

void SharedMemory::synchronize_lanes(std::uint32_t warp, Mask lanes, Mask live) {
  const Clock now = ++last_;
  now_[warp] = now;
  seen_[warp][warp] = now;
  if ((lanes & live) == live) {
    met_[warp] = now;
    return;
  }
  know_lanes(warp);
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

void SharedMemory::merge(OfLanes& into, const OfLanes& from) {
  for (std::size_t lane = 0; lane < kLanes; ++lane) into[lane] = std::max(into[lane], from[lane]);
}

void SharedMemory::release(const std::byte* object, std::uint32_t thread) {
  const std::uint32_t warp = thread / kLanes, lane = thread % kLanes;
  Left& left = left_[object];
  for (std::uint32_t other = 0; other < kMostWarps; ++other) {
    const Clock seen = other == warp ? met_[warp] : seen_[warp][other];
    left.warps[other] = std::max(left.warps[other], seen);
  }
  for (const auto& [other, lanes] : lanes_seen_[warp]) merge(left.lanes[other], lanes);
  OfLanes& own = left.lanes[warp];
  if (has_lanes_met_[warp]) merge(own, lanes_met_[warp][lane]);
  now_[warp] = own[lane] = ++last_;
}

void SharedMemory::acquire(const std::byte* object, std::uint32_t warp) {
  const Left& left = left_[object];
  for (std::size_t other = 0; other < kMostWarps; ++other)
    seen_[warp][other] = std::max(seen_[warp][other], left.warps[other]);
  met_[warp] = std::max(met_[warp], left.warps[warp]);
  for (const auto& [other, lanes] : left.lanes) {
    if (other != warp) {
      merge(lanes_seen_[warp][other], lanes);
      continue;
    }
    know_lanes(warp);
    for (OfLanes& row : lanes_met_[warp]) merge(row, lanes);
  }
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
  std::map<std::uint32_t, OfLanes> lanes_seen;
  for (Mask a = warps; a != 0; a &= a - 1) {
    for (const auto& [other, lanes] : lanes_seen_[static_cast<std::size_t>(std::countr_zero(a))]) {
      if ((warps >> other & 1) == 0) merge(lanes_seen[other], lanes);
    }
  }
  for (Mask a = warps; a != 0; a &= a - 1)
    lanes_seen_[static_cast<std::size_t>(std::countr_zero(a))] = lanes_seen;
}

}  // namespace emulator
