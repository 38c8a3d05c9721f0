#include "host/explain/explain.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "host/explain/ways.h"
#include "host/ops/op_row.h"
#include "host/support/text.h"

namespace tendon::explain {
namespace {

using Index = Graph::Index;

std::string name_of(const Entry& entry) {
  switch (entry.event) {
    case Event::data: return entry.called != nullptr ? entry.called : "from";
    case Event::read: return "read";
    case Event::assign: return "assign";
    case Event::host_read: return "host read";
    case Event::op: break;
  }
  return entry.called != nullptr ? entry.called : name(entry.op);
}

std::string described(const Entry& entry) {
  return fmt::format("{}{}", name_of(entry), support::at(entry.place));
}

std::optional<Place> known(Place place) {
  return place.line() == 0 ? std::nullopt : std::optional(place);
}

// "two other ways".
std::string counted(std::size_t count, const char* one, const char* many) {
  constexpr std::array kWords = {"no",  "one",   "two",   "three", "four", "five",
                                 "six", "seven", "eight", "nine",  "ten"};
  const std::string number = count < kWords.size() ? kWords[count] : fmt::format("{}", count);
  return fmt::format("{} {}", number, count == 1 ? one : many);
}

class Explainer {
 public:
  Explainer(const Graph& graph, std::span<const Subject> targets, const Subject& source)
      : graph_(graph),
        recording_(graph.recording()),
        targets_(targets),
        source_(source),
        ways_(graph, source, false) {}

  Explanation answer();

 private:
  std::optional<Explanation> is_target() const;
  std::optional<Explanation> is_of_another_tape() const;
  Index nearest_target() const;
  bool is_recorded(const Subject& target) const;
  bool goes_on_from_tape() const;

  Explanation explain_way(Index target) const;
  Explanation explain_connected(const std::vector<Index>& way) const;
  Explanation explain_cut(Index cut, const std::vector<Index>& way) const;
  Explanation explain_watched_late(Index user) const;
  Explanation explain_unwatched(Index user) const;
  Explanation explain_forgotten_watch(Index user) const;
  Explanation explain_forgotten(const std::string& what, Place where) const;
  Explanation explain_no_way() const;
  Explanation explain_unrecorded(const Subject& target) const;
  Explanation explain_unused() const;

  std::vector<Index> uses() const;
  bool was_watched_before_reset() const;
  std::string cell_name(std::uint64_t cell) const;
  std::string read_note() const;
  std::vector<Step> steps(const std::vector<Index>& way) const;
  std::vector<Step> find_other_cuts() const;
  std::vector<bool> are_targets() const;
  std::vector<bool> leading_to_targets() const;

  const Graph& graph_;
  const Recording& recording_;
  std::span<const Subject> targets_;
  const Subject& source_;
  Ways ways_;
};

Explanation Explainer::answer() {
  if (!is_floating(source_.dtype)) {
    return {Cause::cut_by_dtype,
            fmt::format("{} is {}: only floating tensors have gradients.", source_.label,
                        source_.dtype),
            source_.place};
  }
  if (std::optional<Explanation> explanation = is_target()) return *explanation;
  if (std::optional<Explanation> explanation = is_of_another_tape()) return *explanation;
  Index target = nearest_target();
  if (target == Graph::kNone) {
    Ways through_host(graph_, source_, true);
    std::swap(ways_, through_host);
    target = nearest_target();
    if (target == Graph::kNone) std::swap(ways_, through_host);
  }
  return target == Graph::kNone ? explain_no_way() : explain_way(target);
}

std::optional<Explanation> Explainer::is_target() const {
  for (const Subject& target : targets_) {
    const bool same_cell = source_.cell != 0 && source_.cell == target.value_of;
    const bool same_value = std::ranges::any_of(target.values, [&](NodeId id) {
      return std::ranges::find(source_.values, id) != source_.values.end();
    });
    if (same_cell || same_value) {
      return Explanation{Cause::connected, fmt::format("{} is itself a target.", source_.label),
                         source_.place};
    }
  }
  return std::nullopt;
}

std::optional<Explanation> Explainer::is_of_another_tape() const {
  const Subject* other = nullptr;
  for (const Subject& target : targets_) {
    if (is_recorded(target)) return std::nullopt;
    const Standing standing = recording_.standing_of(target.values.back());
    if (target.other_tape && standing != Standing::before_reset &&
        standing != Standing::other_thread) {
      other = &target;
    }
  }
  // A target that goes on from what this tape recorded is one that came too late.
  if (other == nullptr || goes_on_from_tape()) return std::nullopt;
  const std::string begun =
      other->other_tape->place
          ? fmt::format(", begun at {}", support::text(*other->other_tape->place))
          : "";
  return Explanation{
      Cause::other_tape,
      fmt::format("The target, {}, belongs to another tape{}; ask that one.", other->label, begun),
      other->place};
}

bool Explainer::goes_on_from_tape() const {
  const std::vector<bool> leads = leading_to_targets();
  for (Index i = 0; i < graph_.size(); ++i) {
    if (leads[i] && graph_[i].event == Event::op && graph_.standing(i) == Standing::recorded)
      return true;
  }
  return false;
}

// A variable's value is recorded where the tape watched its reading.
bool Explainer::is_recorded(const Subject& target) const {
  return std::ranges::any_of(target.values, [&](NodeId id) {
    const Index i = graph_.find(id);
    if (i == Graph::kNone || graph_.standing(i) != Standing::recorded) return false;
    const Entry& entry = graph_[i];
    if (entry.event == Event::read) return recording_.watch_of(id) != nullptr;
    return entry.event == Event::op &&
           (ops::row(entry.op).arity != 0 || entry.called == kGradientCall);
  });
}

Index Explainer::nearest_target() const {
  Index best = Graph::kNone;
  for (const Subject& target : targets_) {
    for (const NodeId id : target.values) {
      const Index i = graph_.find(id);
      if (i == Graph::kNone || !ways_.reaches(i)) continue;
      if (best == Graph::kNone || ways_[i].cost < ways_[best].cost) best = i;
    }
  }
  return best;
}

// ---- there is a way

Explanation Explainer::explain_way(Index target) const {
  const std::vector<Index> way = ways_.to(target);
  if (ways_[target].cost == 0) return explain_connected(way);
  // Unless the source was not watched in time, the cut that lies nearest to the target counts.
  const Index first = way.front();
  Explanation explanation;
  if (ways_[first].cut == Cut::watched_after_use) {
    explanation = explain_watched_late(first);
  } else if (ways_[first].cut == Cut::unwatched) {
    explanation = explain_unwatched(first);
  } else {
    const auto cut =
        std::find_if(way.rbegin(), way.rend(), [&](Index i) { return ways_[i].cut != Cut::none; });
    explanation = explain_cut(*cut, way);
  }
  explanation.way = steps(way);
  return explanation;
}

Explanation Explainer::explain_connected(const std::vector<Index>& way) const {
  const Entry& first = graph_[way.front()];
  const std::vector<Step> calls = steps(way);
  Explanation explanation{Cause::connected,
                          fmt::format("{} is used by {}, {} op{} before the target", source_.label,
                                      described(first), calls.size(), calls.size() == 1 ? "" : "s"),
                          first.place, calls, find_other_cuts()};
  const std::vector<Step>& cuts = explanation.other_cuts;
  if (!cuts.empty()) {
    explanation.text +=
        fmt::format("; {} cut: ", counted(cuts.size(), "other way is", "other ways are"));
    constexpr std::size_t kMostNamed = 8;
    for (std::size_t i = 0; i < std::min(cuts.size(), kMostNamed); ++i) {
      explanation.text += fmt::format("{}{}{}", i == 0 ? "" : ", ", cuts[i].op,
                                      cuts[i].where ? support::at(*cuts[i].where) : "");
    }
    if (cuts.size() > kMostNamed) explanation.text += ", ...";
  }
  explanation.text += '.';
  return explanation;
}

Explanation Explainer::explain_watched_late(Index user) const {
  const Entry& entry = graph_[user];
  Place watched_at = source_.watch_place;
  for (std::size_t k = 0; k < entry.operand_count; ++k) {
    if (!ways_.takes_source(user, k)) continue;
    if (const Watch* watch = recording_.watch_of(entry.operands()[k])) watched_at = watch->place;
  }
  return {Cause::watched_after_use,
          fmt::format("{} was used by {} before it was watched{}; watch it first.", source_.label,
                      described(entry), support::at(watched_at)),
          entry.place};
}

// `user`: the op that uses the source; kNone: nothing does.
Explanation Explainer::explain_unwatched(Index user) const {
  if (!source_.watched_cell && was_watched_before_reset()) return explain_forgotten_watch(user);
  std::string use;
  std::optional<Place> where = source_.place;
  if (user != Graph::kNone) {
    use = described(graph_[user]);
    where = graph_[user].place;
  }
  if (source_.cell == 0) {
    return {
        Cause::source_unwatched,
        fmt::format("{} is not watched by the tape; call tape.watch() on it{}.{}", source_.label,
                    use.empty() ? "" : " before its use by " + use, use.empty() ? read_note() : ""),
        where};
  }
  if (!source_.watched_cell) {
    return {
        Cause::source_unwatched,
        fmt::format("{} is not watched: {}; call tape.watch() on it{}.{}", source_.label,
                    recording_.watches_accessed_variables
                        ? "it is not trainable"
                        : "the tape does not watch the variables it meets",
                    use.empty() ? "" : " before its use by " + use, use.empty() ? read_note() : ""),
        where};
  }
  Index reading = Graph::kNone;
  for (std::size_t k = 0; k < graph_[user].operand_count; ++k) {
    if (ways_.takes_source(user, k)) reading = graph_.operands(user)[k];
  }
  const bool is_copy = reading != Graph::kNone && graph_[reading].event == Event::read &&
                       graph_.standing(reading) == Standing::before_tape &&
                       graph_.standing(user) != Standing::before_tape;
  if (is_copy) {
    return {Cause::source_unwatched,
            fmt::format("The value of {} was copied into a Tensor{} before the tape began, and {} "
                        "uses the copy, which the tape does not watch; keep the Variable and use "
                        "that inside the recorded block.",
                        source_.label, support::at(graph_[reading].place), use),
            graph_[reading].place};
  }
  const Standing standing = graph_.standing(reading == Graph::kNone ? user : reading);
  return {Cause::source_unwatched,
          fmt::format(
              "{} was read for {} {}, so the tape does not watch it there; read it inside "
              "the recorded block.",
              source_.label, use,
              standing == Standing::paused ? "while the tape was paused" : "before the tape began"),
          where};
}

// A tape that is spent forgets when it is resumed, as another does when it is reset.
Explanation Explainer::explain_forgotten_watch(Index user) const {
  const Forgetting& forgot = *recording_.forgot;
  return {
      forgot.by_reset ? Cause::after_reset : Cause::source_unwatched,
      fmt::format("{} was watched before {}{}, which forgot that; watch it again{}.", source_.label,
                  forgot.by_reset ? "reset()" : "resume()", support::at(forgot.place),
                  user == Graph::kNone ? "" : " before its use by " + described(graph_[user])),
      user == Graph::kNone ? source_.place : graph_[user].place};
}

Explanation Explainer::explain_forgotten(const std::string& what, Place where) const {
  const Forgetting& forgot = *recording_.forgot;
  return {forgot.by_reset ? Cause::after_reset : Cause::target_not_recorded,
          fmt::format("{} was computed before {}{}, which forgot what the tape had recorded; "
                      "compute it after that.",
                      what, forgot.by_reset ? "reset()" : "resume()", support::at(forgot.place)),
          where};
}

Explanation Explainer::explain_cut(Index cut, const std::vector<Index>& way) const {
  const Entry& entry = graph_[cut];
  const Place where = entry.place;
  switch (ways_[cut].cut) {
    case Cut::reset:
      return graph_.standing(cut) == Standing::before_reset
                 ? explain_forgotten(described(entry), where)
                 : explain_forgotten_watch(cut);
    case Cut::paused: {
      const Interval* pause = recording_.pause_of(entry.id);
      return {Cause::cut_by_pause,
              fmt::format("{} was computed while the tape was paused (since {}).", described(entry),
                          pause == nullptr ? "" : support::text(pause->place)),
              where};
    }
    case Cut::host_read: {
      const Entry& read = graph_[ways_[cut].from];
      return {
          Cause::cut_by_host_read,
          fmt::format(
              "The values read to the host{} came back as a new tensor{}, which has no history.",
              support::at(read.place), support::at(where)),
          read.place};
    }
    case Cut::assigned:
      return {Cause::cut_by_assign,
              fmt::format("The values flowed into {} by assign{}; no gradient flows through an "
                          "assign.",
                          cell_name(entry.note), support::at(where)),
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
    case Cut::other_thread: {
      // The last op of the other thread is what the tape lacks.
      const auto last = std::find_if(way.rbegin(), way.rend(), [&](Index i) {
        return graph_.standing(i) == Standing::other_thread;
      });
      const Entry& made = graph_[last == way.rend() ? cut : *last];
      return {Cause::other_thread,
              fmt::format("{} was computed from {} on another thread, which this tape does not "
                          "record; compute it on the tape's thread.",
                          described(made), source_.label),
              made.place};
    }
    default:
      return {
          Cause::target_not_recorded,
          fmt::format(
              "{} was computed {}, so it is not on the tape; compute it inside the recorded block.",
              described(entry),
              graph_.standing(cut) == Standing::before_tape ? "before the tape began"
                                                            : "after the tape stopped recording"),
          where};
  }
}

std::string Explainer::cell_name(std::uint64_t cell) const {
  for (const Recording::CellName& named : recording_.assigned) {
    if (named.cell == cell && !named.name->empty())
      return fmt::format("the variable '{}'", *named.name);
  }
  return "a variable";
}

// ---- there is no way

bool Explainer::was_watched_before_reset() const {
  if (!recording_.forgot) return false;
  const Forgetting& forgot = *recording_.forgot;
  return std::ranges::find(forgot.cells, source_.cell) != forgot.cells.end() ||
         std::ranges::any_of(source_.values, [&](NodeId id) {
           return std::ranges::find(forgot.watches, id) != forgot.watches.end();
         });
}

// What the tape saw the source reach, without what came before it or from elsewhere, and without
// backward passes: these follow from uses.
std::vector<Index> Explainer::uses() const {
  std::vector<Index> uses;
  std::vector<bool> is_use(graph_.size());
  for (Index i = 0; i < graph_.size(); ++i) {
    const Standing standing = graph_.standing(i);
    if (!ways_.reaches(i) || ways_.is_source(i) || graph_[i].called == kGradientCall) continue;
    if (standing != Standing::recorded && standing != Standing::paused) continue;
    const auto operands = graph_.operands(i);
    for (std::size_t k = 0; k < operands.size() && !is_use[i]; ++k) {
      is_use[i] = ways_.takes_source(i, k) || (operands[k] != Graph::kNone && is_use[operands[k]]);
    }
    if (is_use[i]) uses.push_back(i);
  }
  return uses;
}

std::vector<bool> Explainer::are_targets() const {
  std::vector<bool> targets(graph_.size());
  for (const Subject& target : targets_) {
    for (const NodeId id : target.values) {
      if (const Index i = graph_.find(id); i != Graph::kNone) targets[i] = true;
    }
  }
  return targets;
}

// For each entry, whether it leads to a target.
std::vector<bool> Explainer::leading_to_targets() const {
  std::vector<bool> leads = are_targets();
  for (Index i = graph_.size(); i-- > 0;) {
    if (!leads[i]) continue;
    for (const Index operand : graph_.operands(i)) {
      if (operand != Graph::kNone) leads[operand] = true;
    }
  }
  return leads;
}

// Where the source's value was read on the host: all that can be known of what a program does
// with it there.
std::string Explainer::read_note() const {
  for (Index i = graph_.size(); i-- > 0;) {
    const Entry& entry = graph_[i];
    if (entry.event != Event::host_read) continue;
    const bool is_its = ways_.takes_source(i, 0);
    const Index read = graph_.operands(i)[0];
    // A value computed from the source and read decides as well.
    if (!is_its && (read == Graph::kNone || !ways_.reaches(read))) continue;
    std::string note = fmt::format(
        " {} was read{}: what the host computes from it has no history, and a C++ if there may "
        "have left the source out.",
        is_its ? "Its value" : "A value computed from it", support::at(entry.place));
    const std::vector<bool> leads = leading_to_targets();
    for (Index made = i + 1; made < graph_.size(); ++made) {
      if (!leads[made] || graph_[made].op != Op::literal) continue;
      if (graph_.standing(made) != Standing::recorded) continue;
      return note + fmt::format(" The target uses a tensor made from values of the host{}.",
                                support::at(graph_[made].place));
    }
    return note;
  }
  return {};
}

Explanation Explainer::explain_unrecorded(const Subject& target) const {
  const NodeId id = target.values.back();
  const Standing standing = recording_.standing_of(id);
  if (standing == Standing::before_reset && target.event == Event::op) {
    return explain_forgotten(fmt::format("The target, {},", target.label), target.place);
  }
  const bool is_leaf = target.event != Event::op || ops::row(target.op).arity == 0;
  if (standing == Standing::other_thread && !is_leaf) {
    return {Cause::other_thread,
            fmt::format("The target, {}, was computed on another thread, which this tape does not "
                        "record.",
                        target.label),
            target.place};
  }
  const char* why = "";
  if (is_leaf) {
    why = ": it is a value that no op made";
  } else if (standing == Standing::before_tape) {
    why = ": it was computed before the tape began";
  } else if (standing == Standing::after_stop) {
    why = ": it was computed after the tape stopped recording";
  } else if (standing == Standing::paused) {
    why = ": it was computed while the tape was paused";
  }
  return {Cause::target_not_recorded,
          fmt::format("The target, {}, was not computed on this tape from anything{}.",
                      target.label, why),
          target.place};
}

Explanation Explainer::explain_no_way() const {
  bool watched = source_.cell != 0 && source_.watched_cell;
  for (const NodeId id : source_.values) {
    const Index i = graph_.find(id);
    watched |= recording_.watch_of(id) != nullptr || (i != Graph::kNone && graph_.is_connected(i));
  }
  if (!watched) return explain_unwatched(Graph::kNone);
  for (const Subject& target : targets_) {
    if (!is_recorded(target)) return explain_unrecorded(target);
  }
  return explain_unused();
}

Explanation Explainer::explain_unused() const {
  const std::vector<Index> uses = this->uses();
  if (uses.empty()) {
    const bool made =
        source_.event == Event::op && source_.cell == 0 && ops::row(source_.op).arity != 0;
    return {Cause::never_used,
            fmt::format(
                "Nothing recorded uses {}{}.{}", source_.label,
                made ? ", which is a new tensor; perhaps the one it was made from is meant" : "",
                read_note()),
            source_.place};
  }
  const std::vector<bool> leads = leading_to_targets();
  for (Index i = 0; i < graph_.size(); ++i) {
    if (!leads[i] || graph_[i].called != kGradientCall) continue;
    return {Cause::linear,
            fmt::format("The target, {}, comes of a derivative that does not depend on {}: what is "
                        "differentiated is linear in it, or does without it (it is used by {}).",
                        targets_.front().label, source_.label, described(graph_[uses.front()])),
            targets_.front().place};
  }
  // The ends: what the source reaches and nothing uses.
  std::vector<bool> is_used(graph_.size());
  for (const Index i : uses) {
    for (const Index operand : graph_.operands(i)) {
      if (operand != Graph::kNone) is_used[operand] = true;
    }
  }
  std::string ends;
  Explanation explanation;
  explanation.cause = Cause::dead_end;
  int named = 0;
  constexpr int kMostNamed = 3;
  for (auto i = uses.rbegin(); i != uses.rend() && named < kMostNamed; ++i) {
    if (is_used[*i] || graph_[*i].event != Event::op) continue;
    if (named == 0) {
      explanation.where = graph_[*i].place;
      explanation.way = steps(ways_.to(*i));
    }
    ends += (named++ == 0 ? "" : ", ") + described(graph_[*i]);
  }
  if (named == 0) {
    const Entry& last = graph_[uses.back()];
    explanation.where = last.place;
    ends = described(last);
  }
  explanation.text =
      fmt::format("{} is used, but what it feeds never reaches the target; it ends at {}.{}",
                  source_.label, ends, read_note());
  return explanation;
}

// ---- ways as steps

// The user's calls: what one call made is one step.
std::vector<Step> Explainer::steps(const std::vector<Index>& way) const {
  std::vector<Step> steps;
  const Entry* last = nullptr;
  for (const Index i : way) {
    const Entry& entry = graph_[i];
    if (entry.event == Event::read) continue;
    const bool cuts = ways_[i].cut != Cut::none;
    const bool same_call = last != nullptr && entry.called != nullptr &&
                           entry.called == last->called &&
                           support::text(entry.place) == support::text(last->place);
    last = &entry;
    if (same_call) {
      steps.back().cuts |= cuts;
    } else {
      steps.push_back({name_of(entry), known(entry.place), cuts});
    }
  }
  return steps;
}

// Where other ways from the source to a target are cut, each at the cut nearest to the target. An
// operand that an op takes to select by, the condition of a where, is no way; nor is what a
// function of the library does inside.
std::vector<Step> Explainer::find_other_cuts() const {
  const Ways ways(graph_, source_, true);
  const auto selects = [&](Index i, std::size_t k) {
    const Entry& entry = graph_[i];
    if (entry.event != Event::op) return false;
    const ops::OpRow& row = ops::row(entry.op);
    return row.differentiable != 0 && !row.carries(static_cast<int>(k));
  };
  // Of what came before the tape or from another thread, the value that the tape takes is the cut.
  const auto is_outside = [&](Index i) {
    const Standing standing = graph_.standing(i);
    return standing == Standing::before_tape || standing == Standing::before_reset ||
           standing == Standing::other_thread;
  };
  std::vector<bool> leads = are_targets();
  std::vector<Step> cuts;
  const auto add = [&](Index i) {
    const Entry& entry = graph_[i];
    Step step{name_of(entry), known(entry.place), true};
    const bool is_known = std::ranges::any_of(cuts, [&](const Step& other) {
      return other.op == step.op && other.where.has_value() == step.where.has_value() &&
             (!step.where || support::text(*other.where) == support::text(*step.where));
    });
    if (!is_known) cuts.push_back(std::move(step));
  };
  for (Index i = graph_.size(); i-- > 0;) {
    if (!leads[i]) continue;
    const Entry& entry = graph_[i];
    if (ways[i].cut == Cut::host_read) add(i);
    const auto operands = graph_.operands(i);
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const bool from_source = ways.takes_source(i, k);
      const bool reached =
          from_source || (operands[k] != Graph::kNone && ways.reaches(operands[k]));
      if (!reached || selects(i, k)) continue;
      if (!from_source && is_outside(operands[k]) && !is_outside(i)) {
        add(operands[k]);
        continue;
      }
      if (ways.cut_of_edge(i, k) == Cut::none) {
        if (operands[k] != Graph::kNone && !from_source) leads[operands[k]] = true;
      } else if (entry.called == nullptr) {
        add(i);
      }
    }
  }
  // As they are read: the operands of one expression are recorded in any order.
  std::ranges::reverse(cuts);
  std::ranges::stable_sort(cuts, {}, [](const Step& cut) {
    const Place place = cut.where.value_or(Place());
    return std::tuple(std::string_view(place.file_name()), place.line(), place.column());
  });
  return cuts;
}

}  // namespace

Explanation explain(const Graph& graph, std::span<const Subject> targets, const Subject& source) {
  Explanation explanation = Explainer(graph, targets, source).answer();
  if (explanation.where && explanation.where->line() == 0) explanation.where.reset();
  // A label begins the sentence: "the tensor ...", "the variable ...".
  if (explanation.text.starts_with("the ")) explanation.text.front() = 'T';
  return explanation;
}

}  // namespace tendon::explain
