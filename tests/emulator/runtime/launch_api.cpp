// Kernel launches.
#include <optional>
#include <vector>

#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/compiler_api.h"
#include "runtime/context.h"
#include "runtime/launch.h"

using namespace emulator;

namespace {

// What <<<...>>> says, until the stub that it calls asks for it.
struct Configuration {
  dim3 grid, block;
  size_t shared_bytes;
  cudaStream_t stream;
};
thread_local std::vector<Configuration> configurations;

void launch(Context& state, const LaunchRequest& request, cudaStream_t stream) {
  Stream& found = stream_of(state, stream);
  require(found.capture || found.device == thread_state().device, cudaErrorInvalidResourceHandle);
  KernelLaunch made = launch_of(state, request, found.device);
  if (!found.capture) ++state.calls.launches;
  submit(state, found, std::move(made));
}

// What the attributes ask for, as far as a launch here can differ by it. The others are hints, or
// allow a kernel to begin early, which it need not.
struct Asked {
  bool is_cooperative = false;
  std::optional<cudaEvent_t> event;  // recorded when the kernel has begun, or later
};

Asked read_attributes(const cudaLaunchConfig_t& configuration) {
  Asked asked;
  require(configuration.numAttrs == 0 || configuration.attrs != nullptr);
  for (unsigned i = 0; i < configuration.numAttrs; ++i) {
    const cudaLaunchAttributeValue& value = configuration.attrs[i].val;
    switch (configuration.attrs[i].id) {
      case cudaLaunchAttributeCooperative: asked.is_cooperative = value.cooperative != 0; break;
      case cudaLaunchAttributeClusterDimension:
        // A cluster of one block is no cluster; others are not emulated.
        require_emulated(
            value.clusterDim.x == 1 && value.clusterDim.y == 1 && value.clusterDim.z == 1,
            "a cluster of several blocks");
        break;
      case cudaLaunchAttributeProgrammaticEvent: asked.event = value.programmaticEvent.event; break;
      case cudaLaunchAttributeLaunchCompletionEvent:
        asked.event = value.launchCompletionEvent.event;
        break;
      case cudaLaunchAttributeDeviceUpdatableKernelNode:
        require_emulated(value.deviceUpdatableKernelNode.deviceUpdatable == 0,
                         "a kernel node that the device updates");
        break;
      default: break;
    }
  }
  return asked;
}

}  // namespace

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes,
                                     cudaStream_t stream) {
  configurations.push_back({grid, block, shared_bytes, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared_bytes,
                                       void* stream) {
  if (configurations.empty()) return cudaErrorMissingConfiguration;
  const Configuration last = configurations.back();
  configurations.pop_back();
  *grid = last.grid;
  *block = last.block;
  *shared_bytes = last.shared_bytes;
  *static_cast<cudaStream_t*>(stream) = last.stream;
  return cudaSuccess;
}

// A kernel's handle is the address of its stub until it is known, so that a launch of a kernel that
// was never registered fails as a launch.
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* stub) {
  *kernel = static_cast<cudaKernel_t>(const_cast<void*>(stub));
  return cudaSuccess;
}

// What <<<...>>> becomes; to the program that is a cudaLaunchKernel.
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               size_t shared_bytes, cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, arguments, shared_bytes, stream);
}

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments,
                             size_t shared_bytes, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    launch(state,
           {.function = function,
            .grid = grid,
            .block = block,
            .arguments = arguments,
            .dynamic_shared_bytes = shared_bytes},
           stream);
  });
}

cudaError_t cudaLaunchCooperativeKernel(const void* function, dim3 grid, dim3 block,
                                        void** arguments, size_t shared_bytes,
                                        cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    launch(state,
           {.function = function,
            .grid = grid,
            .block = block,
            .arguments = arguments,
            .dynamic_shared_bytes = shared_bytes,
            .is_cooperative = true},
           stream);
  });
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* configuration, const void* function,
                                void** arguments) {
  return call(__func__, [&](Context& state) {
    require(configuration != nullptr);
    const Asked asked = read_attributes(*configuration);
    Event* event = asked.event ? &event_of(state, *asked.event) : nullptr;
    launch(state,
           {.function = function,
            .grid = configuration->gridDim,
            .block = configuration->blockDim,
            .arguments = arguments,
            .dynamic_shared_bytes = configuration->dynamicSmemBytes,
            .is_cooperative = asked.is_cooperative},
           configuration->stream);
    if (!event) return;
    Stream& stream = stream_of(state, configuration->stream);
    if (stream.capture)
      capture_record(stream, *event);
    else
      set_recorded(*event, stream.tail);
  });
}
