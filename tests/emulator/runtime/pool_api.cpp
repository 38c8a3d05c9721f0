// Pools of stream-ordered memory.
#include <vector>

#include "runtime/call.h"
#include "runtime/context.h"

using namespace emulator;

namespace {

Pool& pool_at(Context& state, cudaMemPool_t handle) {
  require(state.pools.holds(handle));
  return *handle;
}

Device& device_at(Context& state, int device) {
  require(device >= 0 && static_cast<std::size_t>(device) < state.devices.size(),
          cudaErrorInvalidDevice);
  return state.devices[static_cast<std::size_t>(device)];
}

// Only pools of pinned memory of a device there are.
Device& device_at(Context& state, const cudaMemLocation* location, cudaMemAllocationType type) {
  require(location != nullptr);
  require(location->type == cudaMemLocationTypeDevice && type == cudaMemAllocationTypePinned,
          cudaErrorNotSupported);
  return device_at(state, location->id);
}

void set_pool(Device& device, Pool& pool) {
  require(pool.device == device.index);
  device.pool = &pool;
}

}  // namespace

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  return call(__func__, [&](Context& state) {
    require(pool != nullptr);
    *pool = device_at(state, device).default_pool;
  });
}

cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device) {
  return call(__func__, [&](Context& state) {
    require(pool != nullptr);
    *pool = device_at(state, device).pool;
  });
}

cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool) {
  return call(__func__,
              [&](Context& state) { set_pool(device_at(state, device), pool_at(state, pool)); });
}

cudaError_t cudaMemGetDefaultMemPool(cudaMemPool_t* pool, cudaMemLocation* location,
                                     cudaMemAllocationType type) {
  return call(__func__, [&](Context& state) {
    require(pool != nullptr);
    *pool = device_at(state, location, type).default_pool;
  });
}

cudaError_t cudaMemGetMemPool(cudaMemPool_t* pool, cudaMemLocation* location,
                              cudaMemAllocationType type) {
  return call(__func__, [&](Context& state) {
    require(pool != nullptr);
    *pool = device_at(state, location, type).pool;
  });
}

cudaError_t cudaMemSetMemPool(cudaMemLocation* location, cudaMemAllocationType type,
                              cudaMemPool_t pool) {
  return call(__func__, [&](Context& state) {
    set_pool(device_at(state, location, type), pool_at(state, pool));
  });
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  return call(__func__, [&](Context& state) {
    require(pool != nullptr && properties != nullptr);
    require(properties->handleTypes == cudaMemHandleTypeNone, cudaErrorNotSupported);
    const Device& device = device_at(state, &properties->location, properties->allocType);
    *pool = state.pools.make();
    (*pool)->device = device.index;
    (*pool)->most_bytes = properties->maxSize;
  });
}

// What is still allocated from it stays.
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  return call(__func__, [&](Context& state) {
    Pool& found = pool_at(state, pool);
    Device& device = device_at(state, found.device);
    require(device.default_pool != &found);
    if (device.pool == &found) device.pool = device.default_pool;
    state.blocks.for_each([&](Block& block) {
      if (block.pool == &found) block.pool = nullptr;
    });
    state.pools.destroy(&found);
  });
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t bytes_to_keep) {
  return call(__func__, [&](Context& state) { pool_at(state, pool).trim(bytes_to_keep); });
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return call(__func__, [&](Context& state) {
    require(value != nullptr);
    const Pool& found = pool_at(state, pool);
    int& flag = *static_cast<int*>(value);
    std::uint64_t& bytes = *static_cast<std::uint64_t*>(value);
    switch (attribute) {
      case cudaMemPoolReuseFollowEventDependencies: flag = found.follow_events; return;
      case cudaMemPoolReuseAllowOpportunistic: flag = found.allow_opportunistic; return;
      case cudaMemPoolReuseAllowInternalDependencies: flag = found.allow_internal; return;
      case cudaMemPoolAttrReleaseThreshold: bytes = found.release_threshold; return;
      case cudaMemPoolAttrReservedMemCurrent: bytes = found.reserved; return;
      case cudaMemPoolAttrReservedMemHigh: bytes = found.most_reserved; return;
      case cudaMemPoolAttrUsedMemCurrent: bytes = found.used; return;
      case cudaMemPoolAttrUsedMemHigh: bytes = found.most_used; return;
    }
    throw Failure{cudaErrorInvalidValue};
  });
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return call(__func__, [&](Context& state) {
    require(value != nullptr);
    Pool& found = pool_at(state, pool);
    const int flag = *static_cast<const int*>(value);
    const auto bytes = [&] { return *static_cast<const std::uint64_t*>(value); };
    switch (attribute) {
      case cudaMemPoolReuseFollowEventDependencies: found.follow_events = flag; return;
      case cudaMemPoolReuseAllowOpportunistic: found.allow_opportunistic = flag; return;
      case cudaMemPoolReuseAllowInternalDependencies: found.allow_internal = flag; return;
      case cudaMemPoolAttrReleaseThreshold: found.release_threshold = bytes(); return;
      case cudaMemPoolAttrReservedMemHigh:
        require(bytes() == 0);
        found.most_reserved = found.reserved;
        return;
      case cudaMemPoolAttrUsedMemHigh:
        require(bytes() == 0);
        found.most_used = found.used;
        return;
      default: throw Failure{cudaErrorInvalidValue};
    }
  });
}

// Every device reaches every other's memory here, once it is allowed to.
cudaError_t cudaMemPoolSetAccess(cudaMemPool_t pool, const cudaMemAccessDesc* accesses,
                                 size_t count) {
  return call(__func__, [&](Context& state) {
    require(accesses != nullptr || count == 0);
    const Pool& found = pool_at(state, pool);
    for (std::size_t i = 0; i < count; ++i) {
      require(accesses[i].location.type == cudaMemLocationTypeDevice);
      Device& device = device_at(state, accesses[i].location.id);
      require(device.index != found.device || accesses[i].flags == cudaMemAccessFlagsProtReadWrite);
    }
  });
}

cudaError_t cudaMemPoolGetAccess(cudaMemAccessFlags* flags, cudaMemPool_t pool,
                                 cudaMemLocation* location) {
  return call(__func__, [&](Context& state) {
    require(flags != nullptr && location != nullptr);
    pool_at(state, pool);
    require(location->type == cudaMemLocationTypeDevice);
    device_at(state, location->id);
    *flags = cudaMemAccessFlagsProtReadWrite;
  });
}
