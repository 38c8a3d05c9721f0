// Allocation of memory: of the device, pinned, managed, and in the order of streams.
#include "runtime/allocations.h"
#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"
#include "runtime/idle.h"

using namespace emulator;

namespace {

constexpr std::size_t kPitchAlignment = 512;

std::size_t pitch_of(std::size_t width) {
  return (width + kPitchAlignment - 1) / kPitchAlignment * kPitchAlignment;
}

Block& registered_block(Context& state, void* memory) {
  Block* block = state.blocks.at(reinterpret_cast<Address>(memory));
  require(block && block->kind == Block::Kind::registered, cudaErrorHostMemoryNotRegistered);
  return *block;
}

Block& host_block(Context& state, void* memory) {
  Block* block = state.blocks.holding(reinterpret_cast<Address>(memory));
  require(block && block->is_host());
  return *block;
}

Pool& pool_at(Context& state, cudaMemPool_t handle) {
  require(state.pools.holds(handle));
  return *handle;
}

}  // namespace

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  return call(__func__, [&](Context& state) {
    require(memory != nullptr);
    *memory = allocate(state, bytes, Block::Kind::device, 0, "cudaMalloc");
  });
}

cudaError_t cudaMallocPitch(void** memory, size_t* pitch, size_t width, size_t height) {
  return call(__func__, [&](Context& state) {
    require(memory != nullptr && pitch != nullptr);
    *pitch = pitch_of(width);
    *memory = allocate(state, *pitch * height, Block::Kind::device, 0, "cudaMallocPitch");
  });
}

cudaError_t cudaMalloc3D(cudaPitchedPtr* memory, cudaExtent extent) {
  return call(__func__, [&](Context& state) {
    require(memory != nullptr);
    memory->pitch = pitch_of(extent.width);
    memory->xsize = extent.width;
    memory->ysize = extent.height;
    memory->ptr = allocate(state, memory->pitch * extent.height * extent.depth, Block::Kind::device,
                           0, "cudaMalloc3D");
  });
}

cudaError_t cudaFree(void* memory) {
  return call(__func__, [&](Context& state) { release(state, memory, false); });
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  return call(__func__, [&](Context& state) {
    require(memory != nullptr);
    *memory = allocate(state, bytes, Block::Kind::pinned, cudaHostAllocMapped, "cudaMallocHost");
  });
}

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned flags) {
  return call(__func__, [&](Context& state) {
    constexpr unsigned kKnown =
        cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
    require(memory != nullptr && (flags & ~kKnown) == 0);
    *memory =
        allocate(state, bytes, Block::Kind::pinned, flags | cudaHostAllocMapped, "cudaHostAlloc");
  });
}

cudaError_t cudaFreeHost(void* memory) {
  return call(__func__, [&](Context& state) { release(state, memory, true); });
}

cudaError_t cudaMallocManaged(void** memory, size_t bytes, unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(memory != nullptr && bytes > 0);
    require(flags == cudaMemAttachGlobal || flags == cudaMemAttachHost);
    *memory = allocate(state, bytes, Block::Kind::managed, flags, "cudaMallocManaged");
  });
}

cudaError_t cudaHostRegister(void* memory, size_t bytes, unsigned flags) {
  return call(__func__, [&](Context& state) {
    constexpr unsigned kKnown = cudaHostRegisterPortable | cudaHostRegisterMapped |
                                cudaHostRegisterIoMemory | cudaHostRegisterReadOnly;
    require(memory != nullptr && bytes > 0 && (flags & ~kKnown) == 0);
    const auto begin = reinterpret_cast<Address>(memory);
    require(!state.memory.is_device_address(begin));
    require(!state.blocks.holding(begin) && !state.blocks.holding(begin + bytes - 1),
            cudaErrorHostMemoryAlreadyRegistered);
    watch_idle_host(state);
    state.memory.adopt(memory, bytes, "cudaHostRegister");
    state.blocks.add({.begin = begin,
                      .bytes = bytes,
                      .kind = Block::Kind::registered,
                      .device = thread_state().device,
                      .flags = flags});
  });
}

cudaError_t cudaHostUnregister(void* memory) {
  return call(__func__, [&](Context& state) {
    const Block block = registered_block(state, memory);
    wait_for_device(state, block.device);
    state.memory.forget(block.begin);
    state.blocks.remove(block.begin);
  });
}

cudaError_t cudaHostGetDevicePointer(void** device_pointer, void* memory, unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(device_pointer != nullptr && flags == 0);
    host_block(state, memory);
    *device_pointer = memory;
  });
}

cudaError_t cudaHostGetFlags(unsigned* flags, void* memory) {
  return call(__func__, [&](Context& state) {
    require(flags != nullptr);
    *flags = host_block(state, memory).flags;
  });
}

cudaError_t cudaMallocAsync(void** memory, size_t bytes, cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    require(memory != nullptr);
    Stream& found = stream_of(state, stream);
    Pool& pool = *state.devices[static_cast<std::size_t>(found.device)].pool;
    *memory = allocate_async(state, found, pool, bytes);
  });
}

cudaError_t cudaMallocFromPoolAsync(void** memory, size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  return call(__func__, [&](Context& state) {
    require(memory != nullptr);
    *memory = allocate_async(state, stream_of(state, stream), pool_at(state, pool), bytes);
  });
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  return call(__func__,
              [&](Context& state) { release_async(state, stream_of(state, stream), memory); });
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return call(__func__, [&](Context& state) {
    const int device = thread_state().device;
    if (total) *total = state.memory.total_bytes(device);
    // What pools keep for later is not free either.
    std::uint64_t kept = 0;
    state.pools.for_each([&](const Pool& pool) {
      if (pool.device == device) kept += pool.reserved - pool.used;
    });
    const std::uint64_t unused = state.memory.total_bytes(device) - state.memory.used_bytes(device);
    if (free) *free = unused - std::min(unused, kept);
  });
}
