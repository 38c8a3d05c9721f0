#include "runtime/capture.h"

#include <algorithm>
#include <set>

#include "runtime/call.h"
#include "runtime/context.h"

namespace emulator {
namespace {

[[noreturn]] void spoil(const std::shared_ptr<Capture>& capture, cudaError_t error) {
  capture->is_invalid = true;
  throw Failure{error};
}

template <class Visit>
void for_each_captured(Context& context, Visit visit) {
  context.streams.for_each([&](Stream& stream) {
    if (stream.capture) visit(stream);
  });
}

// All streams of a capture, its origin first or later.
std::vector<Stream*> streams_of(Context& context, const Capture& capture) {
  std::vector<Stream*> streams;
  for_each_captured(context, [&](Stream& stream) {
    if (stream.capture.get() == &capture) streams.push_back(&stream);
  });
  return streams;
}

std::set<const GraphNode*> with_ancestors(const std::vector<cudaGraphNode_t>& nodes) {
  std::set<const GraphNode*> found;
  std::vector<const GraphNode*> open(nodes.begin(), nodes.end());
  while (!open.empty()) {
    const GraphNode* node = open.back();
    open.pop_back();
    if (found.insert(node).second)
      open.insert(open.end(), node->before.begin(), node->before.end());
  }
  return found;
}

// Each stream that a capture forked to must have come back to where it began.
bool is_joined(Context& context, const Capture& capture) {
  const std::set<const GraphNode*> reached = with_ancestors(capture.origin->frontier);
  for (const Stream* stream : streams_of(context, capture)) {
    for (const GraphNode* node : stream->frontier) {
      if (reached.count(node) == 0) return false;
    }
  }
  return true;
}

void leave_capture(Stream& stream) {
  stream.capture = nullptr;
  stream.frontier.clear();
  stream.frontier_edges.clear();
}

// All that the stream added to its capture comes before what another stream of it has.
bool is_joined_to_another(Context& context, const Stream& stream) {
  std::vector<cudaGraphNode_t> others;
  for (const Stream* other : streams_of(context, *stream.capture)) {
    if (other != &stream)
      others.insert(others.end(), other->frontier.begin(), other->frontier.end());
  }
  const std::set<const GraphNode*> reached = with_ancestors(others);
  return std::all_of(stream.frontier.begin(), stream.frontier.end(),
                     [&](const GraphNode* node) { return reached.contains(node); });
}

void add_to_frontier(Stream& stream, const std::vector<cudaGraphNode_t>& nodes) {
  for (cudaGraphNode_t node : nodes) {
    if (std::find(stream.frontier.begin(), stream.frontier.end(), node) == stream.frontier.end())
      stream.frontier.push_back(node);
  }
}

}  // namespace

void begin_capture(Context& context, Stream& stream, Graph* graph, const Dependencies& after,
                   cudaStreamCaptureMode mode) {
  require(!stream.is_legacy, cudaErrorStreamCaptureUnsupported);
  require(!stream.capture, cudaErrorIllegalState);
  require(after.count == 0 || after.nodes != nullptr);
  require(mode == cudaStreamCaptureModeGlobal || mode == cudaStreamCaptureModeThreadLocal ||
          mode == cudaStreamCaptureModeRelaxed);
  for (std::size_t i = 0; i < after.count; ++i)
    require(node_of(context, after.nodes[i]).graph == graph);
  static unsigned long long capture_count = 0;
  stream.capture = std::make_shared<Capture>();
  stream.capture->id = ++capture_count;
  stream.capture->owns_graph = graph == nullptr;
  stream.capture->graph = graph ? graph : context.graphs.make();
  stream.capture->mode = mode;
  stream.capture->thread = std::this_thread::get_id();
  stream.capture->origin = &stream;
  stream.frontier.assign(after.nodes, after.nodes + after.count);
  if (after.edges != nullptr) stream.frontier_edges.assign(after.edges, after.edges + after.count);
}

Graph& end_capture(Context& context, Stream& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  require(capture != nullptr, cudaErrorIllegalState);
  require(capture->origin == &stream, cudaErrorStreamCaptureUnmatched);
  require(capture->mode == cudaStreamCaptureModeRelaxed ||
              capture->thread == std::this_thread::get_id(),
          cudaErrorStreamCaptureWrongThread);
  cudaError_t error = cudaSuccess;
  if (capture->is_invalid)
    error = cudaErrorStreamCaptureInvalidated;
  else if (!is_joined(context, *capture))
    error = cudaErrorStreamCaptureUnjoined;
  for (Stream* captured : streams_of(context, *capture)) leave_capture(*captured);
  capture->is_invalid = true;  // for events that were recorded in it
  if (error != cudaSuccess && capture->owns_graph) destroy_graph(context, *capture->graph);
  require(error == cudaSuccess, error);
  return *capture->graph;
}

Dependencies frontier(Stream& stream) {
  require(!stream.capture->is_invalid, cudaErrorStreamCaptureInvalidated);
  return {stream.frontier.data(), nullptr, stream.frontier.size()};
}

void set_frontier(Stream& stream, GraphNode& node) {
  stream.frontier = {&node};
  stream.frontier_edges.clear();
}

GraphNode& capture(Context& context, Stream& stream, Operation operation) {
  const Dependencies after = frontier(stream);
  try {
    GraphNode& node = add_node(context, *stream.capture->graph, after, std::move(operation));
    set_frontier(stream, node);
    return node;
  } catch (const Failure& failure) {
    spoil(stream.capture, failure.error);
  }
}

void capture_record(Stream& stream, Event& event) {
  frontier(stream);
  event.is_recorded = true;
  event.capture = stream.capture;
  event.captured = stream.frontier;
}

void capture_wait(Stream& stream, const Event& event) {
  if (!event.capture) {
    // The graph cannot come after work that is not in it.
    require(!stream.capture->is_invalid, cudaErrorStreamCaptureInvalidated);
    spoil(stream.capture, cudaErrorStreamCaptureIsolation);
  }
  require(!event.capture->is_invalid, cudaErrorCapturedEvent);
  if (stream.is_legacy) spoil(event.capture, cudaErrorStreamCaptureImplicit);
  if (!stream.capture) {
    stream.capture = event.capture;
    stream.frontier.clear();
  } else if (stream.capture != event.capture) {
    event.capture->is_invalid = true;
    spoil(stream.capture, cudaErrorStreamCaptureMerge);
  }
  add_to_frontier(stream, event.captured);
}

void require_no_implicit_capture(Context& context, const Stream& stream) {
  if (!stream.is_legacy) return;
  bool is_captured = false;
  for_each_captured(context, [&](Stream& captured) {
    if (captured.device != stream.device || (captured.flags & cudaStreamNonBlocking) != 0) return;
    captured.capture->is_invalid = true;
    is_captured = true;
  });
  require(!is_captured, cudaErrorStreamCaptureImplicit);
}

void require_not_captured(Context& context, const Stream& stream) {
  require_no_implicit_capture(context, stream);
  if (stream.capture) spoil(stream.capture, cudaErrorStreamCaptureUnsupported);
}

void require_no_capture_on(Context& context, int device) {
  bool is_captured = false;
  for_each_captured(context, [&](Stream& stream) {
    if (stream.device != device) return;
    stream.capture->is_invalid = true;
    is_captured = true;
  });
  require(!is_captured, cudaErrorStreamCaptureUnsupported);
}

void require_no_unsafe_capture(Context& context) {
  const cudaStreamCaptureMode mine = thread_state().capture_mode;
  if (mine == cudaStreamCaptureModeRelaxed) return;
  bool is_captured = false;
  for_each_captured(context, [&](Stream& captured) {
    Capture& capture = *captured.capture;
    const bool is_own = capture.thread == std::this_thread::get_id() &&
                        capture.mode != cudaStreamCaptureModeRelaxed;
    const bool is_global =
        capture.mode == cudaStreamCaptureModeGlobal && mine == cudaStreamCaptureModeGlobal;
    if (!is_own && !is_global) return;
    capture.is_invalid = true;
    is_captured = true;
  });
  require(!is_captured, cudaErrorStreamCaptureUnsupported);
}

void forget_captures(Context& context, const Stream& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  if (!capture) return;
  if (capture->origin != &stream && is_joined_to_another(context, stream)) return;
  capture->is_invalid = true;
  if (capture->origin != &stream) return;
  for (Stream* captured : streams_of(context, *capture)) leave_capture(*captured);
  if (capture->owns_graph) destroy_graph(context, *capture->graph);
}

}  // namespace emulator
