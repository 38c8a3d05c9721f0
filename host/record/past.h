// What a value was made from, as far as the values that are alive tell.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "host/record/node.h"

namespace tendon::record {

// What an entry of a log says of the node.
inline explain::Facts facts_of(const Node& node) {
  explain::Facts facts;
  facts.id = node.id;
  facts.event = node.event;
  facts.dtype = node.type.dtype;
  facts.op = node.macro_output != 0 ? Op::concat : node.op;  // any operand leads through it
  facts.called = node.called;
  facts.place = node.place;
  facts.note = node.cell;
  return facts;
}

using VisitEntry =
    std::function<void(const explain::Facts&, std::span<const explain::NodeId> operands)>;

// Calls visit() for the nodes and for what they were made from, operands first, each once, as
// entries of a log. Goes as far as nodes are pending or held by a tape, up to the values of
// variables, and to `most` nodes; leaves out what is known and what lies behind it.
void for_past(std::span<const NodePtr> nodes, std::size_t most,
              const std::function<bool(const Node&)>& is_known, const VisitEntry& visit);

// Returns the memory that computing these nodes would read. Holding it keeps it from being freed.
support::PoolVector<std::shared_ptr<Storage>> read_by(std::span<Node* const> nodes);

}  // namespace tendon::record
