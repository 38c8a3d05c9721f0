// Graphs made ready to launch: a copy that later changes of the graph do not reach.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/cuda.h"
#include "runtime/graph.h"
#include "runtime/work.h"

namespace emulator {

// Plain values: a copy of one is a graph of its own, but for the operations, which never change.
struct ExecNode;
struct ExecGraph {
  std::vector<ExecNode> nodes;  // each after those that it comes after
};
struct ExecNode {
  const GraphNode* origin = nullptr;
  OperationPointer operation;
  std::vector<std::size_t> before;  // indices of nodes
  std::vector<ExecGraph> bodies;
  bool is_enabled = true;
};

}  // namespace emulator

// The type that the runtime's handle points to.
struct CUgraphExec_st {
  cudaGraph_t source = nullptr;  // null when it is destroyed
  unsigned long long flags = 0;
  emulator::ExecGraph graph;
  std::vector<CUgraph_st::Handle> handles;
  // What launches that are under way hold on to; null after a change.
  std::shared_ptr<const emulator::ExecGraph> snapshot;
  emulator::WorkPointer last_launch;  // launches of one executable graph run one after the other
};

namespace emulator {

using GraphExec = ::CUgraphExec_st;

// The nodes of a graph that has no cycle.
ExecGraph make_exec_graph(const Graph& graph);

GraphExec& exec_of(Context& context, cudaGraphExec_t handle);

// Why a graph cannot be instantiated.
struct InstantiateError {
  cudaError_t error;
  cudaGraphInstantiateResult result;
  cudaGraphNode_t node;
};
std::optional<InstantiateError> instantiate(Context& context, Graph& graph,
                                            unsigned long long flags, GraphExec** exec);
void destroy_exec(Context& context, GraphExec& exec);

// The node that stands for `node` of the original graph, at any depth; null where there is none.
ExecNode* find_node(ExecGraph& graph, const GraphNode* node);
// Takes the new operation for a node of the same kind. Throws where the change is not allowed.
void set_operation(Context& context, GraphExec& exec, ExecNode& node, Operation operation);

// Takes the parameters of another graph of the same shape into the whole of `exec`, or into the
// graph of one of its nodes; what kept it from that otherwise, and then nothing is changed.
cudaGraphExecUpdateResultInfo update(Context& context, GraphExec& exec, ExecGraph& graph,
                                     const Graph& from);

}  // namespace emulator
