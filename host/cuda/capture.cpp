#include "host/cuda/capture.h"

#include <exception>

namespace tendon::cuda {

CaptureLost::CaptureLost(const std::string& what)
    : DeviceError(
          fmt::format("{}: the capture of a CUDA graph was lost, since another thread waited for "
                      "the device meanwhile (cudaDeviceSynchronize or the like)",
                      what),
          cudaErrorStreamCaptureInvalidated) {}

std::vector<cudaGraphNode_t> capture(cudaGraph_t graph, std::span<const cudaGraphNode_t> after,
                                     const std::string& what,
                                     const std::function<void(cudaStream_t)>& enqueue) {
  const std::scoped_lock lock(capture_mutex());
  StreamHandle stream;
  TENDON_CUDA_CHECK_FOR(cudaStreamCreateWithFlags(stream.put(), cudaStreamNonBlocking), what);
  TENDON_CUDA_CHECK_FOR(cudaStreamBeginCaptureToGraph(stream.get(), graph, after.data(), nullptr,
                                                      after.size(), cudaStreamCaptureModeRelaxed),
                        what);
  std::vector<cudaGraphNode_t> last;
  std::exception_ptr failure;
  bool is_out_of_memory = false;
  try {
    enqueue(stream.get());
    cudaStreamCaptureStatus status{};
    const cudaGraphNode_t* ends = nullptr;
    // Where the library ends with a programmatic dependency the call fails unless the edges are
    // asked for. Their data is dropped: what comes next has an ordinary edge, and so waits for the
    // whole of these nodes, since it does not wait inside of its kernel.
    const cudaGraphEdgeData* edges = nullptr;
    std::size_t end_count = 0;
    TENDON_CUDA_CHECK_FOR(cudaStreamGetCaptureInfo(stream.get(), &status, nullptr, nullptr, &ends,
                                                   &edges, &end_count),
                          what);
    if (status == cudaStreamCaptureStatusActive) last.assign(ends, ends + end_count);
  } catch (const OutOfMemory&) {
    failure = std::current_exception();
    is_out_of_memory = true;
  } catch (...) {
    failure = std::current_exception();
  }
  cudaGraph_t captured = nullptr;
  const cudaError_t status = cudaStreamEndCapture(stream.get(), &captured);
  forget(status);
  // A lost capture makes the library's calls fail: that is the reason, and not what they say. But
  // the caller knows what to do where memory is short.
  if (status == cudaErrorStreamCaptureInvalidated && !is_out_of_memory) throw CaptureLost(what);
  if (failure) std::rethrow_exception(failure);
  check(status, "cudaStreamEndCapture", what);
  return last;
}

}  // namespace tendon::cuda
