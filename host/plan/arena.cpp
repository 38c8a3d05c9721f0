#include "host/plan/arena.h"

#include <algorithm>
#include <map>

#include "host/plan/stage.h"

namespace tendon::plan {
namespace {

constexpr std::int64_t kAlignment = 64;

std::int64_t rounded(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Ranges of the arena that are free, by offset; the last one has no end.
class FreeRanges {
 public:
  FreeRanges() { ranges_[0] = kEndless; }

  // The smallest range that holds so much, the first of several.
  std::int64_t take(std::int64_t bytes) {
    bytes = rounded(bytes);
    if (bytes == 0) return 0;
    auto best = ranges_.end();
    for (auto range = ranges_.begin(); range != ranges_.end(); ++range) {
      if (range->second < bytes) continue;
      if (best == ranges_.end() || range->second < best->second) best = range;
    }
    const auto [offset, size] = *best;
    ranges_.erase(best);
    if (size > bytes) ranges_[offset + bytes] = size == kEndless ? kEndless : size - bytes;
    end_ = std::max(end_, offset + bytes);
    return offset;
  }
  void give(std::int64_t offset, std::int64_t bytes) {
    bytes = rounded(bytes);
    if (bytes == 0) return;
    auto next = ranges_.emplace(offset, bytes).first;
    const auto after = std::next(next);
    if (after != ranges_.end() && offset + bytes == after->first) {
      next->second = after->second == kEndless ? kEndless : bytes + after->second;
      ranges_.erase(after);
    }
    if (next == ranges_.begin()) return;
    const auto before = std::prev(next);
    if (before->first + before->second != next->first) return;
    before->second = next->second == kEndless ? kEndless : before->second + next->second;
    ranges_.erase(next);
  }
  std::int64_t end() const { return end_; }

 private:
  static constexpr std::int64_t kEndless = std::int64_t{1} << 62;
  std::map<std::int64_t, std::int64_t> ranges_;
  std::int64_t end_ = 0;
};

class Arranger {
 public:
  explicit Arranger(Plan& plan) : plan_(plan), tape_(plan.tape), last_read_(tape_.size(), -1) {}

  void arrange() {
    plan_.locations.assign(tape_.size(), {});
    place_inputs();
    place_targets();
    const int count = static_cast<int>(plan_.stages.size());
    for (int at = 0; at < count; ++at) {
      for (const Ref base : reads(plan_.stages[static_cast<std::size_t>(at)])) {
        last_read_[base.id] = at;
      }
    }
    for (int at = 0; at < count; ++at) arrange(plan_.stages[static_cast<std::size_t>(at)], at);
    plan_.arena_bytes = free_.end();
  }

 private:
  Location& location(Ref value) { return plan_.locations[value.id]; }

  void place_inputs() {
    for (std::uint32_t i = 0; i < tape_.inputs().size(); ++i) {
      location(tape_.inputs()[i]) = {Space::input, i, 0};
    }
    for (std::uint32_t id = 0; id < tape_.size(); ++id) {
      if (tape_.op(Ref{id}) == Op::literal) location(Ref{id}) = {Space::literal, 0, 0};
    }
  }
  // A target is written to its output; where that stands for another value, as a reshape does, for
  // that value, and an output more is a copy.
  void place_targets() {
    for (std::uint32_t i = 0; i < tape_.targets().size(); ++i) {
      const Ref base = plan_.targets[i];
      if (location(base).space == Space::none) {
        location(base) = {Space::output, i, 0};
      } else {
        plan_.copies.push_back({base, i});
      }
    }
  }

  void arrange(Stage& stage, int at) {
    std::vector<Ref> dead;
    for (const Ref base : reads(stage)) {
      if (location(base).space == Space::arena && last_read_[base.id] == at) dead.push_back(base);
    }
    for (const Part& part : bodies(stage)) {
      // What is read again when a row has been stored, by chunks, by columns or by a row too long
      // to be kept, stays as it is.
      const bool can_reuse = bodies(stage).size() == 1 && part.chunked_reductions().empty() &&
                             (!part.is_resident || part.keeps_rows);
      for (const Store& store : part.stores) {
        if (location(store.value).space != Space::none) continue;
        if (can_reuse && reuse(part, store, dead)) continue;
        place(store.value);
      }
    }
    for (const Ref value : writes(stage)) {
      if (location(value).space == Space::none) place(value);
    }
    for (Part& part : bodies(stage)) {
      if (part.partials_bytes() == 0) continue;
      part.partials_offset = free_.take(part.partials_bytes());
    }
    for (const Part& part : bodies(stage)) {
      if (part.partials_bytes() > 0) free_.give(part.partials_offset, part.partials_bytes());
    }
    for (const Ref base : dead) free_.give(location(base).offset, tape_.bytes(base));
    for (const Ref value : writes(stage)) {
      const bool is_read = last_read_[value.id] > at;
      if (!is_read && location(value).space == Space::arena) {
        free_.give(location(value).offset, tape_.bytes(value));
      }
    }
  }
  void place(Ref value) { location(value) = {Space::arena, 0, free_.take(tape_.bytes(value))}; }
  // Takes the memory of a value that dies here, if each element is read before it is written.
  bool reuse(const Part& part, const Store& store, std::vector<Ref>& dead) {
    if (part.body[store.local].level != Level::element) return false;
    for (std::size_t i = 0; i < dead.size(); ++i) {
      const Ref old = dead[i];
      if (tape_.bytes(old) != tape_.bytes(store.value) ||
          size_bytes(tape_.dtype(old)) != size_bytes(tape_.dtype(store.value))) {
        continue;
      }
      const bool fits = std::ranges::all_of(part.body, [&](const Instruction& step) {
        if (step.kind != Instruction::Kind::load) return true;
        const bool reads_old = std::ranges::any_of(
            step.view.pieces, [&](const Piece& piece) { return piece.base == old; });
        return !reads_old || (step.level == Level::element && is_row_major(step.view));
      });
      if (!fits) continue;
      location(store.value) = location(old);
      dead.erase(dead.begin() + static_cast<std::ptrdiff_t>(i));
      return true;
    }
    return false;
  }

  Plan& plan_;
  const Tape& tape_;
  std::vector<int> last_read_;  // the last stage that reads it
  FreeRanges free_;
};

}  // namespace

void arrange(Plan& plan) { Arranger(plan).arrange(); }

}  // namespace tendon::plan
