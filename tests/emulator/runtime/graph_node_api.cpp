// Nodes of graphs: adding them, and their parameters.
#include <utility>

#include "runtime/allocations.h"
#include "runtime/call.h"
#include "runtime/context.h"
#include "runtime/copies.h"
#include "runtime/idle.h"
#include "runtime/launch.h"
#include "runtime/node_parameters.h"

using namespace emulator;

namespace {

// Runs `make` where the program left a place for the new node.
template <class Make>
cudaError_t add(const char* function, cudaGraphNode_t* node, const Make& make) {
  return call(function, [&](Context& state) {
    require(node != nullptr);
    *node = &make(state);
  });
}

GraphNode& add_allocation(Context& state, Graph& graph, const Dependencies& after,
                          const cudaMemPoolProps& pool, std::size_t bytes, void** memory) {
  require(bytes > 0);
  require(pool.allocType == cudaMemAllocationTypePinned &&
              pool.location.type == cudaMemLocationTypeDevice &&
              pool.handleTypes == cudaMemHandleTypeNone,
          cudaErrorNotSupported);
  require(
      pool.location.id >= 0 && static_cast<std::size_t>(pool.location.id) < state.devices.size(),
      cudaErrorInvalidDevice);
  check_allowed(state, graph, Allocate{});
  const Address begin = reserve_for_graph(state, pool.location.id, bytes);
  *memory = reinterpret_cast<void*>(begin);
  return add_node(state, graph, after, Allocate{begin});
}

}  // namespace

cudaError_t cudaGraphAddNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* nodes,
                             const cudaGraphEdgeData* edges, size_t count,
                             cudaGraphNodeParams* parameters) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    require(parameters != nullptr);
    Graph& found = graph_of(state, graph);
    const Dependencies after{nodes, edges, count};
    switch (parameters->type) {
      case cudaGraphNodeTypeConditional:
        return add_conditional(state, found, after, parameters->conditional);
      case cudaGraphNodeTypeGraph:
        return add_child(state, found, after, graph_of(state, parameters->graph.graph),
                         parameters->graph.ownership == cudaGraphChildGraphOwnershipMove);
      case cudaGraphNodeTypeMemAlloc:
        return add_allocation(state, found, after, parameters->alloc.poolProps,
                              parameters->alloc.bytesize, &parameters->alloc.dptr);
      default: return add_node(state, found, after, operation_of(state, *parameters));
    }
  });
}

cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                   const cudaGraphNode_t* nodes, size_t count,
                                   const cudaKernelNodeParams* parameters) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    require(parameters != nullptr);
    return add_node(state, graph_of(state, graph), {nodes, nullptr, count},
                    launch_of(state, *parameters, thread_state().device));
  });
}

cudaError_t cudaGraphAddMemcpyNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                   const cudaGraphNode_t* nodes, size_t count,
                                   const cudaMemcpy3DParms* parameters) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    require(parameters != nullptr);
    return add_node(state, graph_of(state, graph), {nodes, nullptr, count},
                    copy_of(state, *parameters));
  });
}

cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t* node, cudaGraph_t graph,
                                     const cudaGraphNode_t* nodes, size_t count, void* destination,
                                     const void* source, size_t bytes, cudaMemcpyKind kind) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    return add_node(state, graph_of(state, graph), {nodes, nullptr, count},
                    row_copy(state, destination, source, bytes, kind));
  });
}

cudaError_t cudaGraphAddMemsetNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                   const cudaGraphNode_t* nodes, size_t count,
                                   const cudaMemsetParams* parameters) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    require(parameters != nullptr);
    return add_node(state, graph_of(state, graph), {nodes, nullptr, count},
                    fill_of(state, *parameters));
  });
}

cudaError_t cudaGraphAddHostNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                 const cudaGraphNode_t* nodes, size_t count,
                                 const cudaHostNodeParams* parameters) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    require(parameters != nullptr && parameters->fn != nullptr);
    watch_idle_host(state);
    return add_node(state, graph_of(state, graph), {nodes, nullptr, count},
                    HostCall{parameters->fn, parameters->userData});
  });
}

cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                  const cudaGraphNode_t* nodes, size_t count) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    return add_node(state, graph_of(state, graph), {nodes, nullptr, count}, Empty{});
  });
}

cudaError_t cudaGraphAddChildGraphNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                       const cudaGraphNode_t* nodes, size_t count,
                                       cudaGraph_t child) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    return add_child(state, graph_of(state, graph), {nodes, nullptr, count}, graph_of(state, child),
                     false);
  });
}

cudaError_t cudaGraphAddEventRecordNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                        const cudaGraphNode_t* nodes, size_t count,
                                        cudaEvent_t event) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    event_of(state, event);
    return add_node(state, graph_of(state, graph), {nodes, nullptr, count}, EventRecord{event});
  });
}

cudaError_t cudaGraphAddEventWaitNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                      const cudaGraphNode_t* nodes, size_t count,
                                      cudaEvent_t event) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    event_of(state, event);
    return add_node(state, graph_of(state, graph), {nodes, nullptr, count}, EventWait{event});
  });
}

cudaError_t cudaGraphAddMemAllocNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                     const cudaGraphNode_t* nodes, size_t count,
                                     cudaMemAllocNodeParams* parameters) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    require(parameters != nullptr);
    return add_allocation(state, graph_of(state, graph), {nodes, nullptr, count},
                          parameters->poolProps, parameters->bytesize, &parameters->dptr);
  });
}

cudaError_t cudaGraphAddMemFreeNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                    const cudaGraphNode_t* nodes, size_t count, void* memory) {
  return add(__func__, node, [&](Context& state) -> GraphNode& {
    cudaGraphNodeParams parameters{};
    parameters.type = cudaGraphNodeTypeMemFree;
    parameters.free.dptr = memory;
    return add_node(state, graph_of(state, graph), {nodes, nullptr, count},
                    operation_of(state, parameters));
  });
}

cudaError_t cudaGraphNodeSetParams(cudaGraphNode_t node, cudaGraphNodeParams* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    set_operation(state, node_of(state, node), operation_of(state, *parameters));
  });
}

cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, cudaKernelNodeParams* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    GraphNode& found = node_of(state, node);
    *parameters = parameters_of(as<KernelLaunch>(found), found.argument_pointers);
  });
}

cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t node,
                                         const cudaKernelNodeParams* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    GraphNode& found = node_of(state, node);
    KernelLaunch launch = launch_of(state, *parameters, as<KernelLaunch>(found).device);
    launch.is_cooperative = as<KernelLaunch>(found).is_cooperative;
    set_operation(state, found, std::move(launch));
  });
}

cudaError_t cudaGraphKernelNodeGetAttribute(cudaGraphNode_t node, cudaLaunchAttributeID attribute,
                                            cudaLaunchAttributeValue* value) {
  return call(__func__, [&](Context& state) {
    require(value != nullptr);
    const auto& launch = as<KernelLaunch>(node_of(state, node));
    *value = {};
    if (attribute == cudaLaunchAttributeCooperative) value->cooperative = launch.is_cooperative;
  });
}

cudaError_t cudaGraphKernelNodeSetAttribute(cudaGraphNode_t node, cudaLaunchAttributeID attribute,
                                            const cudaLaunchAttributeValue* value) {
  return call(__func__, [&](Context& state) {
    require(value != nullptr);
    GraphNode& found = node_of(state, node);
    KernelLaunch launch = as<KernelLaunch>(found);
    if (attribute != cudaLaunchAttributeCooperative) return;  // a hint
    launch.is_cooperative = value->cooperative != 0;
    set_operation(state, found, std::move(launch));
  });
}

cudaError_t cudaGraphMemcpyNodeGetParams(cudaGraphNode_t node, cudaMemcpy3DParms* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    *parameters = parameters_of(as<Copy>(node_of(state, node)));
  });
}

cudaError_t cudaGraphMemcpyNodeSetParams(cudaGraphNode_t node,
                                         const cudaMemcpy3DParms* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    set_operation(state, node_of(state, node), copy_of(state, *parameters));
  });
}

cudaError_t cudaGraphMemcpyNodeSetParams1D(cudaGraphNode_t node, void* destination,
                                           const void* source, size_t bytes, cudaMemcpyKind kind) {
  return call(__func__, [&](Context& state) {
    set_operation(state, node_of(state, node), row_copy(state, destination, source, bytes, kind));
  });
}

cudaError_t cudaGraphMemsetNodeGetParams(cudaGraphNode_t node, cudaMemsetParams* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    *parameters = parameters_of(as<Fill>(node_of(state, node)));
  });
}

cudaError_t cudaGraphMemsetNodeSetParams(cudaGraphNode_t node, const cudaMemsetParams* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    set_operation(state, node_of(state, node), fill_of(state, *parameters));
  });
}

cudaError_t cudaGraphHostNodeGetParams(cudaGraphNode_t node, cudaHostNodeParams* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr);
    const auto& host = as<HostCall>(node_of(state, node));
    *parameters = {host.function, host.data};
  });
}

cudaError_t cudaGraphHostNodeSetParams(cudaGraphNode_t node, const cudaHostNodeParams* parameters) {
  return call(__func__, [&](Context& state) {
    require(parameters != nullptr && parameters->fn != nullptr);
    set_operation(state, node_of(state, node), HostCall{parameters->fn, parameters->userData});
  });
}

cudaError_t cudaGraphChildGraphNodeGetGraph(cudaGraphNode_t node, cudaGraph_t* graph) {
  return call(__func__, [&](Context& state) {
    require(graph != nullptr);
    const GraphNode& found = node_of(state, node);
    as<Subgraph>(found);
    *graph = found.bodies[0];
  });
}

cudaError_t cudaGraphEventRecordNodeGetEvent(cudaGraphNode_t node, cudaEvent_t* event) {
  return call(__func__, [&](Context& state) {
    require(event != nullptr);
    *event = as<EventRecord>(node_of(state, node)).event;
  });
}

cudaError_t cudaGraphEventWaitNodeGetEvent(cudaGraphNode_t node, cudaEvent_t* event) {
  return call(__func__, [&](Context& state) {
    require(event != nullptr);
    *event = as<EventWait>(node_of(state, node)).event;
  });
}
