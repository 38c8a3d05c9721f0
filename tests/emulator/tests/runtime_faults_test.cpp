// Errors that are injected, what the emulator lacks, and several devices.
#include "support/runtime.h"

namespace emulator_test {
namespace {

// What injects errors, or looks into the emulator.
class EmulatedRuntime : public Runtime {
 protected:
  void SetUp() override {
    Runtime::SetUp();
    if (!IsSkipped() && emulator() == nullptr) GTEST_SKIP() << "not the emulated device";
  }
};

TEST_F(EmulatedRuntime, TheCallThatIsToFailFails) {
  void* memory = nullptr;
  ASSERT_EQ(emulator()->fail_call("cudaMalloc", 2, cudaErrorMemoryAllocation), 0);
  require(cudaMalloc(&memory, 4));
  require(cudaFree(memory));
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  require(cudaMalloc(&memory, 4));
  require(cudaFree(memory));
  ASSERT_EQ(emulator()->fail_call("cudaMalloc", 1, cudaErrorMemoryAllocation), 0);
  ASSERT_EQ(emulator()->fail_call("cudaMalloc", 0, 0), 0) << "it is taken back";
  require(cudaMalloc(&memory, 4));
  require(cudaFree(memory));
  EXPECT_EQ(emulator()->fail_call("cudaMallocate", 1, 2), 1) << "there is no such function";
}

TEST_F(EmulatedRuntime, AKernelThatIsToFailFailsWhereItRuns) {
  const DeviceArray<std::uint32_t> cells(100);
  ASSERT_EQ(emulator()->fail_call("kernel", 2, cudaErrorIllegalAddress), 0);
  require(fill(cells.get(), 100, 1));
  EXPECT_EQ(fill(cells.get(), 100, 2), cudaSuccess) << "a launch does not wait";
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  emulator()->reset();
  cudaGetLastError();
  require(fill(cells.get(), 100, 3));
  EXPECT_EQ(cells.values()[99], 3u);
}

TEST_F(EmulatedRuntime, AGraphLaunchThatIsToFailDoesNotRun) {
  const DeviceArray<std::uint32_t> cells(std::vector<std::uint32_t>(100, 1));
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  require(fill(cells.get(), 100, 2, stream));
  require(cudaStreamEndCapture(stream, &graph));
  require(cudaGraphInstantiate(&executable, graph, 0));
  ASSERT_EQ(emulator()->fail_call("cudaGraphLaunch", 1, cudaErrorLaunchFailure), 0);
  EXPECT_EQ(cudaGraphLaunch(executable, stream), cudaErrorLaunchFailure);
  cudaGetLastError();
  require(cudaStreamSynchronize(stream));
  EXPECT_EQ(cells.values()[0], 1u);
  require(cudaGraphLaunch(executable, stream));
  require(cudaStreamSynchronize(stream));
  EXPECT_EQ(cells.values()[0], 2u);
  require(cudaGraphExecDestroy(executable));
  require(cudaGraphDestroy(graph));
  require(cudaStreamDestroy(stream));
}

TEST_F(EmulatedRuntime, AFunctionThatIsMissingFailsByItsName) {
  cudaArray_t array = nullptr;
  cudaExtent extent{};
  unsigned int flags = 0;
  cudaChannelFormatDesc description{};
  testing::internal::CaptureStderr();
  const cudaError_t error = cudaArrayGetInfo(&description, &extent, &flags, array);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(error, cudaErrorNotSupported);
  EXPECT_NE(said.find("cudaArrayGetInfo"), std::string::npos) << said;
  cudaGetLastError();
}

TEST_F(EmulatedRuntime, AKernelOfAnUnloadedLibraryIsRefused) {
  cudaLibrary_t library = nullptr;
  cudaKernel_t kernel = nullptr;
  require(
      cudaLibraryLoadData(&library, kernels().c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0));
  require(cudaLibraryGetKernel(&kernel, library, "use_shared"));
  require(cudaLibraryUnload(library));
  EXPECT_NE(cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3(1), dim3(1), nullptr, 0,
                             nullptr),
            cudaSuccess);
  EXPECT_NE(cudaLibraryUnload(library), cudaSuccess);
  cudaGetLastError();
}

// Run with TENDON_EMULATOR_DEVICES=2, or where two real ones are.
class TwoDevices : public Runtime {
 protected:
  void SetUp() override {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count < 2) GTEST_SKIP() << "no second device";
    Runtime::SetUp();
  }
  void TearDown() override {
    cudaSetDevice(0);
    Runtime::TearDown();
  }
};

TEST_F(TwoDevices, EachHasItsMemoryAndItsStreams) {
  for (int device = 1; device >= 0; --device) {
    require(cudaSetDevice(device));
    const DeviceArray<std::uint32_t> cells(100);
    cudaPointerAttributes attributes{};
    require(cudaPointerGetAttributes(&attributes, cells.get()));
    EXPECT_EQ(attributes.device, device);
    require(fill(cells.get(), 100, 5 + static_cast<std::uint32_t>(device)));
    EXPECT_EQ(cells.values()[99], 5u + static_cast<std::uint32_t>(device));
  }
}

TEST_F(TwoDevices, MemoryIsCopiedAcross) {
  const DeviceArray<std::uint32_t> here(std::vector<std::uint32_t>{1, 2, 3, 4});
  require(cudaSetDevice(1));
  const DeviceArray<std::uint32_t> there(4);
  require(cudaMemcpyPeer(there.get(), 1, here.get(), 0, 16));
  EXPECT_TRUE(same(there.values(), {1, 2, 3, 4}));
  require(cudaMemset(there.get(), 0, 16));
  require(cudaMemcpy(there.get(), here.get(), 8, cudaMemcpyDefault));
  EXPECT_TRUE(same(there.values(), {1, 2, 0, 0}));
}

TEST_F(TwoDevices, AStreamBelongsToOne) {
  cudaStream_t stream = nullptr;
  require(cudaSetDevice(1));
  require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  require(cudaSetDevice(0));
  const DeviceArray<std::uint32_t> cells(4);
  EXPECT_EQ(fill(cells.get(), 4, 1, stream), cudaErrorInvalidResourceHandle);
  cudaGetLastError();
  require(cudaStreamDestroy(stream));
}

}  // namespace
}  // namespace emulator_test
