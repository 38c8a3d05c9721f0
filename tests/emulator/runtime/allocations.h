// Allocation and release of memory, for every call that does either.
#pragma once

#include <string>

#include "runtime/blocks.h"
#include "runtime/streams.h"

namespace emulator {

// Throws cudaErrorMemoryAllocation where there is no room. Zero bytes give a null pointer.
void* allocate(Context& context, std::size_t bytes, Block::Kind kind, unsigned flags,
               const char* label);
// Memory of a pool, live from its turn in the stream on. Zero bytes give a null pointer.
void* allocate_async(Context& context, Stream& stream, Pool& pool, std::size_t bytes);
// The memory of a graph's node, as the program may use it from now on in the graph.
Address reserve_for_graph(Context& context, int device, std::size_t bytes);

// cudaFree and cudaFreeHost: waits for the device, unless the memory is a pool's.
void release(Context& context, void* memory, bool is_host);
void release_async(Context& context, Stream& stream, void* memory);

}  // namespace emulator
