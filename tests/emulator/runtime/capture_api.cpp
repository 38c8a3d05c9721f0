// Capture of streams into graphs.
#include <algorithm>
#include <utility>

#include "runtime/call.h"
#include "runtime/capture.h"
#include "runtime/context.h"

using namespace emulator;

namespace {

cudaStreamCaptureStatus status_of(Context& state, const Stream& stream) {
  if (stream.is_legacy) {
    // A question, which spoils no capture.
    state.streams.for_each([&](const Stream& other) {
      require(!other.capture || other.device != stream.device ||
                  (other.flags & cudaStreamNonBlocking) != 0,
              cudaErrorStreamCaptureImplicit);
    });
  }
  if (!stream.capture) return cudaStreamCaptureStatusNone;
  return stream.capture->is_invalid ? cudaStreamCaptureStatusInvalidated
                                    : cudaStreamCaptureStatusActive;
}

bool is_ordinary(const cudaGraphEdgeData& edge) {
  return edge.from_port == 0 && edge.to_port == 0 && edge.type == cudaGraphDependencyTypeDefault;
}

}  // namespace

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call(__func__, [&](Context& state) {
    begin_capture(state, stream_of(state, stream), nullptr, {}, mode);
  });
}

cudaError_t cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                          const cudaGraphNode_t* nodes,
                                          const cudaGraphEdgeData* edges, size_t count,
                                          cudaStreamCaptureMode mode) {
  return call(__func__, [&](Context& state) {
    begin_capture(state, stream_of(state, stream), &graph_of(state, graph), {nodes, edges, count},
                  mode);
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return call(__func__, [&](Context& state) {
    Stream& found = stream_of(state, stream);
    // Whoever brought the graph has it already.
    require(graph != nullptr || (found.capture && !found.capture->owns_graph));
    if (graph) *graph = nullptr;
    Graph& captured = end_capture(state, found);
    if (graph) *graph = &captured;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call(__func__, [&](Context& state) {
    require(status != nullptr);
    *status = status_of(state, stream_of(state, stream));
  });
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                     unsigned long long* id, cudaGraph_t* graph,
                                     const cudaGraphNode_t** nodes, const cudaGraphEdgeData** edges,
                                     size_t* count) {
  return call(__func__, [&](Context& state) {
    require(status != nullptr && (!edges || nodes));
    Stream& found = stream_of(state, stream);
    *status = status_of(state, found);
    if (*status != cudaStreamCaptureStatusActive) return;
    // Who does not ask for the edges would take a programmatic one for an ordinary one.
    require(edges || std::ranges::all_of(found.frontier_edges, is_ordinary), cudaErrorLossyQuery);
    if (id) *id = found.capture->id;
    if (graph) *graph = found.capture->graph;
    if (nodes) *nodes = found.frontier.data();
    if (count) *count = found.frontier.size();
    if (edges) {
      found.frontier_edges.resize(found.frontier.size());
      *edges = found.frontier_edges.data();
    }
  });
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* nodes,
                                                const cudaGraphEdgeData* edges, size_t count,
                                                unsigned flags) {
  return call(__func__, [&](Context& state) {
    require(flags == cudaStreamAddCaptureDependencies || flags == cudaStreamSetCaptureDependencies);
    require(count == 0 || nodes != nullptr);
    Stream& found = stream_of(state, stream);
    require(found.capture != nullptr, cudaErrorIllegalState);
    require(!found.capture->is_invalid, cudaErrorStreamCaptureInvalidated);
    for (std::size_t i = 0; i < count; ++i)
      require(node_of(state, nodes[i]).graph == found.capture->graph);
    std::vector<cudaGraphNode_t>& frontier = found.frontier;
    if (flags == cudaStreamSetCaptureDependencies) {
      frontier.clear();
      found.frontier_edges.clear();
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (std::find(frontier.begin(), frontier.end(), nodes[i]) != frontier.end()) continue;
      frontier.push_back(nodes[i]);
      if (edges == nullptr) continue;
      found.frontier_edges.resize(frontier.size());
      found.frontier_edges.back() = edges[i];
    }
  });
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return call(__func__, [&](Context&) {
    require(mode != nullptr && *mode >= cudaStreamCaptureModeGlobal &&
            *mode <= cudaStreamCaptureModeRelaxed);
    std::swap(*mode, thread_state().capture_mode);
  });
}
