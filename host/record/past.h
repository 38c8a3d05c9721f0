// What a value was made from, as far as the values that are alive tell.
#pragma once

#include <functional>
#include <span>

#include "host/record/node.h"

namespace tendon::record {

// The node as an entry of a log, without operands.
explain::Entry entry_of(const Node& node);

using VisitEntry = std::function<void(explain::Entry, std::span<const explain::NodeId> operands)>;

// Calls visit() for the node and for what it was made from, operands first, each once, as entries
// of a log. Goes as far as nodes are pending or held by a tape, up to the values of variables, and
// to a bounded number of nodes; leaves out what is known and what lies behind it.
void for_past(Node& node, const std::function<bool(const Node&)>& is_known,
              const VisitEntry& visit);

}  // namespace tendon::record
