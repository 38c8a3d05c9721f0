// What a piece of work does: the same on a stream and in a graph's node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "machine/machine.h"
#include "machine/memory.h"
#include "runtime/cuda.h"

namespace emulator {

struct Empty {};

struct KernelLaunch {
  const void* function = nullptr;  // as the program named it: its stub or a cudaKernel_t
  std::shared_ptr<Module> module;  // keeps the code
  const Kernel* kernel = nullptr;
  Dim3 grid, block;
  std::uint32_t dynamic_shared_bytes = 0;
  std::vector<std::byte> parameters;
  bool is_cooperative = false;
  int device = 0;
};

// Rows of bytes. An address that no allocation holds is pageable memory of the host.
struct Rows {
  Address begin = 0;
  std::uint64_t pitch = 0;        // from row to row
  std::uint64_t slice_pitch = 0;  // from slice to slice
};

struct Copy {
  Rows destination, source;
  std::uint64_t width = 0, height = 1, depth = 1;  // width in bytes
  // The source's bytes as they were at the call, row after row, where it is pageable memory.
  std::vector<std::byte> staged;
  cudaMemcpyKind kind = cudaMemcpyDefault;  // as the program gave it
  std::uint64_t bytes() const { return width * height * depth; }
  // From the first byte of the rows to after the last.
  std::uint64_t span(const Rows& rows) const {
    return bytes() == 0 ? 0 : (depth - 1) * rows.slice_pitch + (height - 1) * rows.pitch + width;
  }
};

struct Fill {
  Rows destination;
  std::uint32_t value = 0, element_bytes = 1;
  std::uint64_t width = 0, height = 1, depth = 1;  // width in elements
  std::uint64_t row_bytes() const { return width * element_bytes; }
  std::uint64_t bytes() const { return row_bytes() * height * depth; }
  std::uint64_t span() const {
    return bytes() == 0 ? 0
                        : (depth - 1) * destination.slice_pitch + (height - 1) * destination.pitch +
                              row_bytes();
  }
};

struct HostCall {
  cudaHostFn_t function = nullptr;
  void* data = nullptr;
};

// cudaStreamAddCallback's, which is called after an error too.
struct StreamCallback {
  cudaStreamCallback_t function = nullptr;
  cudaStream_t stream = nullptr;
  void* data = nullptr;
};

// Work of a library, see emulatorEnqueue. Shared by the graphs that it was captured into.
struct LibraryCall {
  struct Body {
    std::string name;
    void (*run)(void*) = nullptr;
    void (*release)(void*) = nullptr;
    void* data = nullptr;
    Body() = default;
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;
    ~Body() {
      if (release) release(data);
    }
  };
  std::shared_ptr<Body> body;
};

// Nodes of graphs only: a record or a wait on a stream is an empty piece of work.
struct EventRecord {
  cudaEvent_t event = nullptr;
};
struct EventWait {
  cudaEvent_t event = nullptr;
};

// Stream-ordered allocation: the address was reserved at the call.
struct Allocate {
  Address address = 0;
};
struct Release {
  Address address = 0;
};

// Nodes that hold graphs.
struct Subgraph {};
struct Conditional {
  cudaGraphConditionalHandle handle = 0;
  cudaGraphConditionalNodeType type = cudaGraphCondTypeIf;
};

using Operation =
    std::variant<Empty, KernelLaunch, Copy, Fill, HostCall, StreamCallback, LibraryCall,
                 EventRecord, EventWait, Allocate, Release, Subgraph, Conditional>;
using OperationPointer = std::shared_ptr<const Operation>;

// "kernel scale", "cudaMemcpy of 400 bytes".
std::string describe(const Operation& operation);

}  // namespace emulator
