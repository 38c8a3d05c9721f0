#include "host/plan/arena.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

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
  FreeRanges() { add(0, kEndless); }

  // The smallest range that holds so much, the first of several.
  std::int64_t take(std::int64_t bytes) {
    bytes = rounded(bytes);
    if (bytes == 0) return 0;
    const auto [size, offset] = *by_size_.lower_bound({bytes, 0});
    remove(ranges_.find(offset));
    if (size > bytes) add(offset + bytes, size == kEndless ? kEndless : size - bytes);
    end_ = std::max(end_, offset + bytes);
    return offset;
  }
  void give(std::int64_t offset, std::int64_t bytes) {
    bytes = rounded(bytes);
    if (bytes == 0) return;
    std::int64_t size = bytes;
    if (const auto after = ranges_.find(offset + bytes); after != ranges_.end()) {
      size = after->second == kEndless ? kEndless : size + after->second;
      remove(after);
    }
    if (auto next = ranges_.lower_bound(offset); next != ranges_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        offset = before->first;
        size = size == kEndless ? kEndless : size + before->second;
        remove(before);
      }
    }
    add(offset, size);
  }
  std::int64_t end() const { return end_; }

 private:
  using Ranges = std::map<std::int64_t, std::int64_t>;

  void add(std::int64_t offset, std::int64_t size) {
    ranges_[offset] = size;
    by_size_.emplace(size, offset);
  }
  void remove(Ranges::iterator range) {
    by_size_.erase({range->second, range->first});
    ranges_.erase(range);
  }

  static constexpr std::int64_t kEndless = std::int64_t{1} << 62;
  Ranges ranges_;                                            // sizes by offset
  std::set<std::pair<std::int64_t, std::int64_t>> by_size_;  // size, offset
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
      std::vector<Ref> reusable;
      if (can_reuse) reusable = find_reusable(part, dead);
      for (const Store& store : part.stores) {
        if (location(store.value).space != Space::none) continue;
        if (reuse(part, store, reusable, dead)) continue;
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
  // Those of the dead values of which each element is read before a store of it takes its place.
  static std::vector<Ref> find_reusable(const Part& part, const std::vector<Ref>& dead) {
    std::unordered_set<std::uint32_t> read_elsewhere;
    for (const Instruction& step : part.body) {
      if (step.kind != Instruction::Kind::load) continue;
      if (step.level == Level::element && is_row_major(step.view)) continue;
      for (const Piece& piece : step.view.pieces) read_elsewhere.insert(piece.base.id);
    }
    std::vector<Ref> reusable;
    std::ranges::copy_if(dead, std::back_inserter(reusable),
                         [&](Ref value) { return !read_elsewhere.contains(value.id); });
    return reusable;
  }
  // Takes the memory of a value that dies here.
  bool reuse(const Part& part, const Store& store, std::vector<Ref>& reusable,
             std::vector<Ref>& dead) {
    if (part.body[store.local].level != Level::element) return false;
    const auto old = std::ranges::find_if(reusable, [&](Ref value) {
      return tape_.bytes(value) == tape_.bytes(store.value) &&
             size_bytes(tape_.dtype(value)) == size_bytes(tape_.dtype(store.value));
    });
    if (old == reusable.end()) return false;
    location(store.value) = location(*old);
    std::erase(dead, *old);
    reusable.erase(old);
    return true;
  }

  Plan& plan_;
  const Tape& tape_;
  std::vector<int> last_read_;  // the last stage that reads it
  FreeRanges free_;
};

}  // namespace

void arrange(Plan& plan) { Arranger(plan).arrange(); }

}  // namespace tendon::plan
