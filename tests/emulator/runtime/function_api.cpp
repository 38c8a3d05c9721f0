// Kernels: their attributes, and how many of their blocks fit at once.
#include <algorithm>

#include "runtime/call.h"
#include "runtime/context.h"
#include "runtime/launch.h"

using namespace emulator;

namespace {

void set_attribute(Context& state, Function& function, int device, cudaFuncAttribute attribute,
                   int value) {
  Function::Settings& settings = function.settings[device];
  switch (attribute) {
    case cudaFuncAttributeMaxDynamicSharedMemorySize: {
      const auto used = code_of(state, function, device).attributes.static_shared_bytes;
      require(value >= 0 &&
              static_cast<std::uint64_t>(value) + used <= DeviceProperties::kSharedPerBlockOptin);
      settings.most_dynamic_shared_bytes = value;
      return;
    }
    case cudaFuncAttributePreferredSharedMemoryCarveout:
      require(value >= cudaSharedmemCarveoutDefault && value <= cudaSharedmemCarveoutMaxShared);
      settings.shared_carveout = value;
      return;
    // A cluster of one block is all there is.
    case cudaFuncAttributeRequiredClusterWidth:
    case cudaFuncAttributeRequiredClusterHeight:
    case cudaFuncAttributeRequiredClusterDepth:
      return require_emulated(value == 0 || value == 1, "a cluster of several blocks");
    case cudaFuncAttributeClusterDimMustBeSet:
    case cudaFuncAttributeNonPortableClusterSizeAllowed:
    case cudaFuncAttributeClusterSchedulingPolicyPreference: return;
    default: throw Failure{cudaErrorInvalidValue};
  }
}

int occupancy(Context& state, const void* function, int threads, std::size_t shared_bytes) {
  require(threads > 0);
  const Function& found = function_of(state, function);
  const Code code = code_of(state, found, thread_state().device);
  if (shared_bytes > most_dynamic_shared_bytes(found, code, thread_state().device)) return 0;
  return resident_blocks(code.attributes, static_cast<std::uint64_t>(threads), shared_bytes);
}

}  // namespace

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  return call(__func__, [&](Context& state) {
    require(attributes != nullptr);
    const Function& found = function_of(state, function);
    const int device = thread_state().device;
    const Code code = code_of(state, found, device);
    constexpr int kArchitecture = DeviceProperties::kMajor * 10 + DeviceProperties::kMinor;
    *attributes = {};
    attributes->sharedSizeBytes = code.attributes.static_shared_bytes;
    attributes->constSizeBytes = code.attributes.constant_bytes;
    attributes->localSizeBytes = code.attributes.local_bytes;
    attributes->maxThreadsPerBlock = static_cast<int>(code.attributes.most_threads);
    attributes->numRegs = kRegistersPerThread;
    // A kernel is compiled for the device from the PTX that was found.
    attributes->ptxVersion = code.attributes.ptx_architecture;
    attributes->binaryVersion = kArchitecture;
    attributes->maxDynamicSharedSizeBytes =
        static_cast<int>(most_dynamic_shared_bytes(found, code, device));
    const auto settings = found.settings.find(device);
    attributes->preferredShmemCarveout =
        settings == found.settings.end() ? -1 : settings->second.shared_carveout;
  });
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return call(__func__, [&](Context& state) {
    set_attribute(state, function_of(state, function), thread_state().device, attribute, value);
  });
}

cudaError_t cudaKernelSetAttributeForDevice(cudaKernel_t kernel, cudaFuncAttribute attribute,
                                            int value, int device) {
  return call(__func__, [&](Context& state) {
    require(device >= 0 && static_cast<std::size_t>(device) < state.devices.size(),
            cudaErrorInvalidDevice);
    set_attribute(state, function_of(state, kernel), device, attribute, value);
  });
}

cudaError_t cudaFuncSetCacheConfig(const void* function, cudaFuncCache) {
  return call(__func__, [&](Context& state) { function_of(state, function); });  // a hint
}

cudaError_t cudaFuncGetName(const char** name, const void* function) {
  return call(__func__, [&](Context& state) {
    require(name != nullptr);
    *name = function_of(state, function).name.c_str();
  });
}

cudaError_t cudaFuncGetParamInfo(const void* function, size_t index, size_t* offset,
                                 size_t* bytes) {
  return call(__func__, [&](Context& state) {
    require(offset != nullptr);
    const Code code = code_of(state, function_of(state, function), thread_state().device);
    require(index < code.attributes.parameters.size());
    *offset = code.attributes.parameters[index].first;
    if (bytes) *bytes = code.attributes.parameters[index].second;
  });
}

// For the driver's interface, which is not emulated: the handle serves as a kernel's here.
cudaError_t cudaGetFuncBySymbol(cudaFunction_t* function, const void* symbol) {
  return call(__func__, [&](Context& state) {
    require(function != nullptr);
    *function = reinterpret_cast<cudaFunction_t>(&function_of(state, symbol));
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function,
                                                          int threads, size_t shared_bytes) {
  return call(__func__, [&](Context& state) {
    require(blocks != nullptr);
    *blocks = occupancy(state, function, threads, shared_bytes);
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks,
                                                                   const void* function,
                                                                   int threads, size_t shared_bytes,
                                                                   unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(blocks != nullptr);
    require(flags == cudaOccupancyDefault || flags == cudaOccupancyDisableCachingOverride);
    *blocks = occupancy(state, function, threads, shared_bytes);
  });
}

cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(size_t* bytes, const void* function,
                                                      int blocks, int threads) {
  return call(__func__, [&](Context& state) {
    require(bytes != nullptr && blocks > 0 && threads > 0);
    const Function& found = function_of(state, function);
    const int device = thread_state().device;
    const Code code = code_of(state, found, device);
    using P = DeviceProperties;
    const std::size_t share = static_cast<std::size_t>(P::kSharedPerMultiprocessor / blocks);
    const std::size_t taken = code.attributes.static_shared_bytes + P::kReservedSharedPerBlock;
    *bytes = std::min<std::size_t>(share - std::min(share, taken),
                                   P::kSharedPerBlockOptin - code.attributes.static_shared_bytes);
  });
}

cudaError_t cudaOccupancyMaxPotentialClusterSize(int* size, const void* function,
                                                 const cudaLaunchConfig_t* configuration) {
  return call(__func__, [&](Context& state) {
    require(size != nullptr && configuration != nullptr);
    function_of(state, function);
    *size = 1;
  });
}
