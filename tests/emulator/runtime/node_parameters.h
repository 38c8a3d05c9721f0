// Between what a graph's node does and the structures in which the program says it.
#pragma once

#include "runtime/call.h"
#include "runtime/graph.h"

namespace emulator {

// The operation that the parameters describe, checked. Allocation and conditional nodes and those
// that hold graphs are made otherwise.
Operation operation_of(Context& context, const cudaGraphNodeParams& parameters);

cudaGraphNodeType type_of(const Operation& operation);

// What a node of this kind does; throws where the node is of another kind.
template <class Kind>
const Kind& as(const GraphNode& node) {
  const auto* kind = std::get_if<Kind>(node.operation.get());
  require(kind != nullptr);
  return *kind;
}

// New parameters for a node. Launches and executable graphs that have been made keep the old ones.
void set_operation(Context& context, GraphNode& node, Operation operation);

}  // namespace emulator
