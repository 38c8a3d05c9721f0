#include "host/explain/graph.h"

#include <algorithm>

#include "host/ops/op_row.h"

namespace tendon::explain {

Graph::Graph(const Recording& recording, std::span<const Entry> past) : recording_(recording) {
  std::unordered_map<NodeId, const Entry*> waiting;  // of the past
  for (const Entry& entry : past) waiting.try_emplace(entry.id, &entry);
  std::unordered_map<NodeId, Index> index;
  std::vector<const Entry*> stack;
  // What an entry takes from the past comes before it.
  const auto add_after_its_past = [&](const Entry& entry) {
    stack.push_back(&entry);
    while (!stack.empty()) {
      const Entry& next = *stack.back();
      const std::size_t before = stack.size();
      for (const NodeId operand : next.operands()) {
        const auto found = waiting.find(operand);
        if (found == waiting.end()) continue;
        stack.push_back(found->second);
        waiting.erase(found);
      }
      if (stack.size() > before) continue;
      stack.pop_back();
      add(next, index);
    }
  };
  for (const Log& log : recording.logs) {
    for (std::uint64_t i = 0; i < log.size(); ++i) add_after_its_past(log[i]);
  }
  for (const Entry& entry : past) {
    if (waiting.erase(entry.id) != 0) add_after_its_past(entry);
  }
  by_id_.assign(index.begin(), index.end());
  std::ranges::sort(by_id_);
  find_connected();
}

void Graph::add(const Entry& entry, std::unordered_map<NodeId, Index>& index) {
  // A leaf that is older is logged by each tape that meets it: the first entry counts.
  if (!index.try_emplace(entry.id, size()).second) return;
  const auto first = static_cast<std::uint32_t>(operands_.size());
  vertices_.push_back({&entry, first, recording_.standing_of(entry.id)});
  for (const NodeId operand : entry.operands()) {
    const auto found = index.find(operand);
    operands_.push_back(found == index.end() ? kNone : found->second);
  }
}

Graph::Index Graph::find(NodeId id) const {
  const auto found = std::ranges::lower_bound(by_id_, id, {}, &std::pair<NodeId, Index>::first);
  return found != by_id_.end() && found->first == id ? found->second : kNone;
}

bool Graph::carries(Index i, std::size_t k) const {
  const Entry& entry = (*this)[i];
  const Index operand = operands(i)[k];
  return entry.event == Event::op && is_floating(entry.dtype) &&
         (operand == kNone || is_floating((*this)[operand].dtype)) &&
         ops::row(entry.op).carries(static_cast<int>(k));
}

// The tape's own rule, for all watched values.
void Graph::find_connected() {
  connected_.assign(size(), false);
  for (Index i = 0; i < size(); ++i) {
    const Entry& entry = (*this)[i];
    if (entry.event != Event::op || standing(i) != Standing::recorded) continue;
    const auto operands = this->operands(i);
    for (std::size_t k = 0; k < operands.size() && !connected_[i]; ++k) {
      if (!carries(i, k)) continue;
      const Watch* watch = recording_.watch_of(entry.operands()[k]);
      connected_[i] = (operands[k] != kNone && connected_[operands[k]]) ||
                      (watch != nullptr && watch->from <= static_cast<std::uint64_t>(entry.id));
    }
  }
}

}  // namespace tendon::explain
