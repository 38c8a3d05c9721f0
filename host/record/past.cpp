#include "host/record/past.h"

#include <algorithm>

#include "host/record/history.h"

namespace tendon::record {
namespace {

constexpr std::size_t kMostNodes = 512;
constexpr std::size_t kMostOps = 128;  // of a run, behind one of its values

// What lies behind a variable's value came there by an assign, which no way passes. A macro's
// result is taken to depend on all that the macro reads.
std::span<Node* const> operands_of(const Node& node) {
  if (node.event == explain::Event::read || node.event == explain::Event::assign) return {};
  if (node.macro_output != 0 && node.operand_count != 0) return node.operands()[0]->operands();
  return node.operands();
}

}  // namespace

namespace {

// The past of values that are there: what the runs that computed them have read.
class ComputedPast {
 public:
  explicit ComputedPast(const VisitEntry& visit) : visit_(visit) {}

  // Visits what the value was made from; gives the ids of that.
  support::PoolVector<explain::NodeId> visit_behind(const Storage& value) {
    const auto made = made_of(value);
    return made ? visit_inputs(*made) : support::PoolVector<explain::NodeId>();
  }

 private:
  static std::optional<History::Made> made_of(const Storage& value) {
    if (value.history() == nullptr) return std::nullopt;
    return made_from(*value.history(), value.history_value(), kMostOps);
  }

  support::PoolVector<explain::NodeId> visit_inputs(const History::Made& made) {
    support::PoolVector<explain::NodeId> ids;
    for (const History::Input& input : made.from) {
      ids.push_back(input.id);
      if (met_.size() == kMostNodes || std::ranges::find(met_, input.id) != met_.end()) continue;
      met_.push_back(input.id);
      explain::Facts facts;
      facts.id = input.id;
      facts.note = input.cell;
      if (input.cell != 0) {
        facts.event = explain::Event::assign;
        visit_(facts, {});
      } else if (const std::shared_ptr<Storage> storage = input.storage.lock()) {
        const auto behind = made_of(*storage);
        if (!behind) continue;
        facts.op = behind->op;
        facts.dtype = behind->dtype;
        facts.called = behind->called;
        facts.place = behind->place;
        const auto operands = visit_inputs(*behind);
        visit_(facts, operands);
      }
    }
    return ids;
  }

  const VisitEntry& visit_;
  support::PoolVector<explain::NodeId> met_;
};

}  // namespace

void for_past(Node& root, const std::function<bool(const Node&)>& is_known,
              const VisitEntry& visit) {
  struct Frame {
    Node* node;
    std::uint32_t next;
  };
  const std::scoped_lock lock(graph_mutex());
  const std::uint64_t walk = next_walk();
  support::PoolVector<Frame> stack(1, {&root, 0});
  support::PoolVector<explain::NodeId> operands;
  ComputedPast computed(visit);
  root.visit = walk;
  std::size_t met = 1;
  while (!stack.empty()) {
    Frame& frame = stack.back();
    Node& node = *frame.node;
    const std::span<Node* const> made_of = operands_of(node);
    if (frame.next == made_of.size()) {
      operands.clear();
      for (const Node* operand : made_of) operands.push_back(operand->id);
      if (operands.empty() && node.event == explain::Event::op && node.value != nullptr)
        operands = computed.visit_behind(*node.value);
      visit(facts_of(node), operands);
      stack.pop_back();
      continue;
    }
    Node& operand = *made_of[frame.next++];
    if (operand.visit == walk || met == kMostNodes || is_known(operand)) continue;
    operand.visit = walk;
    ++met;
    stack.push_back({&operand, 0});
  }
}

}  // namespace tendon::record
