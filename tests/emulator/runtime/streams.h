// Streams and events, and how work gets onto them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/cuda.h"
#include "runtime/operation.h"
#include "runtime/schedule.h"

namespace emulator {
struct Capture;
struct Context;
}  // namespace emulator

// The types that the runtime's handles point to.
struct CUstream_st {
  int device = 0;
  unsigned flags = cudaStreamDefault;
  int priority = 0;
  unsigned long long number = 0;  // 0 is the default stream
  bool is_legacy = false;
  emulator::Chain chain = 0;
  emulator::WorkPointer tail;  // the last piece of work; null before the first
  // While it is captured: into what, and the nodes that the next one comes after.
  std::shared_ptr<emulator::Capture> capture;
  std::vector<cudaGraphNode_t> frontier;
  std::vector<cudaGraphEdgeData> frontier_edges;  // of the first of them; the others' are ordinary
};

struct CUevent_st {
  int device = 0;
  unsigned flags = cudaEventDefault;
  bool is_recorded = false;
  emulator::WorkPointer work;  // the record; null before the first
  // Where it was last recorded in a capture.
  std::shared_ptr<emulator::Capture> capture;
  std::vector<cudaGraphNode_t> captured;
};

namespace emulator {

using Stream = ::CUstream_st;
using Event = ::CUevent_st;

// Priorities are kept and told, and change nothing: the order of ready work is random.
inline constexpr int kLeastPriority = 0, kGreatestPriority = -5;

// The stream of a handle: 0 and cudaStreamLegacy are the default stream of the current device,
// cudaStreamPerThread the calling thread's. Fails with cudaErrorInvalidResourceHandle.
Stream& stream_of(Context& context, cudaStream_t handle);
Event& event_of(Context& context, cudaEvent_t handle);
// As a record on a stream, or of a graph that is launched, leaves the event.
void set_recorded(Event& event, const WorkPointer& work);
Stream& make_stream(Context& context, int device, unsigned flags, int priority);
// Its unfinished work still runs.
void destroy_stream(Context& context, Stream& stream);
std::string describe(const Stream& stream);

// A piece of work at the end of a stream, after `also` too.
WorkPointer enqueue(Context& context, Stream& stream, const std::string& description, Run run,
                    std::span<const WorkPointer> also = {});
WorkPointer enqueue(Context& context, Stream& stream, OperationPointer operation);
// Onto the stream, or into the graph that it is captured into.
void submit(Context& context, Stream& stream, Operation operation);

void wait_for_stream(Context& context, const Stream& stream);
// All streams of the device.
void wait_for_device(Context& context, int device);
// Each wait of the host does: pools give back what is over their thresholds.
void trim_pools(Context& context);

}  // namespace emulator
