#include "host/record/past.h"

namespace tendon::record {
namespace {

constexpr std::size_t kMostNodes = 512;

// What lies behind a variable's value came there by an assign, which no way passes. The operand of
// a gradient's result is all of the backward pass.
bool is_end(const Node& node) {
  return node.event == explain::Event::read || node.event == explain::Event::assign ||
         node.macro_output != 0;
}

}  // namespace

explain::Entry entry_of(const Node& node) {
  explain::Entry entry;
  entry.id = node.id;
  entry.event = node.event;
  entry.dtype = node.type.dtype;
  entry.op = node.op;
  entry.called = node.called;
  entry.place = node.place;
  entry.note = node.cell;
  return entry;
}

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
  root.visit = walk;
  std::size_t met = 1;
  while (!stack.empty()) {
    Frame& frame = stack.back();
    Node& node = *frame.node;
    if (is_end(node) || frame.next == node.operand_count) {
      operands.clear();
      if (!is_end(node)) {
        for (const Node* operand : node.operands()) operands.push_back(operand->id);
      }
      visit(entry_of(node), operands);
      stack.pop_back();
      continue;
    }
    Node& operand = *node.operands()[frame.next++];
    if (operand.visit == walk || met == kMostNodes || is_known(operand)) continue;
    operand.visit = walk;
    ++met;
    stack.push_back({&operand, 0});
  }
}

}  // namespace tendon::record
