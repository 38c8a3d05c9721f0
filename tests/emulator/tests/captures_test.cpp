// What is refused while a stream is captured, and which captures are lost by it.
#include <thread>

#include "support/runtime.h"

namespace emulator_test {
namespace {

constexpr cudaStreamCaptureMode kModes[] = {
    cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed};

cudaError_t allocate() {
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, 4);
  if (error == cudaSuccess) require(cudaFree(memory));
  return error;
}

cudaError_t in_another_thread(cudaError_t (*call)()) {
  cudaError_t error = cudaSuccess;
  std::thread([&] { error = call(); }).join();
  return error;
}

class Captures : public Runtime {
 protected:
  void SetUp() override {
    Runtime::SetUp();
    if (!IsSkipped()) stream_ = new_stream(cudaStreamNonBlocking);
  }
  void TearDown() override {
    for (cudaStream_t stream : streams_) require(cudaStreamDestroy(stream));
    Runtime::TearDown();
  }
  cudaStream_t new_stream(unsigned flags) {
    require(cudaStreamCreateWithFlags(&streams_.emplace_back(), flags));
    return streams_.back();
  }
  static cudaError_t end(cudaStream_t stream) {
    cudaGraph_t graph = nullptr;
    const cudaError_t error = cudaStreamEndCapture(stream, &graph);
    if (error == cudaSuccess) require(cudaGraphDestroy(graph));
    cudaGetLastError();
    return error;
  }

  cudaStream_t stream_ = nullptr;

 private:
  std::vector<cudaStream_t> streams_;
};

TEST_F(Captures, AllocationIsAllowedInRelaxedOnesAlone) {
  for (const auto mode : kModes) {
    const bool is_relaxed = mode == cudaStreamCaptureModeRelaxed;
    require(cudaStreamBeginCapture(stream_, mode));
    EXPECT_EQ(allocate(), is_relaxed ? cudaSuccess : cudaErrorStreamCaptureUnsupported) << mode;
    EXPECT_EQ(end(stream_), is_relaxed ? cudaSuccess : cudaErrorStreamCaptureInvalidated) << mode;
  }
}

TEST_F(Captures, AllocationInAnotherThreadSpoilsGlobalOnesAlone) {
  for (const auto mode : kModes) {
    const bool is_global = mode == cudaStreamCaptureModeGlobal;
    require(cudaStreamBeginCapture(stream_, mode));
    EXPECT_EQ(in_another_thread(allocate),
              is_global ? cudaErrorStreamCaptureUnsupported : cudaSuccess)
        << mode;
    EXPECT_EQ(end(stream_), is_global ? cudaErrorStreamCaptureInvalidated : cudaSuccess) << mode;
  }
}

TEST_F(Captures, AreAllLostWhereAnotherThreadWaitsForTheDevice) {
  cudaStream_t second = new_stream(cudaStreamNonBlocking);
  for (const auto mode : kModes) {
    require(cudaStreamBeginCapture(stream_, mode));
    require(cudaStreamBeginCapture(second, mode));
    EXPECT_EQ(in_another_thread(cudaDeviceSynchronize), cudaErrorStreamCaptureUnsupported) << mode;
    EXPECT_EQ(end(stream_), cudaErrorStreamCaptureInvalidated) << mode;
    EXPECT_EQ(end(second), cudaErrorStreamCaptureInvalidated) << mode;
  }
  EXPECT_EQ(in_another_thread(cudaDeviceSynchronize), cudaSuccess);
}

TEST_F(Captures, OfStreamsThatTheDefaultOneWaitsForAreLostWhereItIsWaitedFor) {
  const auto wait = [] { return cudaStreamSynchronize(nullptr); };
  cudaStream_t blocking = new_stream(cudaStreamDefault);
  for (const auto mode : kModes) {
    require(cudaStreamBeginCapture(stream_, mode));
    EXPECT_EQ(in_another_thread(wait), cudaSuccess) << mode;
    require(cudaStreamBeginCapture(blocking, mode));
    EXPECT_EQ(in_another_thread(wait), cudaErrorStreamCaptureImplicit) << mode;
    EXPECT_EQ(end(stream_), cudaSuccess) << mode;
    EXPECT_EQ(end(blocking), cudaErrorStreamCaptureInvalidated) << mode;
  }
}

TEST_F(Captures, ThatEndProgrammaticallyAreNotToldWithoutTheirEdges) {
  const DeviceArray<std::uint32_t> cells(100);
  cudaStreamCaptureStatus status{};
  const cudaGraphNode_t* nodes = nullptr;
  const cudaGraphEdgeData* edges = nullptr;
  std::size_t count = 0;
  require(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed));
  require(fill(cells.get(), 100, 1, stream_));
  require(cudaStreamGetCaptureInfo(stream_, &status, nullptr, nullptr, &nodes, nullptr, &count));
  ASSERT_EQ(count, 1u);
  cudaGraphNode_t last = nodes[0];
  cudaGraphEdgeData early{};
  early.from_port = cudaGraphKernelNodePortProgrammatic;
  early.type = cudaGraphDependencyTypeProgrammatic;
  require(cudaStreamUpdateCaptureDependencies(stream_, &last, &early, 1,
                                              cudaStreamSetCaptureDependencies));
  EXPECT_EQ(cudaStreamGetCaptureInfo(stream_, &status, nullptr, nullptr, &nodes, nullptr, &count),
            cudaErrorLossyQuery);
  cudaGetLastError();
  require(cudaStreamGetCaptureInfo(stream_, &status, nullptr, nullptr, &nodes, &edges, &count));
  ASSERT_EQ(count, 1u);
  EXPECT_EQ(nodes[0], last);
  EXPECT_EQ(edges[0].type, cudaGraphDependencyTypeProgrammatic);
  require(fill(cells.get(), 100, 2, stream_));
  require(cudaStreamGetCaptureInfo(stream_, &status, nullptr, nullptr, &nodes, nullptr, &count));
  EXPECT_EQ(end(stream_), cudaSuccess);
}

}  // namespace
}  // namespace emulator_test
