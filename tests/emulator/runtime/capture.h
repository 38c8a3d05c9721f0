// Capture: what is put onto a stream becomes nodes of a graph.
#pragma once

#include <thread>

#include "runtime/cuda.h"
#include "runtime/graph.h"
#include "runtime/streams.h"

namespace emulator {

struct Capture {
  unsigned long long id = 0;
  Graph* graph = nullptr;
  bool owns_graph = false;  // it was made for the capture
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;
  Stream* origin = nullptr;
  bool is_invalid = false;  // an error has spoilt it; all that is left is to end it
};

// Into `graph` after these nodes, or into a new graph where `graph` is null.
void begin_capture(Context& context, Stream& stream, Graph* graph, const Dependencies& after,
                   cudaStreamCaptureMode mode);
// Throws where the capture was invalid; the stream is not captured any more in any case.
Graph& end_capture(Context& context, Stream& stream);

// The stream's next node. Throws where its capture is invalid.
GraphNode& capture(Context& context, Stream& stream, Operation operation);
// For what makes its node itself: the nodes that it is to come after, and then that node.
Dependencies frontier(Stream& stream);
void set_frontier(Stream& stream, GraphNode& node);

void capture_record(Stream& stream, Event& event);
// Either or both of the stream and the event's last record are captured.
void capture_wait(Stream& stream, const Event& event);

// The default stream orders itself after every stream that does not opt out, so that its use while
// one of them is captured is an error.
void require_no_implicit_capture(Context& context, const Stream& stream);
// For calls that wait for a stream, or ask about it.
void require_not_captured(Context& context, const Stream& stream);
// For calls that wait for a device: they are refused, and all its captures are lost.
void require_no_capture_on(Context& context, int device);
// For calls that may wait for the device, or that a launch of the graph would not repeat
// (cudaMalloc); see cudaThreadExchangeStreamCaptureMode.
void require_no_unsafe_capture(Context& context);

// The stream is destroyed.
void forget_captures(Context& context, const Stream& stream);

}  // namespace emulator
