#include "host/record/past.h"

#include <memory>
#include <unordered_set>
#include <vector>

#include "host/record/history.h"

namespace tendon::record {
namespace {

constexpr std::size_t kMostRuns = 256;  // one behind another

// What lies behind a variable's value came there by an assign, which no way passes. A macro's
// result is taken to depend on all that the macro reads.
std::span<Node* const> operands_of(const Node& node) {
  if (node.event == explain::Event::read || node.event == explain::Event::assign) return {};
  if (node.macro_output != 0 && node.operand_count != 0) return node.operands()[0]->operands();
  return node.operands();
}

// The past of values that are there: what the runs that computed them have read.
class ComputedPast {
 public:
  ComputedPast(std::size_t most, const VisitEntry& visit) : most_(most), visit_(visit) {}

  // Visits what the value was made from; gives the ids of that.
  support::PoolVector<explain::NodeId> visit_behind(const Storage& value) {
    const auto made = made_of(value);
    return made ? visit_inputs(*made) : support::PoolVector<explain::NodeId>();
  }

 private:
  std::optional<History::Made> made_of(const Storage& value) const {
    if (value.history() == nullptr) return std::nullopt;
    return made_from(*value.history(), value.history_value(), most_);
  }

  support::PoolVector<explain::NodeId> visit_inputs(const History::Made& made) {
    support::PoolVector<explain::NodeId> ids;
    for (const History::Input& input : made.from) {
      ids.push_back(input.id);
      if (met_.size() == most_ || !met_.insert(input.id).second) continue;
      explain::Facts facts;
      facts.id = input.id;
      facts.note = input.cell;
      if (input.cell != 0) {
        facts.event = explain::Event::assign;
        visit_(facts, {});
      } else if (const std::shared_ptr<Storage> storage = input.storage.lock()) {
        held_.push_back(storage);
        const auto behind = runs_ < kMostRuns ? made_of(*storage) : std::nullopt;
        if (!behind) continue;
        facts.op = behind->op;
        facts.dtype = behind->dtype;
        facts.called = behind->called;
        facts.place = behind->place;
        ++runs_;
        const auto operands = visit_inputs(*behind);
        --runs_;
        visit_(facts, operands);
      }
    }
    return ids;
  }

  std::size_t most_;
  const VisitEntry& visit_;
  std::unordered_set<explain::NodeId> met_;
  std::size_t runs_ = 0;
  std::vector<std::shared_ptr<Storage>> held_;  // until the graph is unlocked
};

}  // namespace

void for_past(std::span<const NodePtr> nodes, std::size_t most,
              const std::function<bool(const Node&)>& is_known, const VisitEntry& visit) {
  struct Frame {
    Node* node;
    std::uint32_t next;
  };
  ComputedPast computed(most, visit);
  support::PoolVector<Frame> stack;
  support::PoolVector<explain::NodeId> operands;
  const std::scoped_lock lock(graph_mutex());
  const std::uint64_t walk = next_walk();
  std::size_t met = 0;
  const auto meet = [&](Node& node) {
    if (node.visit == walk || met == most || is_known(node)) return;
    node.visit = walk;
    ++met;
    stack.push_back({&node, 0});
  };
  for (const NodePtr& root : nodes) {
    meet(*root);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      Node& node = *frame.node;
      const std::span<Node* const> made_of = operands_of(node);
      if (frame.next < made_of.size()) {
        meet(*made_of[frame.next++]);
        continue;
      }
      operands.clear();
      for (const Node* operand : made_of) operands.push_back(operand->id);
      if (operands.empty() && node.event == explain::Event::op && node.value != nullptr)
        operands = computed.visit_behind(*node.value);
      visit(facts_of(node), operands);
      stack.pop_back();
    }
  }
}

support::PoolVector<std::shared_ptr<Storage>> read_by(std::span<Node* const> nodes) {
  support::PoolVector<std::shared_ptr<Storage>> read;
  support::PoolVector<Node*> stack(nodes.begin(), nodes.end());
  const std::scoped_lock lock(graph_mutex());
  const std::uint64_t walk = next_walk();
  while (!stack.empty()) {
    Node& node = *stack.back();
    stack.pop_back();
    if (node.visit == walk) continue;
    node.visit = walk;
    if (node.ready.load(std::memory_order_relaxed)) {
      read.push_back(node.value);
    } else {
      stack.insert(stack.end(), node.operands().begin(), node.operands().end());
    }
  }
  return read;
}

}  // namespace tendon::record
