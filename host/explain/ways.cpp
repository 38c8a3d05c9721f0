#include "host/explain/ways.h"

#include <algorithm>
#include <unordered_map>

#include "host/ops/op_row.h"

namespace tendon::explain {
namespace {

// Of two ways with one cut each, the one counts whose source was not watched in time.
constexpr std::uint32_t kWatchCost = 2;
constexpr std::uint32_t kCutCost = 3;

std::uint32_t cost_of(Cut cut) {
  if (cut == Cut::none) return 0;
  return is_watch_cut(cut) || cut == Cut::reset ? kWatchCost : kCutCost;
}

}  // namespace

Ways::Ways(const Graph& graph, const Subject& source, bool through_host)
    : graph_(&graph), source_(&source), arrivals_(graph.size()) {
  std::unordered_map<std::uint64_t, Index> host_reads;  // hash of values -> the entry of the read
  for (Index i = 0; i < graph.size(); ++i) {
    const Entry& entry = graph[i];
    if (entry.event == Event::host_read) {
      const Index read = graph.operands(i)[0];
      const bool reached = takes_source(i, 0) || (read != Graph::kNone && reaches(read));
      if (through_host && entry.note != 0 && reached) host_reads.insert_or_assign(entry.note, i);
      continue;
    }
    if (entry.event == Event::data && entry.note != 0) {
      if (const auto found = host_reads.find(entry.note); found != host_reads.end()) {
        const Index read = graph.operands(found->second)[0];
        const std::uint32_t cost = takes_source(found->second, 0) ? 0 : arrivals_[read].cost;
        arrive(i, found->second, cost, Cut::host_read);
      }
    }
    const auto operands = graph.operands(i);
    for (std::size_t k = 0; k < operands.size(); ++k) {
      if (takes_source(i, k)) {
        arrive(i, Graph::kNone, 0, cut_of_edge(i, k));
      } else if (operands[k] != Graph::kNone && reaches(operands[k])) {
        arrive(i, operands[k], arrivals_[operands[k]].cost, cut_of_edge(i, k));
      }
    }
  }
}

void Ways::arrive(Index i, Index from, std::uint32_t cost, Cut cut) {
  cost += cost_of(cut);
  Arrival& arrival = arrivals_[i];
  // Of equal ways the one through the latest operand.
  if (cost < arrival.cost || (cost == arrival.cost && arrival.from != Graph::kNone &&
                              from != Graph::kNone && from > arrival.from)) {
    arrival = {cost, from, cut};
  }
}

bool Ways::is_source(NodeId id) const {
  return std::ranges::find(source_->values, id) != source_->values.end();
}

bool Ways::is_source(Index i) const {
  const Entry& entry = (*graph_)[i];
  if (source_->cell == 0) return is_source(entry.id);
  return (entry.event == Event::read || entry.event == Event::assign) &&
         entry.note == source_->cell;
}

bool Ways::takes_source(Index i, std::size_t k) const {
  const Index operand = graph_->operands(i)[k];
  return operand == Graph::kNone ? is_source((*graph_)[i].operands()[k]) : is_source(operand);
}

// A reading of the source, a variable, that the tape does not watch, at its use.
Cut Ways::cut_of_reading(Index user, std::size_t k) const {
  const Index reading = graph_->operands(user)[k];
  // Where no tape recorded, reading was nothing but using.
  const Index read =
      reading != Graph::kNone && (*graph_)[reading].event == Event::read ? reading : user;
  const Standing standing = graph_->standing(read);
  if (standing == Standing::other_thread) return Cut::other_thread;
  if (static_cast<std::uint64_t>((*graph_)[read].id) < source_->watched_from)
    return Cut::watched_after_use;
  if (!source_->watched_cell) return Cut::unwatched;
  if (standing == Standing::before_reset) return Cut::reset;
  // A variable that the tape has seen elsewhere is told by what this use lacks.
  if (graph_->standing(user) == Standing::paused) return Cut::paused;
  return standing == Standing::after_stop ? Cut::not_recorded : Cut::unwatched;
}

Cut Ways::cut_of_source_edge(Index i, std::size_t k) const {
  const NodeId id = (*graph_)[i].operands()[k];
  const Index operand = graph_->operands(i)[k];
  if (operand != Graph::kNone && graph_->is_connected(operand)) return Cut::none;
  const Standing standing = graph_->standing(i);
  if (standing == Standing::other_thread) return Cut::other_thread;
  const Watch* watch = graph_->recording().watch_of(id);
  if (watch == nullptr && source_->cell != 0) return cut_of_reading(i, k);
  if (standing == Standing::before_reset) return Cut::reset;
  if (watch != nullptr) {
    return watch->from > static_cast<std::uint64_t>((*graph_)[i].id) ? Cut::watched_after_use
                                                                     : Cut::none;
  }
  const auto& forgot = graph_->recording().forgot;
  return forgot && std::ranges::find(forgot->watches, id) != forgot->watches.end() ? Cut::reset
                                                                                   : Cut::unwatched;
}

// The cut of an entry that the tape did not record. Of a stretch of entries before the tape or on
// another thread, the first alone is cut.
Cut Ways::cut_of_standing(Index i, Index operand) const {
  const Standing standing = graph_->standing(i);
  const bool goes_on = operand == Graph::kNone || graph_->standing(operand) == standing;
  switch (standing) {
    case Standing::recorded: return Cut::none;
    case Standing::paused: return Cut::paused;
    case Standing::after_stop: return Cut::not_recorded;
    case Standing::before_tape: return goes_on ? Cut::none : Cut::not_recorded;
    case Standing::before_reset: return goes_on ? Cut::none : Cut::reset;
    case Standing::other_thread: return goes_on ? Cut::none : Cut::other_thread;
  }
  __builtin_unreachable();
}

Cut Ways::cut_of_edge(Index i, std::size_t k) const {
  const Entry& entry = (*graph_)[i];
  const Index operand = graph_->operands(i)[k];
  const bool from_source = takes_source(i, k);
  if (from_source) {
    if (const Cut cut = cut_of_source_edge(i, k); cut != Cut::none) return cut;
  }
  if (entry.event == Event::assign) return Cut::assigned;
  if (entry.event == Event::read) return Cut::none;  // the assign that it reads was the cut
  // Beyond the op where values left the floating types, the cut was that op.
  const bool floating = from_source
                            ? is_floating(source_->dtype)
                            : operand == Graph::kNone || is_floating((*graph_)[operand].dtype);
  if (entry.op == Op::stop_gradient) return Cut::stop_gradient;
  if (floating && !ops::row(entry.op).carries(static_cast<int>(k))) return Cut::op;
  if (floating && !is_floating(entry.dtype)) return Cut::dtype;
  return cut_of_standing(i, operand);
}

std::vector<Ways::Index> Ways::to(Index last) const {
  std::vector<Index> way;
  for (Index i = last; i != Graph::kNone && reaches(i);) {
    way.push_back(i);
    const Arrival& arrival = arrivals_[i];
    if (arrival.cut == Cut::host_read) {
      way.push_back(arrival.from);
      i = takes_source(arrival.from, 0) ? Graph::kNone : graph_->operands(arrival.from)[0];
    } else {
      i = arrival.from;
    }
  }
  std::ranges::reverse(way);
  return way;
}

}  // namespace tendon::explain
