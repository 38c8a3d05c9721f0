#include "runtime/device_properties.h"

#include <cstdio>

#include "machine/machine.h"

namespace emulator {
namespace {

using P = DeviceProperties;

constexpr int kMostGridX = 0x7fffffff, kMostGridYZ = 65535;
constexpr int kMostBlockXY = 1024, kMostBlockZ = 64;
constexpr int kConstantBytes = 64 << 10;
constexpr int kMostPitch = 0x7fffffff;
constexpr int kTextureAlignment = 512, kTexturePitchAlignment = 32;
// Rates are asked for by programs that estimate times; the emulated device claims none worth using.
constexpr int kClockKilohertz = 1'000'000, kBusBits = 1024;

}  // namespace

std::optional<int> device_attribute(cudaDeviceAttr attribute, int device) {
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: return P::kThreadsPerBlock;
    case cudaDevAttrMaxBlockDimX: return kMostBlockXY;
    case cudaDevAttrMaxBlockDimY: return kMostBlockXY;
    case cudaDevAttrMaxBlockDimZ: return kMostBlockZ;
    case cudaDevAttrMaxGridDimX: return kMostGridX;
    case cudaDevAttrMaxGridDimY: return kMostGridYZ;
    case cudaDevAttrMaxGridDimZ: return kMostGridYZ;
    case cudaDevAttrMaxSharedMemoryPerBlock: return P::kSharedPerBlock;
    case cudaDevAttrTotalConstantMemory: return kConstantBytes;
    case cudaDevAttrWarpSize: return P::kWarpSize;
    case cudaDevAttrMaxPitch: return kMostPitch;
    case cudaDevAttrMaxRegistersPerBlock: return P::kRegistersPerBlock;
    case cudaDevAttrClockRate: return kClockKilohertz;
    case cudaDevAttrTextureAlignment: return kTextureAlignment;
    case cudaDevAttrTexturePitchAlignment: return kTexturePitchAlignment;
    case cudaDevAttrSurfaceAlignment: return kTextureAlignment;
    case cudaDevAttrGpuOverlap: return 1;
    case cudaDevAttrMultiProcessorCount: return P::kMultiprocessors;
    case cudaDevAttrCanMapHostMemory: return 1;
    case cudaDevAttrComputeMode: return cudaComputeModeDefault;
    case cudaDevAttrConcurrentKernels: return 1;
    case cudaDevAttrPciBusId: return device + 1;
    case cudaDevAttrMemoryClockRate: return kClockKilohertz;
    case cudaDevAttrGlobalMemoryBusWidth: return kBusBits;
    case cudaDevAttrL2CacheSize: return P::kL2Bytes;
    case cudaDevAttrMaxThreadsPerMultiProcessor: return P::kThreadsPerMultiprocessor;
    case cudaDevAttrAsyncEngineCount: return 2;
    case cudaDevAttrUnifiedAddressing: return 1;
    case cudaDevAttrComputeCapabilityMajor: return P::kMajor;
    case cudaDevAttrComputeCapabilityMinor: return P::kMinor;
    case cudaDevAttrStreamPrioritiesSupported: return 1;
    case cudaDevAttrGlobalL1CacheSupported: return 1;
    case cudaDevAttrLocalL1CacheSupported: return 1;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return P::kSharedPerMultiprocessor;
    case cudaDevAttrMaxRegistersPerMultiprocessor: return P::kRegistersPerMultiprocessor;
    case cudaDevAttrManagedMemory: return 1;
    case cudaDevAttrSingleToDoublePrecisionPerfRatio: return 2;
    case cudaDevAttrConcurrentManagedAccess: return 1;
    case cudaDevAttrComputePreemptionSupported: return 1;
    case cudaDevAttrCanUseHostPointerForRegisteredMem: return 1;
    case cudaDevAttrCooperativeLaunch: return 1;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: return P::kSharedPerBlockOptin;
    case cudaDevAttrHostRegisterSupported: return 1;
    case cudaDevAttrMaxBlocksPerMultiprocessor: return P::kBlocksPerMultiprocessor;
    case cudaDevAttrReservedSharedMemoryPerBlock: return P::kReservedSharedPerBlock;
    case cudaDevAttrMemoryPoolsSupported: return 1;
    case cudaDevAttrMemSyncDomainCount: return 1;
    case cudaDevAttrHostNumaId: return -1;
    case cudaDevAttrNumaConfig: return cudaDeviceNumaConfigNone;
    case cudaDevAttrNumaId: return -1;
    default: break;
  }
  // All else is a limit of what is not emulated (textures, surfaces, clusters), or an absent
  // ability: 0.
  const bool is_known = attribute >= cudaDevAttrMaxThreadsPerBlock && attribute < cudaDevAttrMax;
  return is_known ? std::optional<int>(0) : std::nullopt;
}

cudaDeviceProp device_properties(int device) {
  const auto get = [&](cudaDeviceAttr attribute) { return *device_attribute(attribute, device); };
  const auto size = [&](cudaDeviceAttr attribute) {
    return static_cast<std::size_t>(get(attribute));
  };
  cudaDeviceProp properties{};
  std::snprintf(properties.name, sizeof properties.name, "Emulated device (compute %d.%d)",
                P::kMajor, P::kMinor);
  std::snprintf(properties.uuid.bytes, sizeof properties.uuid.bytes, "emulated-%d", device);
  properties.totalGlobalMem = P::kMemoryBytes;
  properties.sharedMemPerBlock = P::kSharedPerBlock;
  properties.regsPerBlock = P::kRegistersPerBlock;
  properties.warpSize = P::kWarpSize;
  properties.memPitch = size(cudaDevAttrMaxPitch);
  properties.maxThreadsPerBlock = P::kThreadsPerBlock;
  properties.maxThreadsDim[0] = properties.maxThreadsDim[1] = kMostBlockXY;
  properties.maxThreadsDim[2] = kMostBlockZ;
  properties.maxGridSize[0] = kMostGridX;
  properties.maxGridSize[1] = properties.maxGridSize[2] = kMostGridYZ;
  properties.totalConstMem = kConstantBytes;
  properties.major = P::kMajor;
  properties.minor = P::kMinor;
  properties.textureAlignment = kTextureAlignment;
  properties.texturePitchAlignment = kTexturePitchAlignment;
  properties.surfaceAlignment = kTextureAlignment;
  properties.multiProcessorCount = P::kMultiprocessors;
  properties.canMapHostMemory = get(cudaDevAttrCanMapHostMemory);
  properties.concurrentKernels = get(cudaDevAttrConcurrentKernels);
  properties.pciBusID = get(cudaDevAttrPciBusId);
  properties.asyncEngineCount = get(cudaDevAttrAsyncEngineCount);
  properties.unifiedAddressing = get(cudaDevAttrUnifiedAddressing);
  properties.memoryBusWidth = get(cudaDevAttrGlobalMemoryBusWidth);
  properties.l2CacheSize = P::kL2Bytes;
  properties.maxThreadsPerMultiProcessor = P::kThreadsPerMultiprocessor;
  properties.streamPrioritiesSupported = get(cudaDevAttrStreamPrioritiesSupported);
  properties.globalL1CacheSupported = get(cudaDevAttrGlobalL1CacheSupported);
  properties.localL1CacheSupported = get(cudaDevAttrLocalL1CacheSupported);
  properties.sharedMemPerMultiprocessor = P::kSharedPerMultiprocessor;
  properties.regsPerMultiprocessor = P::kRegistersPerMultiprocessor;
  properties.managedMemory = get(cudaDevAttrManagedMemory);
  properties.concurrentManagedAccess = get(cudaDevAttrConcurrentManagedAccess);
  properties.computePreemptionSupported = get(cudaDevAttrComputePreemptionSupported);
  properties.canUseHostPointerForRegisteredMem = get(cudaDevAttrCanUseHostPointerForRegisteredMem);
  properties.cooperativeLaunch = get(cudaDevAttrCooperativeLaunch);
  properties.sharedMemPerBlockOptin = P::kSharedPerBlockOptin;
  properties.maxBlocksPerMultiProcessor = P::kBlocksPerMultiprocessor;
  properties.reservedSharedMemPerBlock = P::kReservedSharedPerBlock;
  properties.hostRegisterSupported = get(cudaDevAttrHostRegisterSupported);
  properties.memoryPoolsSupported = get(cudaDevAttrMemoryPoolsSupported);
  properties.deviceNumaId = get(cudaDevAttrNumaId);
  properties.hostNumaId = get(cudaDevAttrHostNumaId);
  return properties;
}

}  // namespace emulator
