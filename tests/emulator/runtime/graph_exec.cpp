#include "runtime/graph_exec.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "runtime/call.h"
#include "runtime/context.h"
#include "runtime/copies.h"

namespace emulator {
namespace {

constexpr unsigned long long kKnownFlags = cudaGraphInstantiateFlagAutoFreeOnLaunch |
                                           cudaGraphInstantiateFlagUpload |
                                           cudaGraphInstantiateFlagUseNodePriority;

// The first node that keeps the graph from being instantiated, and why.
std::optional<InstantiateError> find_error(Context& context, const Graph& graph) {
  if (in_order(graph).size() != graph.nodes.size()) {
    // Some node of a cycle: none of them is in the order.
    const std::vector<GraphNode*> ordered = in_order(graph);
    const auto in_cycle = std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](auto* node) {
      return std::find(ordered.begin(), ordered.end(), node) == ordered.end();
    });
    return InstantiateError{cudaErrorInvalidValue, cudaGraphInstantiateInvalidStructure, *in_cycle};
  }
  for (GraphNode* node : graph.nodes) {
    // A body runs without the host, which alone reaches pageable memory.
    const auto* copy = std::get_if<Copy>(node->operation.get());
    if (copy && graph.is_of_conditional &&
        (is_pageable(context, copy->source.begin) || is_pageable(context, copy->destination.begin)))
      return InstantiateError{cudaErrorNotSupported, cudaGraphInstantiateNodeOperationNotSupported,
                              node};
    for (const Graph* body : node->bodies) {
      if (auto error = find_error(context, *body)) return error;
    }
  }
  return std::nullopt;
}

void collect_handles(const Graph& graph, std::vector<Graph::Handle>& handles) {
  handles.insert(handles.end(), graph.handles.begin(), graph.handles.end());
  for (const GraphNode* node : graph.nodes) {
    for (const Graph* body : node->bodies) collect_handles(*body, handles);
  }
}

bool is_used(const ExecGraph& graph, cudaGraphConditionalHandle handle) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const ExecNode& node) {
    const auto* conditional = std::get_if<Conditional>(node.operation.get());
    return (conditional && conditional->handle == handle) ||
           std::any_of(node.bodies.begin(), node.bodies.end(),
                       [&](const ExecGraph& body) { return is_used(body, handle); });
  });
}

// The device whose memory it is, -1 for the host's.
int place_of(Context& context, Address address) {
  const Allocation* allocation = context.memory.find(address);
  return allocation && allocation->kind != MemoryKind::pinned ? allocation->device : -1;
}

bool is_row(const Copy& copy) { return copy.height == 1 && copy.depth == 1; }

// Whether a node's parameters may become these: what cudaGraphExecUpdate's documentation allows.
// The host's memory is one place, so that pinned memory may take the place of pageable memory.
cudaGraphExecUpdateResult check_change(Context& context, const Operation& old, const Operation& now,
                                       bool is_update) {
  if (old.index() != now.index()) return cudaGraphExecUpdateErrorNodeTypeChanged;
  const auto same_place = [&](Address a, Address b) {
    return place_of(context, a) == place_of(context, b);
  };
  if (const auto* launch = std::get_if<KernelLaunch>(&now)) {
    const auto& former = std::get<KernelLaunch>(old);
    if (former.device != launch->device) return cudaGraphExecUpdateErrorUnsupportedFunctionChange;
    if (former.is_cooperative != launch->is_cooperative)
      return cudaGraphExecUpdateErrorAttributesChanged;
  } else if (const auto* copy = std::get_if<Copy>(&now)) {
    const auto& former = std::get<Copy>(old);
    const bool is_shape_allowed = (is_update && copy->width == former.width &&
                                   copy->height == former.height && copy->depth == former.depth) ||
                                  (is_row(*copy) && is_row(former) && copy->bytes() != 0);
    if (!is_shape_allowed || !same_place(copy->source.begin, former.source.begin) ||
        !same_place(copy->destination.begin, former.destination.begin))
      return cudaGraphExecUpdateErrorParametersChanged;
  } else if (const auto* fill = std::get_if<Fill>(&now)) {
    const auto& former = std::get<Fill>(old);
    const bool is_same_shape =
        fill->height == former.height && fill->depth == former.depth &&
        (fill->height == 1 ||
         (fill->width == former.width && fill->element_bytes == former.element_bytes &&
          fill->destination.pitch == former.destination.pitch));
    if (!is_same_shape || fill->bytes() == 0 ||
        !same_place(fill->destination.begin, former.destination.begin))
      return cudaGraphExecUpdateErrorParametersChanged;
  } else if (const auto* conditional = std::get_if<Conditional>(&now)) {
    if (conditional->type != std::get<Conditional>(old).type)
      return cudaGraphExecUpdateErrorParametersChanged;
  } else if (std::holds_alternative<Allocate>(now) || std::holds_alternative<Release>(now)) {
    return cudaGraphExecUpdateErrorNotSupported;
  }
  return cudaGraphExecUpdateSuccess;
}

// Takes the parameters of `from` into a graph of the same shape.
cudaGraphExecUpdateResultInfo merge(Context& context, ExecGraph& graph, const ExecGraph& from) {
  using Result = cudaGraphExecUpdateResultInfo;
  const auto handle = [](const GraphNode* node) { return const_cast<GraphNode*>(node); };
  if (graph.nodes.size() != from.nodes.size())
    return Result{cudaGraphExecUpdateErrorTopologyChanged, nullptr, nullptr};
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    ExecNode& node = graph.nodes[i];
    const ExecNode& other = from.nodes[i];
    std::vector<std::size_t> before = node.before, other_before = other.before;
    std::sort(before.begin(), before.end());
    std::sort(other_before.begin(), other_before.end());
    if (before.size() != other_before.size())
      return Result{cudaGraphExecUpdateErrorTopologyChanged, handle(other.origin), nullptr};
    const auto [mine, theirs] = std::mismatch(before.begin(), before.end(), other_before.begin());
    if (mine != before.end())
      return Result{cudaGraphExecUpdateErrorTopologyChanged, handle(other.origin),
                    handle(from.nodes[*theirs].origin)};
    const auto change = check_change(context, *node.operation, *other.operation, true);
    if (change != cudaGraphExecUpdateSuccess) return Result{change, handle(other.origin), nullptr};
    if (node.bodies.size() != other.bodies.size())
      return Result{cudaGraphExecUpdateErrorParametersChanged, handle(other.origin), nullptr};
    node.operation = other.operation;
    for (std::size_t body = 0; body < node.bodies.size(); ++body) {
      const Result inner = merge(context, node.bodies[body], other.bodies[body]);
      if (inner.result != cudaGraphExecUpdateSuccess) return inner;
    }
  }
  return Result{cudaGraphExecUpdateSuccess, nullptr, nullptr};
}

}  // namespace

ExecGraph make_exec_graph(const Graph& graph) {
  ExecGraph exec;
  std::unordered_map<const GraphNode*, std::size_t> index;
  for (const GraphNode* node : in_order(graph)) {
    ExecNode& made = exec.nodes.emplace_back();
    made.origin = node;
    made.operation = node->operation;
    for (const GraphNode* before : node->before) made.before.push_back(index[before]);
    for (const Graph* body : node->bodies) made.bodies.push_back(make_exec_graph(*body));
    index[node] = exec.nodes.size() - 1;
  }
  return exec;
}

GraphExec& exec_of(Context& context, cudaGraphExec_t handle) {
  require(context.execs.holds(handle));
  return *handle;
}

std::optional<InstantiateError> instantiate(Context& context, Graph& graph,
                                            unsigned long long flags, GraphExec** made) {
  const auto refuse = [](cudaError_t error, cudaGraphInstantiateResult result) {
    return InstantiateError{error, result, nullptr};
  };
  // Launches from the device are not emulated.
  if ((flags & cudaGraphInstantiateFlagDeviceLaunch) != 0)
    return refuse(cudaErrorNotSupported, cudaGraphInstantiateError);
  if ((flags & ~kKnownFlags) != 0 || graph.owner)
    return refuse(cudaErrorInvalidValue, cudaGraphInstantiateError);
  // Documented: of such a graph only one instantiation may exist at a time.
  if (graph.exec_count > 0 && (holds_conditional(graph) || holds_allocation(graph)))
    return refuse(cudaErrorInvalidValue, cudaGraphInstantiateError);
  if (auto error = find_error(context, graph)) return error;

  ExecGraph copy = make_exec_graph(graph);
  std::vector<Graph::Handle> handles;
  collect_handles(graph, handles);
  for (const Graph::Handle& handle : handles) {
    if (!is_used(copy, handle.handle))
      return refuse(cudaErrorInvalidValue, cudaGraphInstantiateConditionalHandleUnused);
  }
  GraphExec& exec = *context.execs.make();
  exec.source = &graph;
  exec.flags = flags;
  exec.graph = std::move(copy);
  exec.handles = std::move(handles);
  ++graph.exec_count;
  *made = &exec;
  return std::nullopt;
}

void destroy_exec(Context& context, GraphExec& exec) {
  if (exec.source) --exec.source->exec_count;
  context.execs.destroy(&exec);
}

ExecNode* find_node(ExecGraph& graph, const GraphNode* node) {
  for (ExecNode& candidate : graph.nodes) {
    if (candidate.origin == node) return &candidate;
    for (ExecGraph& body : candidate.bodies) {
      if (ExecNode* inner = find_node(body, node)) return inner;
    }
  }
  return nullptr;
}

void set_operation(Context& context, GraphExec& exec, ExecNode& node, Operation operation) {
  require(check_change(context, *node.operation, operation, false) == cudaGraphExecUpdateSuccess);
  node.operation = std::make_shared<const Operation>(std::move(operation));
  exec.snapshot = nullptr;
}

cudaGraphExecUpdateResultInfo update(Context& context, GraphExec& exec, ExecGraph& graph,
                                     const Graph& from) {
  ExecGraph merged = graph;
  const cudaGraphExecUpdateResultInfo info = merge(context, merged, make_exec_graph(from));
  if (info.result != cudaGraphExecUpdateSuccess) return info;
  graph = std::move(merged);
  if (&graph == &exec.graph) {
    exec.handles.clear();
    collect_handles(from, exec.handles);
  }
  exec.snapshot = nullptr;
  return info;
}

}  // namespace emulator
