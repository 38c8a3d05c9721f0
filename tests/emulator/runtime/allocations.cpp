#include "runtime/allocations.h"

#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"
#include "runtime/idle.h"

namespace emulator {
namespace {

MemoryKind memory_kind(Block::Kind kind) {
  switch (kind) {
    case Block::Kind::device:
    case Block::Kind::pooled: return MemoryKind::device;
    case Block::Kind::pinned:
    case Block::Kind::registered: return MemoryKind::pinned;
    case Block::Kind::managed: return MemoryKind::managed;
  }
  return MemoryKind::device;
}

// What the host's use of a device pointer is reported as.
void watch_host(Context& context) {
  static bool is_watching = false;
  if (is_watching) return;
  is_watching = true;
  context.guard.watch_device_memory([&context](Address address) -> std::string {
    // Called by a signal handler. A fault in the runtime itself has the lock, and gets no text.
    const std::unique_lock lock(context.mutex, std::try_to_lock);
    if (!lock.owns_lock() || !context.memory.is_device_address(address)) return {};
    const Allocation* allocation = context.memory.find(address);
    if (!allocation) return "where no memory of the device is allocated";
    return std::to_string(address - allocation->begin) + " bytes into the " +
           std::to_string(allocation->bytes) + " bytes of " + allocation->label;
  });
}

Block& make_block(Context& context, int device, std::size_t bytes, Block::Kind kind,
                  const char* label) {
  watch_host(context);
  const Address begin = context.memory.allocate(device, bytes, memory_kind(kind), label);
  require(begin != 0, cudaErrorMemoryAllocation);
  ++context.calls.allocations;
  context.calls.allocated_bytes += bytes;
  context.blocks.add({.begin = begin, .bytes = bytes, .kind = kind, .device = device});
  return *context.blocks.at(begin);
}

}  // namespace

void* allocate(Context& context, std::size_t bytes, Block::Kind kind, unsigned flags,
               const char* label) {
  require_no_unsafe_capture(context);
  if (bytes == 0) return nullptr;
  Block& block = make_block(context, thread_state().device, bytes, kind, label);
  block.flags = flags;
  if (kind != Block::Kind::device) watch_idle_host(context);
  return reinterpret_cast<void*>(block.begin);
}

void* allocate_async(Context& context, Stream& stream, Pool& pool, std::size_t bytes) {
  if (bytes == 0) return nullptr;
  if (stream.capture) {
    const Address begin = reserve_for_graph(context, pool.device, bytes);
    capture(context, stream, Allocate{begin});
    return reinterpret_cast<void*>(begin);
  }
  require_no_implicit_capture(context, stream);
  require(pool.take(bytes), cudaErrorMemoryAllocation);
  Address begin = 0;
  try {
    Block& block = make_block(context, pool.device, bytes, Block::Kind::pooled, "cudaMallocAsync");
    block.pool = &pool;
    begin = block.begin;
  } catch (const Failure&) {
    pool.give_back(bytes);
    throw;
  }
  const WorkPointer work =
      enqueue(context, stream, std::make_shared<const Operation>(Allocate{begin}));
  context.memory.set_life(begin, Allocation::Life::reserved, work->id);
  return reinterpret_cast<void*>(begin);
}

Address reserve_for_graph(Context& context, int device, std::size_t bytes) {
  Block& block = make_block(context, device, bytes, Block::Kind::pooled, "a graph's allocation");
  block.is_of_graph = true;
  context.memory.set_life(block.begin, Allocation::Life::reserved, kHost);
  return block.begin;
}

void release(Context& context, void* memory, bool is_host) {
  require_no_unsafe_capture(context);
  if (!memory) return;
  Block* block = context.blocks.at(reinterpret_cast<Address>(memory));
  require(block != nullptr && !block->is_free_enqueued && block->kind != Block::Kind::registered &&
          (block->kind == Block::Kind::pinned) == is_host);
  ++context.calls.frees;
  if (block->is_of_graph) {
    block->is_taken = false;
    context.memory.set_life(block->begin, Allocation::Life::freed, kHost);
    return;
  }
  // Documented: memory of a pool is freed without waiting, and its uses must have ended before.
  if (block->kind != Block::Kind::pooled) {
    wait_for_device(context, block->device);
  } else {
    // Where its allocation has yet to run.
    context.memory.set_life(block->begin, Allocation::Life::live, kHost);
  }
  context.memory.free(block->begin, kHost);
  if (block->pool) block->pool->give_back(block->bytes);
  context.blocks.remove(block->begin);
}

void release_async(Context& context, Stream& stream, void* memory) {
  if (!memory) return;
  Block* block = context.blocks.at(reinterpret_cast<Address>(memory));
  const bool is_of_device = block && (block->kind == Block::Kind::pooled ||
                                      (block->kind == Block::Kind::device && !stream.capture));
  require(is_of_device && !block->is_free_enqueued);
  // What a captured graph frees it must have allocated.
  require(!stream.capture || block->is_of_graph);
  const Address begin = block->begin;
  submit(context, stream, Release{begin});
  if (stream.capture) return;
  ++context.calls.frees;
  if (block->is_of_graph)
    block->is_taken = false;
  else
    block->is_free_enqueued = true;
}

}  // namespace emulator
