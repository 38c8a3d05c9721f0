#include "host/explain/explain.h"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

#include "host/ops/op_row.h"
#include "host/support/text.h"

namespace tendon::explain {

bool Recording::records(NodeId id) const {
  const auto i = static_cast<std::uint64_t>(id);
  // Ascending intervals: the last that begins at or before the id.
  auto after = std::ranges::upper_bound(recorded, i, {}, &Interval::begin);
  return after != recorded.begin() && i < std::prev(after)->end;
}

const Watch* Recording::watch_of(NodeId id) const {
  const auto found = std::ranges::lower_bound(watches, id, {}, &Watch::node);
  return found != watches.end() && found->node == id ? &*found : nullptr;
}

namespace {

// The entries of a log by index, and indices by id.
class Entries {
 public:
  explicit Entries(const Log& log) : log_(log) {
    if (!log.chunks.empty()) begin_ = log.chunks.front()->first;
  }
  std::uint32_t count() const {
    return log_.chunks.empty() ? 0 : static_cast<std::uint32_t>(log_.end - begin_);
  }
  const Entry& operator[](std::uint32_t index) const {
    return log_.chunks[index / kChunkEntries]->entries[index % kChunkEntries];
  }
  NodeId id(std::uint32_t index) const { return NodeId{begin_ + index}; }
  std::optional<std::uint32_t> index(NodeId id) const {
    const auto i = static_cast<std::uint64_t>(id);
    if (log_.chunks.empty() || i < begin_ || i >= log_.end) return std::nullopt;
    return static_cast<std::uint32_t>(i - begin_);
  }

 private:
  const Log& log_;
  std::uint64_t begin_ = 0;
};

// What severs an edge of a way from the source to a target.
enum class Cut : std::uint8_t {
  none,
  watched_after_use,
  unwatched,
  paused,
  host_read,
  assigned,
  op,
  dtype,
  stop_gradient,
  not_recorded,
};

constexpr std::uint32_t kUnreached = std::numeric_limits<std::uint32_t>::max();
// A way is judged by its cuts: as few as possible, and of two ways with one cut each, the one whose
// cut is that the source was not watched in time.
constexpr std::uint32_t kWatchCost = 2;
constexpr std::uint32_t kCutCost = 3;

std::string described(const Entry& entry) {
  return fmt::format("{}{}", entry.called != nullptr ? entry.called : name(entry.op),
                     support::at(entry.place));
}

class Search {
 public:
  Search(const Recording& recording, std::span<const Subject> targets, const Subject& source)
      : recording_(recording), targets_(targets), source_(source), entries_(recording.log) {}

  Explanation answer();

 private:
  // How the best way from the source arrives at an entry.
  struct Arrival {
    std::uint32_t cost = kUnreached;
    std::uint32_t from = kUnreached;  // index of the operand's entry; kUnreached: the source itself
    Cut cut = Cut::none;              // of the last edge
  };

  bool is_source(NodeId id) const {
    return std::ranges::find(source_.values, id) != source_.values.end();
  }
  bool is_source(std::uint32_t index) const {
    const Entry& entry = entries_[index];
    if (source_.cell != 0) {
      return (entry.event == Event::read || entry.event == Event::assign) &&
             entry.note == source_.cell;
    }
    return is_source(entries_.id(index));
  }

  void find_connected();
  void find_ways(bool through_host);
  void arrive(std::uint32_t index, std::uint32_t from, std::uint32_t cost, Cut cut);
  Cut cut_of_edge(std::uint32_t index, std::size_t operand, bool from_source) const;
  Cut cut_of_reading(std::uint32_t user, NodeId reading) const;
  bool is_paused(NodeId id) const;
  std::uint32_t nearest_target() const;

  Explanation explain_way(std::uint32_t target) const;
  Explanation explain_connected(std::uint32_t target) const;
  Explanation explain_cut(std::uint32_t index, const Arrival& arrival) const;
  Explanation explain_watched_late(std::uint32_t user) const;
  Explanation explain_unwatched(const Entry* user) const;
  Explanation explain_no_way() const;
  std::string read_note() const;

  const Recording& recording_;
  std::span<const Subject> targets_;
  const Subject& source_;
  Entries entries_;
  std::vector<bool> connected_;  // computed from something watched, as the tape saw it
  std::vector<Arrival> arrivals_;
};

// The tape's own rule, for all watched values.
void Search::find_connected() {
  connected_.assign(entries_.count(), false);
  for (std::uint32_t i = 0; i < entries_.count(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.event != Event::op || !is_floating(entry.dtype) ||
        !recording_.records(entries_.id(i))) {
      continue;
    }
    const ops::OpRow& row = ops::row(entry.op);
    const auto operands = entry.operands();
    for (std::size_t k = 0; k < operands.size() && !connected_[i]; ++k) {
      if (!row.carries(static_cast<int>(k))) continue;
      const auto operand = entries_.index(operands[k]);
      const Watch* watch = recording_.watch_of(operands[k]);
      connected_[i] =
          (operand && connected_[*operand]) ||
          (watch != nullptr && watch->from <= static_cast<std::uint64_t>(entries_.id(i)));
    }
  }
}

bool Search::is_paused(NodeId id) const {
  const auto i = static_cast<std::uint64_t>(id);
  return std::ranges::any_of(
      recording_.paused, [i](const Interval& pause) { return pause.begin <= i && i < pause.end; });
}

// Of a reading of the source, a variable, that the tape did not watch, at its use.
Cut Search::cut_of_reading(std::uint32_t user, NodeId reading) const {
  const auto at = entries_.index(reading);
  // Where no tape recorded, reading was nothing but using.
  const NodeId read = at && entries_[*at].event == Event::read ? reading : entries_.id(user);
  const auto i = static_cast<std::uint64_t>(read);
  if (i < source_.watched_from) return Cut::watched_after_use;
  if (source_.watched_cell && i >= recording_.began) {
    // A variable that the tape has seen elsewhere is told by what this use lacks.
    if (is_paused(entries_.id(user)) && source_.values.size() > 1) return Cut::paused;
    if (!recording_.records(read) && !is_paused(read)) return Cut::not_recorded;
  }
  return Cut::unwatched;
}

Cut Search::cut_of_edge(std::uint32_t index, std::size_t operand, bool from_source) const {
  const Entry& entry = entries_[index];
  const NodeId id = entries_.id(index);
  const NodeId operand_id = entry.operands()[operand];
  if (from_source) {
    const auto at = entries_.index(operand_id);
    const bool computed = at && connected_[*at];
    const Watch* watch = recording_.watch_of(operand_id);
    if (!computed && watch == nullptr) {
      return source_.cell == 0 ? Cut::unwatched : cut_of_reading(index, operand_id);
    }
    if (!computed && watch->from > static_cast<std::uint64_t>(id)) return Cut::watched_after_use;
  }
  if (entry.event == Event::assign) return Cut::assigned;
  if (entry.event == Event::read) return Cut::none;  // the assign that it reads was the cut
  // Beyond the op where values left the floating types, the cut was that op.
  const auto at = entries_.index(operand_id);
  const bool floating =
      from_source ? is_floating(source_.dtype) : !at || is_floating(entries_[*at].dtype);
  if (entry.op == Op::stop_gradient) return Cut::stop_gradient;
  if (floating && !ops::row(entry.op).carries(static_cast<int>(operand))) return Cut::op;
  if (floating && !is_floating(entry.dtype)) return Cut::dtype;
  if (!recording_.records(id)) {
    return is_paused(id) ? Cut::paused : Cut::not_recorded;
  }
  return Cut::none;
}

void Search::arrive(std::uint32_t index, std::uint32_t from, std::uint32_t cost, Cut cut) {
  if (cut == Cut::watched_after_use || cut == Cut::unwatched) {
    cost += kWatchCost;
  } else if (cut != Cut::none) {
    cost += kCutCost;
  }
  Arrival& arrival = arrivals_[index];
  // Of equal ways the one through the latest operand.
  if (cost < arrival.cost || (cost == arrival.cost && arrival.from != kUnreached &&
                              from != kUnreached && from > arrival.from)) {
    arrival = {cost, from, cut};
  }
}

// From the source onwards, each entry's best arrival. With `through_host`, values that were read to
// the host and came back as bit-equal data make a way too.
void Search::find_ways(bool through_host) {
  arrivals_.assign(entries_.count(), {});
  std::unordered_map<std::uint64_t, std::uint32_t> host_reads;  // hash of values -> the entry read
  for (std::uint32_t i = 0; i < entries_.count(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.event == Event::host_read) {
      const auto read = entries_.index(entry.operands()[0]);
      const bool reached = read && (arrivals_[*read].cost != kUnreached || is_source(*read));
      if (through_host && entry.note != 0 && (reached || is_source(entry.operands()[0]))) {
        host_reads.insert_or_assign(entry.note, i);
      }
      continue;
    }
    if (entry.event == Event::data && through_host && entry.note != 0) {
      if (const auto found = host_reads.find(entry.note); found != host_reads.end()) {
        const auto read = entries_.index(entries_[found->second].operands()[0]);
        const std::uint32_t cost =
            read && arrivals_[*read].cost != kUnreached ? arrivals_[*read].cost : 0;
        arrive(i, found->second, cost, Cut::host_read);
      }
    }
    const auto operands = entry.operands();
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const auto operand = entries_.index(operands[k]);
      const bool starts = operand ? is_source(*operand) : is_source(operands[k]);
      if (starts) {
        arrive(i, operand.value_or(kUnreached), 0, cut_of_edge(i, k, true));
      } else if (operand && arrivals_[*operand].cost != kUnreached) {
        arrive(i, *operand, arrivals_[*operand].cost, cut_of_edge(i, k, false));
      }
    }
  }
}

// The target entry with the best way; kUnreached where none has one.
std::uint32_t Search::nearest_target() const {
  std::uint32_t best = kUnreached;
  for (const Subject& target : targets_) {
    for (const NodeId id : target.values) {
      const auto index = entries_.index(id);
      if (!index || arrivals_[*index].cost == kUnreached) continue;
      if (best == kUnreached || arrivals_[*index].cost < arrivals_[best].cost) best = *index;
    }
  }
  return best;
}

Explanation Search::answer() {
  if (!is_floating(source_.dtype)) {
    return {Cause::cut_by_dtype,
            fmt::format("{} is {}: only floating tensors have gradients.", source_.label,
                        source_.dtype),
            source_.place};
  }
  for (const Subject& target : targets_) {
    const bool same_cell = source_.cell != 0 && source_.cell == target.value_of;
    const bool same_value =
        std::ranges::any_of(target.values, [&](NodeId id) { return is_source(id); });
    if (same_cell || same_value) {
      return {Cause::connected, fmt::format("{} is itself a target.", source_.label),
              source_.place};
    }
  }
  find_connected();
  find_ways(false);
  std::uint32_t target = nearest_target();
  if (target == kUnreached) {
    find_ways(true);
    target = nearest_target();
    if (target == kUnreached) find_ways(false);
  }
  return target == kUnreached ? explain_no_way() : explain_way(target);
}

Explanation Search::explain_way(std::uint32_t target) const {
  if (arrivals_[target].cost == 0) return explain_connected(target);
  // Walking back from the target: the first cut met, unless the source was not watched in time.
  std::uint32_t first = kUnreached;
  std::uint32_t last = target;
  for (std::uint32_t i = target; i != kUnreached;) {
    const Arrival& arrival = arrivals_[i];
    if (arrival.cost == kUnreached) break;
    if (arrival.cut != Cut::none && first == kUnreached) first = i;
    last = i;
    if (arrival.cut == Cut::watched_after_use || arrival.cut == Cut::unwatched) break;
    if (arrival.cut == Cut::host_read) {
      i = entries_.index(entries_[arrival.from].operands()[0]).value_or(kUnreached);
    } else {
      i = arrival.from;
    }
    if (i != kUnreached && is_source(i)) break;
  }
  const Arrival& start = arrivals_[last];
  if (start.cut == Cut::watched_after_use) return explain_watched_late(last);
  if (start.cut == Cut::unwatched) return explain_unwatched(&entries_[last]);
  return explain_cut(first, arrivals_[first]);
}

Explanation Search::explain_connected(std::uint32_t target) const {
  std::uint32_t ops = 0;
  std::uint32_t first = target;
  for (std::uint32_t i = target; i != kUnreached && !is_source(i); i = arrivals_[i].from) {
    ++ops;
    first = i;
  }
  return {Cause::connected,
          fmt::format("{} is used by {}, {} op{} before the target.", source_.label,
                      described(entries_[first]), ops, ops == 1 ? "" : "s"),
          entries_[first].place};
}

Explanation Search::explain_watched_late(std::uint32_t user) const {
  const Entry& entry = entries_[user];
  NodeId used{};
  for (const NodeId id : entry.operands()) {
    const auto index = entries_.index(id);
    if (index ? is_source(*index) : is_source(id)) used = id;
  }
  const Watch* watch = recording_.watch_of(used);
  const Place watched_at = watch == nullptr ? source_.watch_place : watch->place;
  return {Cause::watched_after_use,
          fmt::format("{} was used by {} before it was watched{}; watch it first.", source_.label,
                      described(entry), support::at(watched_at)),
          entry.place};
}

Explanation Search::explain_unwatched(const Entry* user) const {
  std::string text;
  std::optional<Place> where = source_.place;
  if (user != nullptr) where = user->place;
  const std::string use =
      user == nullptr ? "" : fmt::format(" before its use by {}", described(*user));
  if (source_.cell != 0 && source_.watched_cell) {
    text = fmt::format(
        "{} was read{} {}, so the tape does not watch it there; read it inside the recorded block.",
        source_.label, user == nullptr ? "" : fmt::format(" for {}", described(*user)),
        recording_.paused.empty() ? "before the tape began" : "while the tape was paused");
  } else if (source_.cell != 0) {
    text = fmt::format("{} is not watched: {}; call tape.watch() on it{}.", source_.label,
                       recording_.watches_accessed_variables
                           ? "it is not trainable"
                           : "the tape does not watch the variables it meets",
                       use);
  } else {
    text = fmt::format("{} is not watched by the tape; call tape.watch() on it{}.", source_.label,
                       use);
  }
  return {Cause::source_unwatched, text, where};
}

Explanation Search::explain_cut(std::uint32_t index, const Arrival& arrival) const {
  const Entry& entry = entries_[index];
  const Place where = entry.place;
  switch (arrival.cut) {
    case Cut::paused: {
      std::string since;
      for (const Interval& pause : recording_.paused) {
        const auto i = static_cast<std::uint64_t>(entries_.id(index));
        if (pause.begin <= i && i < pause.end) since = support::text(pause.place);
      }
      return {Cause::cut_by_pause,
              fmt::format("{} was computed while the tape was paused (since {}).", described(entry),
                          since),
              where};
    }
    case Cut::host_read: {
      const Entry& read = entries_[arrival.from];
      return {
          Cause::cut_by_host_read,
          fmt::format(
              "The values read to the host{} came back as a new tensor{}, which has no history.",
              support::at(read.place), support::at(where)),
          read.place};
    }
    case Cut::assigned:
      return {
          Cause::cut_by_assign,
          fmt::format(
              "The values flowed into a variable by assign{}; no gradient flows through an assign.",
              support::at(where)),
          where};
    case Cut::op:
      return {Cause::cut_by_op, fmt::format("{} has no gradient.", described(entry)), where};
    case Cut::dtype:
      return {Cause::cut_by_dtype,
              fmt::format("{} gives {}: no gradient flows through integers and booleans.",
                          described(entry), entry.dtype),
              where};
    case Cut::stop_gradient:
      return {Cause::cut_by_stop_gradient,
              fmt::format("{} cuts the way to the target.", described(entry)), where};
    default: {
      const bool before = static_cast<std::uint64_t>(entries_.id(index)) < recording_.began;
      return {
          Cause::target_not_recorded,
          fmt::format(
              "{} was computed {}, so it is not on the tape; compute it inside the recorded block.",
              described(entry),
              before ? "before the tape began" : "after the tape stopped recording"),
          where};
    }
  }
}

// "its value was read at fit.cpp:41", which is all that can be known of a C++ if.
std::string Search::read_note() const {
  for (std::uint32_t i = entries_.count(); i-- > 0;) {
    const Entry& entry = entries_[i];
    if (entry.event != Event::host_read) continue;
    const auto read = entries_.index(entry.operands()[0]);
    if (read ? is_source(*read) : is_source(entry.operands()[0])) {
      return fmt::format(" Its value was read{}: a C++ if there may have left it out.",
                         support::at(entry.place));
    }
    // A value computed from the source and read decides as well.
    if (read && arrivals_[*read].cost != kUnreached) {
      return fmt::format(
          " A value computed from it was read{}: a C++ if there may have left it out.",
          support::at(entry.place));
    }
  }
  return {};
}

Explanation Search::explain_no_way() const {
  bool used = false;
  bool watched = source_.cell != 0 && source_.watched_cell;
  for (const NodeId id : source_.values) {
    const auto index = entries_.index(id);
    watched |= recording_.watch_of(id) != nullptr || (index && connected_[*index]);
  }
  if (!watched) return explain_unwatched(nullptr);

  const Subject* unrecorded = nullptr;
  for (const Subject& target : targets_) {
    const bool recorded = std::ranges::any_of(target.values, [&](NodeId id) {
      const auto index = entries_.index(id);
      return index && entries_[*index].event == Event::op &&
             ops::row(entries_[*index].op).arity != 0 && recording_.records(id);
    });
    if (!recorded) unrecorded = &target;
  }
  if (unrecorded != nullptr) {
    return {Cause::target_not_recorded,
            fmt::format(
                "The target, {}, was not computed on this tape from anything{}.", unrecorded->label,
                unrecorded->event == Event::op ? ": it was made outside the recorded block or on "
                                                 "another thread"
                                               : ""),
            unrecorded->place};
  }

  // What the source reaches that nothing else consumes.
  std::vector<bool> consumed(entries_.count(), false);
  for (std::uint32_t i = 0; i < entries_.count(); ++i) {
    if (arrivals_[i].cost == kUnreached) continue;
    used |= entries_[i].event == Event::op;
    if (arrivals_[i].from != kUnreached) consumed[arrivals_[i].from] = true;
    for (const NodeId operand : entries_[i].operands()) {
      if (const auto index = entries_.index(operand)) consumed[*index] = true;
    }
  }
  if (!used) {
    const bool made =
        source_.event == Event::op && source_.cell == 0 && ops::row(source_.op).arity != 0;
    return {Cause::never_used,
            fmt::format(
                "Nothing recorded uses {}{}.{}", source_.label,
                made ? ", which is a new tensor; perhaps the one it was made from is meant" : "",
                read_note()),
            source_.place};
  }
  std::string ends;
  std::optional<Place> where;
  int named = 0;
  for (std::uint32_t i = entries_.count(); i-- > 0 && named < 3;) {
    if (arrivals_[i].cost == kUnreached || consumed[i] || entries_[i].event != Event::op) continue;
    if (!where) where = entries_[i].place;
    ends += (named++ == 0 ? "" : ", ") + described(entries_[i]);
  }
  return {Cause::dead_end,
          fmt::format("{} is used, but what it feeds never reaches the target; it ends at {}.{}",
                      source_.label, ends, read_note()),
          where};
}

}  // namespace

Explanation explain(const Recording& recording, std::span<const Subject> targets,
                    const Subject& source) {
  Explanation explanation = Search(recording, targets, source).answer();
  if (explanation.where && explanation.where->line() == 0) explanation.where.reset();
  if (!explanation.text.empty()) {
    char& first = explanation.text.front();
    if (first == 't') first = 'T';  // "the tensor ..." and "the variable ..." begin sentences
  }
  return explanation;
}

}  // namespace tendon::explain
