// The state of the process: devices, memory, work, and what was counted. One lock is around it all.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "machine/counters.h"
#include "machine/machine.h"
#include "machine/memory.h"
#include "runtime/blocks.h"
#include "runtime/cuda.h"
#include "runtime/fail.h"
#include "runtime/findings.h"
#include "runtime/graph.h"
#include "runtime/graph_exec.h"
#include "runtime/guard.h"
#include "runtime/handles.h"
#include "runtime/library.h"
#include "runtime/order.h"
#include "runtime/pool.h"
#include "runtime/random.h"
#include "runtime/streams.h"
#include "runtime/work.h"

namespace emulator {

struct Device {
  int index = 0;
  // What a kernel left behind: every later call gives it, until the process ends, as on a real
  // device (or until cudaDeviceReset or emulatorReset, for tests).
  cudaError_t fault = cudaSuccess;
  std::unique_ptr<Stream> legacy_stream;  // the default stream
  std::vector<Stream> retired_streams;    // destroyed, with work that may not be done
  Pool* default_pool = nullptr;
  Pool* pool = nullptr;  // of cudaMallocAsync
  unsigned flags = cudaDeviceScheduleAuto;
  std::set<int> peers;  // that this device may access
  std::unordered_map<int, std::size_t> limits;
};

struct Context {
  Context();

  std::mutex mutex;
  std::condition_variable_any progressed;  // a host function that ran with the lock released ended

  std::chrono::nanoseconds host_time{};  // that calls have taken

  Findings findings;  // before the options, which say what it looks for
  Options options;
  Random random;
  std::vector<Device> devices;
  Memory memory;
  Blocks blocks;
  HostGuard& guard;
  Order order;
  Queue queue;
  WorkPointer running;  // on the machine, just now
  int host_functions_running = 0;

  Handles<Stream> streams;
  Handles<Event> events;
  Handles<Pool> pools;
  Handles<Library> libraries;
  Handles<Function> functions;
  Handles<Graph> graphs;
  Handles<GraphNode> nodes;
  Handles<GraphExec> execs;
  Symbols symbols;
  std::unordered_map<cudaGraphConditionalHandle, std::uint32_t> conditions;

  FailPoints fail_points;
  CallCounters calls;
  Counters total;
  std::vector<LaunchRecord> launches;
};

// Never destroyed: a program may call the runtime from the destructors of its globals.
Context& context();

// What each thread of the host has for itself.
struct ThreadState {
  int device = 0;
  cudaError_t last_error = cudaSuccess;
  cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;
  bool is_in_host_function = false;
  bool is_in_library = false;                        // in the work of one, with the lock held
  std::unordered_map<int, Stream*> default_streams;  // cudaStreamPerThread, by device
};
ThreadState& thread_state();

}  // namespace emulator
