// Graphs as the program builds them: nodes, the order between them, and the graphs inside nodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/cuda.h"
#include "runtime/operation.h"

namespace emulator {
struct Context;
}

// The types that the runtime's handles point to.
struct CUgraphNode_st {
  cudaGraph_t graph = nullptr;
  emulator::OperationPointer operation;
  std::vector<cudaGraphNode_t> before;   // what it comes after, in the order of adding
  std::vector<cudaGraphEdgeData> edges;  // of each of those
  std::vector<cudaGraph_t> bodies;       // of a child or a conditional node
  cudaGraphNode_t original = nullptr;    // in the graph that this one's is a clone of
  std::vector<void*> argument_pointers;  // what cudaGraphKernelNodeGetParams points to
};

struct CUgraph_st {
  struct Handle {
    cudaGraphConditionalHandle handle;
    std::uint32_t value;  // at each launch
    bool is_assigned;     // whether it is set to that value
  };
  std::vector<cudaGraphNode_t> nodes;  // in the order of adding
  std::vector<Handle> handles;
  cudaGraphNode_t owner = nullptr;  // the node that this graph is in
  bool is_of_conditional = false;   // or in a graph that is
  unsigned exec_count = 0;          // instantiations that live
};

namespace emulator {

using Graph = ::CUgraph_st;
using GraphNode = ::CUgraphNode_st;

// Handles of live objects; these throw Failure otherwise.
Graph& graph_of(Context& context, cudaGraph_t handle);
GraphNode& node_of(Context& context, cudaGraphNode_t handle);

// Nodes of the same graph that the new one comes after.
struct Dependencies {
  const cudaGraphNode_t* nodes = nullptr;
  const cudaGraphEdgeData* edges = nullptr;  // may be null
  std::size_t count = 0;
};

// Throws where the dependencies are not of this graph, or the operation may not stand in it.
GraphNode& add_node(Context& context, Graph& graph, const Dependencies& after, Operation operation);
// A node that holds a copy of the graph, or the graph itself.
GraphNode& add_child(Context& context, Graph& graph, const Dependencies& after, Graph& child,
                     bool is_moved);
GraphNode& add_conditional(Context& context, Graph& graph, const Dependencies& after,
                           cudaConditionalNodeParams& parameters);
// Also for new parameters of a node.
void check_allowed(const Context& context, const Graph& graph, const Operation& operation);

void add_edges(Context& context, Graph& graph, std::span<const cudaGraphNode_t> from,
               std::span<const cudaGraphNode_t> to, const cudaGraphEdgeData* edges);
void remove_edges(Context& context, Graph& graph, std::span<const cudaGraphNode_t> from,
                  std::span<const cudaGraphNode_t> to);

std::vector<GraphNode*> after(const GraphNode& node);  // the nodes that come after it
bool holds_conditional(const Graph& graph);
bool holds_allocation(const Graph& graph);  // or a release

// The nodes in an order that the edges allow: of those that could come next, always the one that
// was added first. Shorter than the graph where there is a cycle.
std::vector<GraphNode*> in_order(const Graph& graph);

// `clone` gets copies of the nodes, and of the graphs in them.
void clone_into(Context& context, const Graph& graph, Graph& clone);
void destroy_node(Context& context, GraphNode& node);
void destroy_graph(Context& context, Graph& graph);

}  // namespace emulator
