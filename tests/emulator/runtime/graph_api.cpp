// Graphs as a whole: making, cloning and walking them, and the edges between their nodes.
#include <algorithm>
#include <cstdio>
#include <span>

#include "runtime/call.h"
#include "runtime/context.h"
#include "runtime/node_parameters.h"

using namespace emulator;

namespace {

// Into an array of the program's, whose places beyond what there is become null; or, where there is
// no array, just the count.
template <class Value>
void give(const std::vector<Value>& values, Value* array, std::size_t* count) {
  require(count != nullptr);
  if (array) {
    for (std::size_t i = 0; i < *count; ++i) array[i] = i < values.size() ? values[i] : Value{};
  }
  *count = array ? std::min(*count, values.size()) : values.size();
}

bool is_ordinary(const cudaGraphEdgeData& edge) { return edge.from_port == 0 && edge.type == 0; }

// Without a place for it, the data of an edge that is not an ordinary one would be lost.
void give_edges(const std::vector<cudaGraphEdgeData>& edges, cudaGraphEdgeData* array,
                const void* asked, std::size_t count) {
  if (!asked) return;
  if (!array)
    require(std::all_of(edges.begin(), edges.end(), is_ordinary), cudaErrorLossyQuery);
  else
    std::copy_n(edges.begin(), std::min(count, edges.size()), array);
}

cudaGraphEdgeData edge_between(const GraphNode& from, const GraphNode& to) {
  const auto at = std::find(to.before.begin(), to.before.end(), &from) - to.before.begin();
  return to.edges[static_cast<std::size_t>(at)];
}

}  // namespace

cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(graph != nullptr && flags == 0);
    *graph = state.graphs.make();
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call(__func__, [&](Context& state) {
    Graph& found = graph_of(state, graph);
    require(found.owner == nullptr);  // its node's
    destroy_graph(state, found);
  });
}

cudaError_t cudaGraphClone(cudaGraph_t* clone, cudaGraph_t graph) {
  return call(__func__, [&](Context& state) {
    require(clone != nullptr);
    const Graph& found = graph_of(state, graph);
    require(!holds_conditional(found) && !holds_allocation(found), cudaErrorNotSupported);
    *clone = state.graphs.make();
    clone_into(state, found, **clone);
  });
}

cudaError_t cudaGraphNodeFindInClone(cudaGraphNode_t* node, cudaGraphNode_t original,
                                     cudaGraph_t clone) {
  return call(__func__, [&](Context& state) {
    require(node != nullptr);
    for (GraphNode* candidate : graph_of(state, clone).nodes) {
      if (candidate->original != &node_of(state, original)) continue;
      *node = candidate;
      return;
    }
    throw Failure{cudaErrorInvalidValue};
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  return call(__func__, [&](Context& state) { give(graph_of(state, graph).nodes, nodes, count); });
}

cudaError_t cudaGraphGetRootNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  return call(__func__, [&](Context& state) {
    std::vector<cudaGraphNode_t> roots;
    for (GraphNode* node : graph_of(state, graph).nodes) {
      if (node->before.empty()) roots.push_back(node);
    }
    give(roots, nodes, count);
  });
}

cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t* from, cudaGraphNode_t* to,
                              cudaGraphEdgeData* edges, size_t* count) {
  return call(__func__, [&](Context& state) {
    require(count != nullptr && (from == nullptr) == (to == nullptr));
    std::vector<cudaGraphNode_t> first, second;
    std::vector<cudaGraphEdgeData> data;
    for (GraphNode* node : graph_of(state, graph).nodes) {
      for (std::size_t i = 0; i < node->before.size(); ++i) {
        first.push_back(node->before[i]);
        second.push_back(node);
        data.push_back(node->edges[i]);
      }
    }
    std::size_t room = *count;
    give_edges(data, edges, from, room);
    give(first, from, &room);
    give(second, to, count);
  });
}

cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t* nodes,
                                         cudaGraphEdgeData* edges, size_t* count) {
  return call(__func__, [&](Context& state) {
    const GraphNode& found = node_of(state, node);
    require(count != nullptr);
    give_edges(found.edges, edges, nodes, *count);
    give(found.before, nodes, count);
  });
}

cudaError_t cudaGraphNodeGetDependentNodes(cudaGraphNode_t node, cudaGraphNode_t* nodes,
                                           cudaGraphEdgeData* edges, size_t* count) {
  return call(__func__, [&](Context& state) {
    const GraphNode& found = node_of(state, node);
    require(count != nullptr);
    const std::vector<GraphNode*> later = after(found);
    std::vector<cudaGraphEdgeData> data;
    for (const GraphNode* other : later) data.push_back(edge_between(found, *other));
    give_edges(data, edges, nodes, *count);
    give(later, nodes, count);
  });
}

cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t* from,
                                     const cudaGraphNode_t* to, const cudaGraphEdgeData* edges,
                                     size_t count) {
  return call(__func__, [&](Context& state) {
    require(count == 0 || (from && to));
    add_edges(state, graph_of(state, graph), {from, count}, {to, count}, edges);
  });
}

cudaError_t cudaGraphRemoveDependencies(cudaGraph_t graph, const cudaGraphNode_t* from,
                                        const cudaGraphNode_t* to, const cudaGraphEdgeData*,
                                        size_t count) {
  return call(__func__, [&](Context& state) {
    require(count == 0 || (from && to));
    remove_edges(state, graph_of(state, graph), {from, count}, {to, count});
  });
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  return call(__func__, [&](Context& state) {
    require(type != nullptr);
    *type = type_of(*node_of(state, node).operation);
  });
}

cudaError_t cudaGraphDestroyNode(cudaGraphNode_t node) {
  return call(__func__, [&](Context& state) {
    GraphNode& found = node_of(state, node);
    require(!holds_allocation(*found.graph), cudaErrorNotSupported);  // documented
    destroy_node(state, found);
  });
}

cudaError_t cudaGraphConditionalHandleCreate(cudaGraphConditionalHandle* handle, cudaGraph_t graph,
                                             unsigned value, unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(handle != nullptr && (flags == 0 || flags == cudaGraphCondAssignDefault));
    static cudaGraphConditionalHandle handle_count = 0;
    *handle = ++handle_count;
    graph_of(state, graph)
        .handles.push_back({*handle, value, (flags & cudaGraphCondAssignDefault) != 0});
  });
}

cudaError_t cudaGraphDebugDotPrint(cudaGraph_t graph, const char* path, unsigned) {
  return call(__func__, [&](Context& state) {
    require(path != nullptr);
    const Graph& found = graph_of(state, graph);
    std::FILE* file = std::fopen(path, "w");
    require(file != nullptr, cudaErrorOperatingSystem);
    std::fprintf(file, "digraph graph_of_work {\n");
    for (const GraphNode* node : found.nodes) {
      const void* name = node;
      std::fprintf(file, "  \"%p\" [label=\"%s\"];\n", name, describe(*node->operation).c_str());
      for (const GraphNode* before : node->before)
        std::fprintf(file, "  \"%p\" -> \"%p\";\n", static_cast<const void*>(before), name);
    }
    std::fprintf(file, "}\n");
    std::fclose(file);
  });
}
