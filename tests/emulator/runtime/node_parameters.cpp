#include "runtime/node_parameters.h"

#include <memory>
#include <utility>

#include "runtime/copies.h"
#include "runtime/launch.h"

namespace emulator {
namespace {

struct TypeOf {
  cudaGraphNodeType operator()(const Empty&) const { return cudaGraphNodeTypeEmpty; }
  cudaGraphNodeType operator()(const KernelLaunch&) const { return cudaGraphNodeTypeKernel; }
  cudaGraphNodeType operator()(const Copy&) const { return cudaGraphNodeTypeMemcpy; }
  cudaGraphNodeType operator()(const Fill&) const { return cudaGraphNodeTypeMemset; }
  cudaGraphNodeType operator()(const HostCall&) const { return cudaGraphNodeTypeHost; }
  cudaGraphNodeType operator()(const StreamCallback&) const { return cudaGraphNodeTypeHost; }
  // A library's work is kernels, for all that the program can know.
  cudaGraphNodeType operator()(const LibraryCall&) const { return cudaGraphNodeTypeKernel; }
  cudaGraphNodeType operator()(const EventRecord&) const { return cudaGraphNodeTypeEventRecord; }
  cudaGraphNodeType operator()(const EventWait&) const { return cudaGraphNodeTypeWaitEvent; }
  cudaGraphNodeType operator()(const Allocate&) const { return cudaGraphNodeTypeMemAlloc; }
  cudaGraphNodeType operator()(const Release&) const { return cudaGraphNodeTypeMemFree; }
  cudaGraphNodeType operator()(const Subgraph&) const { return cudaGraphNodeTypeGraph; }
  cudaGraphNodeType operator()(const Conditional&) const { return cudaGraphNodeTypeConditional; }
};

}  // namespace

Operation operation_of(Context& context, const cudaGraphNodeParams& parameters) {
  switch (parameters.type) {
    case cudaGraphNodeTypeEmpty: return Empty{};
    case cudaGraphNodeTypeKernel: {
      const cudaKernelNodeParamsV2& kernel = parameters.kernel;
      cudaKernelNodeParams plain{};
      plain.func = kernel.func;
      plain.gridDim = kernel.gridDim;
      plain.blockDim = kernel.blockDim;
      plain.sharedMemBytes = kernel.sharedMemBytes;
      plain.kernelParams = kernel.kernelParams;
      plain.extra = kernel.extra;
      return launch_of(context, plain, thread_state().device);
    }
    case cudaGraphNodeTypeMemcpy: return copy_of(context, parameters.memcpy.copyParams);
    case cudaGraphNodeTypeMemset: {
      const cudaMemsetParamsV2& fill = parameters.memset;
      return fill_of(context, {.dst = fill.dst,
                               .pitch = fill.pitch,
                               .value = fill.value,
                               .elementSize = fill.elementSize,
                               .width = fill.width,
                               .height = fill.height});
    }
    case cudaGraphNodeTypeHost:
      require(parameters.host.fn != nullptr);
      return HostCall{parameters.host.fn, parameters.host.userData};
    case cudaGraphNodeTypeEventRecord:
      event_of(context, parameters.eventRecord.event);
      return EventRecord{parameters.eventRecord.event};
    case cudaGraphNodeTypeWaitEvent:
      event_of(context, parameters.eventWait.event);
      return EventWait{parameters.eventWait.event};
    case cudaGraphNodeTypeMemFree: {
      const auto address = reinterpret_cast<Address>(parameters.free.dptr);
      const Block* block = context.blocks.at(address);
      require(block && block->is_of_graph);
      return Release{address};
    }
    case cudaGraphNodeTypeExtSemaphoreSignal:
    case cudaGraphNodeTypeExtSemaphoreWait:
      throw Failure{cudaErrorNotSupported, "a node of an external semaphore: not emulated"};
    default: throw Failure{cudaErrorInvalidValue};
  }
}

cudaGraphNodeType type_of(const Operation& operation) { return std::visit(TypeOf{}, operation); }

void set_operation(Context& context, GraphNode& node, Operation operation) {
  require(operation.index() == node.operation->index());
  check_allowed(context, *node.graph, operation);
  node.operation = std::make_shared<const Operation>(std::move(operation));
}

}  // namespace emulator
