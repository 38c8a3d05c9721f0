// What a pointer points to, and advice about it.
#include "runtime/call.h"
#include "runtime/context.h"

using namespace emulator;

namespace {

cudaMemoryType type_of(Block::Kind kind) {
  switch (kind) {
    case Block::Kind::device:
    case Block::Kind::pooled: return cudaMemoryTypeDevice;
    case Block::Kind::pinned:
    case Block::Kind::registered: return cudaMemoryTypeHost;
    case Block::Kind::managed: return cudaMemoryTypeManaged;
  }
  return cudaMemoryTypeUnregistered;
}

void check_managed(Context& state, const void* memory, std::size_t bytes) {
  const auto begin = reinterpret_cast<Address>(memory);
  const Allocation* allocation = state.memory.live(begin);  // a variable's, too
  require(allocation && allocation->kind == MemoryKind::managed &&
          bytes <= allocation->end() - begin);
}

void check_location(Context& state, const cudaMemLocation& location) {
  if (location.type == cudaMemLocationTypeDevice)
    require(location.id >= 0 && static_cast<std::size_t>(location.id) < state.devices.size(),
            cudaErrorInvalidDevice);
  else
    require(location.type != cudaMemLocationTypeInvalid);
}

}  // namespace

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return call(__func__, [&](Context& state) {
    require(attributes != nullptr);
    void* memory = const_cast<void*>(pointer);
    const auto address = reinterpret_cast<Address>(pointer);
    *attributes = {};
    attributes->type = cudaMemoryTypeUnregistered;
    attributes->device = cudaInvalidDeviceId;
    if (const Block* block = state.blocks.holding(address)) {
      attributes->type = type_of(block->kind);
      attributes->device = block->device;
      attributes->devicePointer = memory;
      attributes->hostPointer = attributes->type == cudaMemoryTypeDevice ? nullptr : memory;
    } else if (const Allocation* variable = state.memory.live(address)) {
      const bool is_managed = variable->kind == MemoryKind::managed;
      attributes->type = is_managed ? cudaMemoryTypeManaged : cudaMemoryTypeDevice;
      attributes->device = variable->device;
      attributes->devicePointer = memory;
      attributes->hostPointer = is_managed ? memory : nullptr;
    } else if (!state.memory.is_device_address(address)) {
      attributes->hostPointer = memory;
    }
  });
}

cudaError_t cudaMemPrefetchAsync(const void* memory, size_t bytes, cudaMemLocation location,
                                 unsigned flags, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    require(flags == 0 && bytes > 0);
    check_managed(state, memory, bytes);
    check_location(state, location);
    submit(state, stream_of(state, stream), Empty{});  // managed memory has but one place here
  });
}

cudaError_t cudaMemAdvise(const void* memory, size_t bytes, cudaMemoryAdvise advice,
                          cudaMemLocation location) {
  return call(__func__, [&](Context& state) {
    require(advice >= cudaMemAdviseSetReadMostly && advice <= cudaMemAdviseUnsetAccessedBy);
    check_managed(state, memory, bytes);
    if (advice != cudaMemAdviseSetReadMostly && advice != cudaMemAdviseUnsetReadMostly)
      check_location(state, location);
  });
}
