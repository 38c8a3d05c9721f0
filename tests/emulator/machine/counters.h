// What a launch did, in figures that are the same on every run.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "machine/report.h"

namespace emulator {

enum class InstructionClass {
  integer,
  f16,
  f32,
  f64,
  convert,
  memory,
  control,
  warp,
  atomic,
  other
};
inline constexpr int kInstructionClassCount = 10;
const char* name(InstructionClass c);

struct Traffic {
  std::uint64_t requests = 0;     // warp-wide instructions
  std::uint64_t bytes = 0;        // asked for, all lanes together
  std::uint64_t sectors = 0;      // 32-byte sectors touched, counted anew for each request
  std::uint64_t excess = 0;       // sectors beyond those that the request's distinct bytes fill
  std::uint64_t first_touch = 0;  // bytes that the launch had not touched this way before
  Traffic& operator+=(const Traffic& other);
};

struct Counters {
  std::array<std::uint64_t, kInstructionClassCount> instructions{};  // of threads
  std::uint64_t warp_instructions = 0;
  std::uint64_t branches = 0, divergent_branches = 0;  // of warps
  Traffic global_load, global_store;
  std::uint64_t local_bytes = 0;
  std::uint64_t shared_requests = 0;
  std::uint64_t shared_conflicts = 0;  // passes beyond the first of each request
  std::uint64_t atomics = 0;           // of threads
  std::uint64_t thread_instructions() const;
  Counters& operator+=(const Counters& other);
};

// One launch in the order of execution.
struct LaunchRecord {
  std::string kernel;
  Dim3 grid, block;
  std::uint32_t shared_bytes = 0;  // static and dynamic
  bool from_graph = false;
  Counters counters;
};

// What the runtime's calls did.
struct CallCounters {
  std::uint64_t launches = 0;        // by the host; a graph's nodes count for themselves
  std::uint64_t graph_launches = 0;  // cudaGraphLaunch
  std::uint64_t graph_kernels = 0;   // kernels that graphs ran
  std::uint64_t library_calls = 0;   // cublasLtMatmul, as it was run
  std::uint64_t allocations = 0, frees = 0, allocated_bytes = 0;
  std::uint64_t copies_to_device = 0, bytes_to_device = 0;
  std::uint64_t copies_to_host = 0, bytes_to_host = 0;
  std::uint64_t copies_on_device = 0, bytes_on_device = 0;
  std::uint64_t memsets = 0, memset_bytes = 0;
  std::uint64_t synchronizations = 0;  // calls that made the host wait
  std::uint64_t modules = 0;           // PTX texts loaded
};

}  // namespace emulator
