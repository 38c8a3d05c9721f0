// What a value was made from, as far as the values that are alive tell.
#pragma once

#include <functional>
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

// Calls visit() for the node and for what it was made from, operands first, each once, as entries
// of a log. Goes as far as nodes are pending or held by a tape, up to the values of variables, and
// to a bounded number of nodes; leaves out what is known and what lies behind it.
void for_past(Node& node, const std::function<bool(const Node&)>& is_known,
              const VisitEntry& visit);

}  // namespace tendon::record
