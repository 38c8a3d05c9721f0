// Devices: how many, what they are, which is current; waiting for one, and resetting it.
#include <cstdio>
#include <cstring>

#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"
#include "runtime/device_properties.h"
#include "runtime/finish.h"
#include "runtime/reset.h"

using namespace emulator;

namespace {

Device& device_at(Context& state, int device) {
  require(!state.devices.empty(), cudaErrorNoDevice);
  require(device >= 0 && static_cast<std::size_t>(device) < state.devices.size(),
          cudaErrorInvalidDevice);
  return state.devices[static_cast<std::size_t>(device)];
}

constexpr int kBusIdLength = 13;  // with the null character

std::string bus_id(int device) {
  char text[kBusIdLength];
  std::snprintf(text, sizeof text, "0000:%02x:00.0", static_cast<unsigned>(device + 1) & 0xff);
  return text;
}

}  // namespace

cudaError_t cudaGetDeviceCount(int* count) {
  return call_without_device(__func__, [&](Context& state) {
    require(count != nullptr);
    *count = static_cast<int>(state.devices.size());
    require(*count > 0, cudaErrorNoDevice);
  });
}

cudaError_t cudaGetDevice(int* device) {
  return call_without_device(__func__, [&](Context& state) {
    require(device != nullptr);
    require(!state.devices.empty(), cudaErrorNoDevice);
    *device = thread_state().device;
  });
}

cudaError_t cudaSetDevice(int device) {
  return call_without_device(
      __func__, [&](Context& state) { thread_state().device = device_at(state, device).index; });
}

cudaError_t cudaInitDevice(int device, unsigned flags, unsigned are_valid) {
  return call_without_device(__func__, [&](Context& state) {
    Device& chosen = device_at(state, device);
    if ((are_valid & cudaInitDeviceFlagsAreValid) != 0) chosen.flags = flags;
  });
}

cudaError_t cudaChooseDevice(int* device, const cudaDeviceProp* properties) {
  return call_without_device(__func__, [&](Context& state) {
    require(device != nullptr && properties != nullptr);
    *device = device_at(state, 0).index;  // they are all alike
  });
}

cudaError_t cudaSetValidDevices(int* devices, int count) {
  return call_without_device(__func__, [&](Context& state) {
    require(devices != nullptr || count == 0);
    for (int i = 0; i < count; ++i) device_at(state, devices[i]);
  });
}

cudaError_t cudaSetDeviceFlags(unsigned flags) {
  return call_without_device(__func__, [&](Context& state) {
    require((flags & ~static_cast<unsigned>(cudaDeviceMask)) == 0);
    device_at(state, thread_state().device).flags = flags;
  });
}

cudaError_t cudaGetDeviceFlags(unsigned* flags) {
  return call_without_device(__func__, [&](Context& state) {
    require(flags != nullptr);
    // The runtime's contexts always map memory of the host.
    *flags = device_at(state, thread_state().device).flags | cudaDeviceMapHost;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return call_without_device(__func__, [&](Context& state) {
    require(value != nullptr);
    const auto found = device_attribute(attribute, device_at(state, device).index);
    require(found.has_value());
    *value = *found;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call_without_device(__func__, [&](Context& state) {
    require(properties != nullptr);
    *properties = device_properties(device_at(state, device).index);
  });
}

cudaError_t cudaDriverGetVersion(int* version) {
  return call_without_device(__func__, [&](Context&) {
    require(version != nullptr);
    *version = CUDART_VERSION;
  });
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  return call_without_device(__func__, [&](Context&) {
    require(version != nullptr);
    *version = CUDART_VERSION;
  });
}

cudaError_t cudaDeviceGetByPCIBusId(int* device, const char* id) {
  return call_without_device(__func__, [&](Context& state) {
    require(device != nullptr && id != nullptr);
    for (const Device& candidate : state.devices) {
      if (bus_id(candidate.index) == id) {
        *device = candidate.index;
        return;
      }
    }
    throw Failure{cudaErrorInvalidDevice};
  });
}

cudaError_t cudaDeviceGetPCIBusId(char* id, int length, int device) {
  return call_without_device(__func__, [&](Context& state) {
    require(id != nullptr && length >= kBusIdLength);
    std::strcpy(id, bus_id(device_at(state, device).index).c_str());
  });
}

cudaError_t cudaDeviceSynchronize() {
  return call(__func__, [&](Context& state) {
    require_no_capture_on(state, thread_state().device);
    wait_for_device(state, thread_state().device);
  });
}

cudaError_t cudaDeviceReset() {
  return call_without_device(__func__, [&](Context& state) {
    find_leaks(state, thread_state().device);  // which the reset would hide
    reset_device(state, device_at(state, thread_state().device));
  });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return call(__func__, [&](Context&) {
    if (least) *least = kLeastPriority;
    if (greatest) *greatest = kGreatestPriority;
  });
}

cudaError_t cudaDeviceSetLimit(cudaLimit limit, size_t value) {
  return call(__func__, [&](Context& state) {
    require(limit >= cudaLimitStackSize && limit <= cudaLimitPersistingL2CacheSize,
            cudaErrorUnsupportedLimit);
    current_device(state).limits[limit] = value;
  });
}

cudaError_t cudaDeviceGetLimit(size_t* value, cudaLimit limit) {
  return call(__func__, [&](Context& state) {
    require(value != nullptr);
    require(limit >= cudaLimitStackSize && limit <= cudaLimitPersistingL2CacheSize,
            cudaErrorUnsupportedLimit);
    const auto& limits = current_device(state).limits;
    const auto set = limits.find(limit);
    if (set != limits.end())
      *value = set->second;
    else
      *value = limit == cudaLimitStackSize        ? 1 << 10
               : limit == cudaLimitPrintfFifoSize ? 1 << 20
               : limit == cudaLimitMallocHeapSize ? 8 << 20
                                                  : 0;
  });
}

cudaError_t cudaDeviceGetCacheConfig(cudaFuncCache* configuration) {
  return call(__func__, [&](Context&) {
    require(configuration != nullptr);
    *configuration = cudaFuncCachePreferNone;
  });
}

cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache) {
  return call(__func__, [](Context&) {});  // a hint
}

cudaError_t cudaCtxResetPersistingL2Cache() {
  return call(__func__, [](Context&) {});
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  return call_without_device(__func__, [&](Context& state) {
    require(can != nullptr);
    *can = device_at(state, device).index != device_at(state, peer).index;
  });
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(flags == 0);
    Device& device = current_device(state);
    require(device_at(state, peer).index != device.index, cudaErrorInvalidDevice);
    require(device.peers.insert(peer).second, cudaErrorPeerAccessAlreadyEnabled);
  });
}

cudaError_t cudaDeviceDisablePeerAccess(int peer) {
  return call(__func__, [&](Context& state) {
    device_at(state, peer);
    require(current_device(state).peers.erase(peer) == 1, cudaErrorPeerAccessNotEnabled);
  });
}

cudaError_t cudaDeviceGetP2PAttribute(int* value, cudaDeviceP2PAttr attribute, int source,
                                      int destination) {
  return call_without_device(__func__, [&](Context& state) {
    require(value != nullptr);
    require(device_at(state, source).index != device_at(state, destination).index,
            cudaErrorInvalidDevice);
    *value = attribute == cudaDevP2PAttrAccessSupported;
  });
}

cudaError_t cudaProfilerStart() {
  return call(__func__, [](Context&) {});  // there is no profiler
}

cudaError_t cudaProfilerStop() {
  return call(__func__, [](Context&) {});
}

// Describes the elements of a texture; textures themselves are not emulated.
cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w,
                                            cudaChannelFormatKind kind) {
  return {x, y, z, w, kind};
}
