// Executable graphs: making, updating and launching them.
#include <utility>

#include "runtime/call.h"
#include "runtime/context.h"
#include "runtime/copies.h"
#include "runtime/graph_exec.h"
#include "runtime/graph_run.h"
#include "runtime/launch.h"
#include "runtime/node_parameters.h"

using namespace emulator;

namespace {

void make(Context& state, cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags) {
  require(exec != nullptr);
  const auto error = instantiate(state, graph_of(state, graph), flags, exec);
  require(!error, error ? error->error : cudaSuccess);
}

// The executable graph's node for a node of the graph that it was made from.
ExecNode& node_in(Context& state, GraphExec& exec, cudaGraphNode_t handle) {
  const GraphNode& node = node_of(state, handle);
  const Graph* root = node.graph;
  while (root->owner) root = root->owner->graph;
  ExecNode* found = root == exec.source ? find_node(exec.graph, &node) : nullptr;
  require(found != nullptr);
  return *found;
}

template <class Kind>
const Kind& as(const ExecNode& node) {
  const auto* kind = std::get_if<Kind>(node.operation.get());
  require(kind != nullptr);
  return *kind;
}

// Sets what `make` gives of the node that there is.
template <class Make>
cudaError_t set(const char* function, cudaGraphExec_t exec, cudaGraphNode_t node,
                const void* parameters, const Make& make_operation) {
  return call(function, [&](Context& state) {
    require(parameters != nullptr);
    GraphExec& found = exec_of(state, exec);
    ExecNode& changed = node_in(state, found, node);
    set_operation(state, found, changed, make_operation(state, changed));
  });
}

}  // namespace

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long flags) {
  return call(__func__, [&](Context& state) { make(state, exec, graph, flags); });
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph,
                                          unsigned long long flags) {
  return call(__func__, [&](Context& state) { make(state, exec, graph, flags); });
}

cudaError_t cudaGraphInstantiateWithParams(cudaGraphExec_t* exec, cudaGraph_t graph,
                                           cudaGraphInstantiateParams* parameters) {
  return call(__func__, [&](Context& state) {
    require(exec != nullptr && parameters != nullptr);
    parameters->errNode_out = nullptr;
    parameters->result_out = cudaGraphInstantiateError;
    const auto error = instantiate(state, graph_of(state, graph), parameters->flags, exec);
    parameters->result_out = error ? error->result : cudaGraphInstantiateSuccess;
    parameters->errNode_out = error ? error->node : nullptr;
    require(!error, error ? error->error : cudaSuccess);
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return call(__func__, [&](Context& state) { destroy_exec(state, exec_of(state, exec)); });
}

cudaError_t cudaGraphExecGetFlags(cudaGraphExec_t exec, unsigned long long* flags) {
  return call(__func__, [&](Context& state) {
    require(flags != nullptr);
    *flags = exec_of(state, exec).flags;
  });
}

// There is nothing to upload to.
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    exec_of(state, exec);
    stream_of(state, stream);
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    launch_graph(state, exec_of(state, exec), stream_of(state, stream));
  });
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo* info) {
  return call(__func__, [&](Context& state) {
    require(info != nullptr);
    *info = {cudaGraphExecUpdateError, nullptr, nullptr};
    GraphExec& found = exec_of(state, exec);
    *info = update(state, found, found.graph, graph_of(state, graph));
    require(info->result == cudaGraphExecUpdateSuccess, cudaErrorGraphExecUpdateFailure);
  });
}

cudaError_t cudaGraphExecChildGraphNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                 cudaGraph_t child) {
  return call(__func__, [&](Context& state) {
    GraphExec& found = exec_of(state, exec);
    ExecNode& changed = node_in(state, found, node);
    ::as<Subgraph>(changed);
    const auto info = update(state, found, changed.bodies[0], graph_of(state, child));
    require(info.result == cudaGraphExecUpdateSuccess);
  });
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaKernelNodeParams* parameters) {
  return set(__func__, exec, node, parameters, [&](Context& state, const ExecNode& old) {
    const auto& former = ::as<KernelLaunch>(old);
    KernelLaunch launch = launch_of(state, *parameters, former.device);
    launch.is_cooperative = former.is_cooperative;
    return launch;
  });
}

cudaError_t cudaGraphExecMemcpyNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaMemcpy3DParms* parameters) {
  return set(__func__, exec, node, parameters,
             [&](Context& state, const ExecNode&) { return copy_of(state, *parameters); });
}

cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t exec, cudaGraphNode_t node,
                                               void* destination, const void* source, size_t bytes,
                                               cudaMemcpyKind kind) {
  return set(__func__, exec, node, destination, [&](Context& state, const ExecNode&) {
    return row_copy(state, destination, source, bytes, kind);
  });
}

cudaError_t cudaGraphExecMemsetNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaMemsetParams* parameters) {
  return set(__func__, exec, node, parameters,
             [&](Context& state, const ExecNode&) { return fill_of(state, *parameters); });
}

cudaError_t cudaGraphExecHostNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                           const cudaHostNodeParams* parameters) {
  return set(__func__, exec, node, parameters, [&](Context&, const ExecNode&) {
    require(parameters->fn != nullptr);
    return HostCall{parameters->fn, parameters->userData};
  });
}

cudaError_t cudaGraphExecEventRecordNodeSetEvent(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                 cudaEvent_t event) {
  return set(__func__, exec, node, event, [&](Context& state, const ExecNode&) {
    event_of(state, event);
    return EventRecord{event};
  });
}

cudaError_t cudaGraphExecEventWaitNodeSetEvent(cudaGraphExec_t exec, cudaGraphNode_t node,
                                               cudaEvent_t event) {
  return set(__func__, exec, node, event, [&](Context& state, const ExecNode&) {
    event_of(state, event);
    return EventWait{event};
  });
}

cudaError_t cudaGraphExecNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                       cudaGraphNodeParams* parameters) {
  return set(__func__, exec, node, parameters, [&](Context& state, const ExecNode& old) {
    Operation operation = operation_of(state, *parameters);
    if (auto* launch = std::get_if<KernelLaunch>(&operation))
      launch->is_cooperative = ::as<KernelLaunch>(old).is_cooperative;
    return operation;
  });
}

cudaError_t cudaGraphNodeSetEnabled(cudaGraphExec_t exec, cudaGraphNode_t node,
                                    unsigned is_enabled) {
  return call(__func__, [&](Context& state) {
    GraphExec& found = exec_of(state, exec);
    ExecNode& changed = node_in(state, found, node);
    const cudaGraphNodeType type = type_of(*changed.operation);
    require(type == cudaGraphNodeTypeKernel || type == cudaGraphNodeTypeMemset ||
            type == cudaGraphNodeTypeMemcpy);
    changed.is_enabled = is_enabled != 0;
    found.snapshot = nullptr;
  });
}

cudaError_t cudaGraphNodeGetEnabled(cudaGraphExec_t exec, cudaGraphNode_t node,
                                    unsigned* is_enabled) {
  return call(__func__, [&](Context& state) {
    require(is_enabled != nullptr);
    *is_enabled = node_in(state, exec_of(state, exec), node).is_enabled;
  });
}
