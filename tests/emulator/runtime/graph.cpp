#include "runtime/graph.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "runtime/call.h"
#include "runtime/context.h"

namespace emulator {
namespace {

void check_edge(const GraphNode& from, const GraphNode& to, const cudaGraphEdgeData& edge) {
  const auto is_kernel = [](const GraphNode& node) {
    return std::holds_alternative<KernelLaunch>(*node.operation);
  };
  require(edge.to_port == 0 && std::all_of(std::begin(edge.reserved), std::end(edge.reserved),
                                           [](unsigned char byte) { return byte == 0; }));
  // A programmatic edge lets the later kernel begin early. The emulator runs it after the earlier
  // one as if by an ordinary edge.
  if (edge.type == cudaGraphDependencyTypeProgrammatic)
    require(edge.from_port != cudaGraphKernelNodePortDefault && is_kernel(from) && is_kernel(to));
  else
    require(edge.type == cudaGraphDependencyTypeDefault && edge.from_port == 0);
}

GraphNode& make_node(Context& context, Graph& graph, const Dependencies& after,
                     Operation operation) {
  require(after.count == 0 || after.nodes != nullptr);
  std::set<cudaGraphNode_t> different;
  for (std::size_t i = 0; i < after.count; ++i) {
    require(node_of(context, after.nodes[i]).graph == &graph);
    require(different.insert(after.nodes[i]).second);
  }
  GraphNode& node = *context.nodes.make();
  node.graph = &graph;
  node.operation = std::make_shared<const Operation>(std::move(operation));
  node.before.assign(after.nodes, after.nodes + after.count);
  node.edges.resize(after.count);
  graph.nodes.push_back(&node);
  if (!after.edges) return node;
  node.edges.assign(after.edges, after.edges + after.count);
  try {
    for (std::size_t i = 0; i < after.count; ++i) check_edge(*node.before[i], node, node.edges[i]);
  } catch (const Failure&) {
    destroy_node(context, node);
    throw;
  }
  return node;
}

void check_all_allowed(const Context& context, const Graph& graph, const Graph& child) {
  for (const GraphNode* node : child.nodes) {
    check_allowed(context, graph, *node->operation);
    for (const Graph* body : node->bodies) check_all_allowed(context, graph, *body);
  }
}

template <class Condition>
bool any_node(const Graph& graph, const Condition& condition) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const GraphNode* node) {
    return condition(*node) ||
           std::any_of(node->bodies.begin(), node->bodies.end(),
                       [&](const Graph* body) { return any_node(*body, condition); });
  });
}

bool is_used(const Graph& graph, cudaGraphConditionalHandle handle) {
  return any_node(graph, [&](const GraphNode& node) {
    const auto* conditional = std::get_if<Conditional>(node.operation.get());
    return conditional && conditional->handle == handle;
  });
}

// The graph that the handle was made for: this one, or one that it is in.
const Graph* owner_of(const Graph& graph, cudaGraphConditionalHandle handle) {
  for (const Graph* at = &graph; at; at = at->owner ? at->owner->graph : nullptr) {
    for (const Graph::Handle& known : at->handles) {
      if (known.handle == handle) return at;
    }
  }
  return nullptr;
}

void mark_conditional(Graph& graph) {
  graph.is_of_conditional = true;
  for (GraphNode* node : graph.nodes) {
    for (Graph* body : node->bodies) mark_conditional(*body);
  }
}

}  // namespace

Graph& graph_of(Context& context, cudaGraph_t handle) {
  require(context.graphs.holds(handle));
  return *handle;
}

GraphNode& node_of(Context& context, cudaGraphNode_t handle) {
  require(context.nodes.holds(handle));
  return *handle;
}

void check_allowed(const Context&, const Graph& graph, const Operation& operation) {
  const bool is_memory =
      std::holds_alternative<Allocate>(operation) || std::holds_alternative<Release>(operation);
  require(!is_memory || !graph.owner, cudaErrorNotSupported);
  if (!graph.is_of_conditional) return;
  // Documented with cudaConditionalNodeParams; a library's call stands for its kernels.
  const bool is_allowed =
      std::holds_alternative<KernelLaunch>(operation) ||
      std::holds_alternative<LibraryCall>(operation) || std::holds_alternative<Empty>(operation) ||
      std::holds_alternative<Subgraph>(operation) || std::holds_alternative<Fill>(operation) ||
      std::holds_alternative<Copy>(operation) || std::holds_alternative<Conditional>(operation);
  require(is_allowed, cudaErrorNotSupported);
}

GraphNode& add_node(Context& context, Graph& graph, const Dependencies& after,
                    Operation operation) {
  check_allowed(context, graph, operation);
  return make_node(context, graph, after, std::move(operation));
}

GraphNode& add_child(Context& context, Graph& graph, const Dependencies& after, Graph& child,
                     bool is_moved) {
  require(!holds_conditional(child) && (is_moved || !holds_allocation(child)),
          cudaErrorNotSupported);
  require(!is_moved || (!child.owner && &child != &graph));
  if (graph.is_of_conditional) check_all_allowed(context, graph, child);
  Graph* body = &child;
  if (!is_moved) {
    body = context.graphs.make();
    clone_into(context, child, *body);  // before the node is added, which may be to the same graph
  }
  GraphNode& node = make_node(context, graph, after, Subgraph{});
  body->owner = &node;
  node.bodies = {body};
  if (graph.is_of_conditional) mark_conditional(*body);
  return node;
}

GraphNode& add_conditional(Context& context, Graph& graph, const Dependencies& after,
                           cudaConditionalNodeParams& parameters) {
  const Graph* owner = owner_of(graph, parameters.handle);
  require(owner != nullptr && !is_used(*owner, parameters.handle));
  switch (parameters.type) {
    case cudaGraphCondTypeIf: require(parameters.size == 1 || parameters.size == 2); break;
    case cudaGraphCondTypeWhile: require(parameters.size == 1); break;
    case cudaGraphCondTypeSwitch: require(parameters.size >= 1); break;
    default: throw Failure{cudaErrorInvalidValue};
  }
  GraphNode& node = make_node(context, graph, after,
                              Conditional{.handle = parameters.handle, .type = parameters.type});
  for (unsigned i = 0; i < parameters.size; ++i) {
    Graph* body = context.graphs.make();
    body->owner = &node;
    body->is_of_conditional = true;
    node.bodies.push_back(body);
  }
  parameters.phGraph_out = node.bodies.data();
  return node;
}

void add_edges(Context& context, Graph& graph, std::span<const cudaGraphNode_t> from,
               std::span<const cudaGraphNode_t> to, const cudaGraphEdgeData* edges) {
  const auto check = [&](std::size_t i) {
    const GraphNode& first = node_of(context, from[i]);
    const GraphNode& second = node_of(context, to[i]);
    require(first.graph == &graph && second.graph == &graph && &first != &second);
    require(std::find(second.before.begin(), second.before.end(), &first) == second.before.end());
    if (edges) check_edge(first, second, edges[i]);
  };
  for (std::size_t i = 0; i < from.size(); ++i) check(i);
  for (std::size_t i = 0; i < from.size(); ++i) {
    to[i]->before.push_back(from[i]);
    to[i]->edges.push_back(edges ? edges[i] : cudaGraphEdgeData{});
  }
}

void remove_edges(Context& context, Graph& graph, std::span<const cudaGraphNode_t> from,
                  std::span<const cudaGraphNode_t> to) {
  const auto find = [&](std::size_t i) {
    std::vector<cudaGraphNode_t>& before = node_of(context, to[i]).before;
    return std::find(before.begin(), before.end(), from[i]);
  };
  for (std::size_t i = 0; i < from.size(); ++i)
    require(node_of(context, to[i]).graph == &graph && find(i) != to[i]->before.end());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto edge = find(i);
    if (edge == to[i]->before.end()) continue;  // named twice
    to[i]->edges.erase(to[i]->edges.begin() + (edge - to[i]->before.begin()));
    to[i]->before.erase(edge);
  }
}

std::vector<GraphNode*> after(const GraphNode& node) {
  std::vector<GraphNode*> found;
  for (GraphNode* other : node.graph->nodes) {
    if (std::find(other->before.begin(), other->before.end(), &node) != other->before.end())
      found.push_back(other);
  }
  return found;
}

bool holds_conditional(const Graph& graph) {
  return any_node(graph, [](const GraphNode& node) {
    return std::holds_alternative<Conditional>(*node.operation);
  });
}

bool holds_allocation(const Graph& graph) {
  return any_node(graph, [](const GraphNode& node) {
    return std::holds_alternative<Allocate>(*node.operation) ||
           std::holds_alternative<Release>(*node.operation);
  });
}

std::vector<GraphNode*> in_order(const Graph& graph) {
  std::unordered_map<const GraphNode*, std::size_t> index, missing;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) index[graph.nodes[i]] = i;
  std::vector<std::vector<std::size_t>> next(graph.nodes.size());
  std::set<std::size_t> ready;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode* node = graph.nodes[i];
    missing[node] = node->before.size();
    for (const GraphNode* before : node->before) next[index[before]].push_back(i);
    if (node->before.empty()) ready.insert(i);
  }
  std::vector<GraphNode*> ordered;
  while (!ready.empty()) {
    const std::size_t i = *ready.begin();
    ready.erase(ready.begin());
    ordered.push_back(graph.nodes[i]);
    for (std::size_t later : next[i]) {
      if (--missing[graph.nodes[later]] == 0) ready.insert(later);
    }
  }
  return ordered;
}

void clone_into(Context& context, const Graph& graph, Graph& clone) {
  std::unordered_map<const GraphNode*, GraphNode*> clones;
  for (GraphNode* node : graph.nodes) {
    GraphNode& copy = *context.nodes.make();
    copy.graph = &clone;
    copy.operation = node->operation;
    copy.edges = node->edges;
    copy.original = node;
    clones[node] = &copy;
    clone.nodes.push_back(&copy);
    for (const Graph* body : node->bodies) {
      Graph* body_copy = context.graphs.make();
      body_copy->owner = &copy;
      clone_into(context, *body, *body_copy);
      copy.bodies.push_back(body_copy);
    }
  }
  for (const GraphNode* node : graph.nodes) {
    for (const GraphNode* before : node->before) clones[node]->before.push_back(clones[before]);
  }
}

void destroy_node(Context& context, GraphNode& node) {
  for (GraphNode* later : after(node)) {
    const auto edge = std::find(later->before.begin(), later->before.end(), &node);
    later->edges.erase(later->edges.begin() + (edge - later->before.begin()));
    later->before.erase(edge);
  }
  for (Graph* body : node.bodies) destroy_graph(context, *body);
  std::erase(node.graph->nodes, &node);
  context.nodes.destroy(&node);
}

void destroy_graph(Context& context, Graph& graph) {
  context.execs.for_each([&](GraphExec& exec) {
    if (exec.source == &graph) exec.source = nullptr;
  });
  for (GraphNode* node : graph.nodes) {
    for (Graph* body : node->bodies) destroy_graph(context, *body);
    context.nodes.destroy(node);
  }
  context.graphs.destroy(&graph);
}

}  // namespace emulator
