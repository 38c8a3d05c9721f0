// How the runtime's functions behave where programs depend on it: their errors above all.
#include "support/runtime.h"

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

namespace emulator_test {
namespace {

TEST_F(Runtime, ErrorsHaveTheirNames) {
  EXPECT_STREQ(cudaGetErrorName(cudaSuccess), "cudaSuccess");
  EXPECT_STREQ(cudaGetErrorName(cudaErrorInvalidValue), "cudaErrorInvalidValue");
  EXPECT_STREQ(cudaGetErrorName(cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation");
  EXPECT_STREQ(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
}

TEST_F(Runtime, WrongArgumentsAreRefused) {
  int host = 0;
  const DeviceArray<int> cells(4);
  EXPECT_EQ(cudaMalloc(static_cast<void**>(nullptr), 4), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(&host), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(cells.get() + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(nullptr, &host, 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(cells.get(), &host, 4, static_cast<cudaMemcpyKind>(7)),
            cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaMemcpy(cells.get(), &host, 4, cudaMemcpyDeviceToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaSetDevice(99), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(Runtime, LaunchesThatDoNotFitAreRefused) {
  EXPECT_EQ(library_->launch("use_shared", dim3(1), dim3(2048), {}), cudaErrorInvalidConfiguration);
  EXPECT_EQ(library_->launch("use_shared", dim3(0), dim3(32), {}), cudaErrorInvalidConfiguration);
  EXPECT_EQ(library_->launch("use_shared", dim3(1, 70'000), dim3(32), {}),
            cudaErrorInvalidConfiguration);
  EXPECT_EQ(library_->launch("use_shared", dim3(1), dim3(1, 1, 65), {}),
            cudaErrorInvalidConfiguration);
  EXPECT_EQ(library_->launch("use_shared", dim3(1), dim3(32), {}, 60'000), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  const void* const kernel = library_->kernel("use_shared");
  EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 60'000),
            cudaSuccess);
  EXPECT_EQ(library_->launch("use_shared", dim3(1), dim3(32), {}, 60'000), cudaSuccess);
  EXPECT_NE(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 300'000),
            cudaSuccess);
  cudaGetLastError();
}

TEST_F(Runtime, AnErrorIsKeptUntilItIsTaken) {
  EXPECT_EQ(cudaSetDevice(-2), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);  // does not take it
  std::thread([] {
    EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess) << "it is another thread's";
  }).join();
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
}

TEST_F(Runtime, MoreMemoryThanThereIsIsRefused) {
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, std::size_t{1} << 50), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  const DeviceArray<int> cells(std::vector<int>{1, 2});
  EXPECT_TRUE(same(cells.values(), {1, 2}));
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(Runtime, MemoryThatIsNotUsedTakesNone) {
  constexpr std::size_t kBytes = std::size_t{1} << 30;
  const std::size_t before = resident_bytes();
  const DeviceArray<char> large(kBytes);
  const DeviceArray<char> cell(std::vector<char>{'x'});
  require(cudaMemcpy(large.get() + kBytes / 2, cell.get(), 1, cudaMemcpyDeviceToDevice));
  char read = 0;
  require(cudaMemcpy(&read, large.get() + kBytes / 2, 1, cudaMemcpyDeviceToHost));
  EXPECT_EQ(read, 'x');
  EXPECT_LT(resident_bytes(), before + kBytes / 16);
}

TEST_F(Runtime, FreeMemoryShrinksByWhatIsAllocated) {
  std::size_t free_before = 0, total = 0, free_then = 0;
  require(cudaMemGetInfo(&free_before, &total));
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  {
    const DeviceArray<char> block(kBytes);
    require(cudaMemGetInfo(&free_then, &total));
  }
  EXPECT_GE(free_before - free_then, kBytes);
  EXPECT_LT(free_before, total + 1);
}

TEST_F(Runtime, PropertiesAgreeWithAttributes) {
  cudaDeviceProp properties{};
  require(cudaGetDeviceProperties(&properties, 0));
  const auto attribute = [](cudaDeviceAttr which) {
    int value = -1;
    require(cudaDeviceGetAttribute(&value, which, 0));
    return value;
  };
  EXPECT_NE(properties.name[0], '\0');
  EXPECT_EQ(properties.warpSize, 32);
  EXPECT_EQ(properties.major, attribute(cudaDevAttrComputeCapabilityMajor));
  EXPECT_EQ(properties.minor, attribute(cudaDevAttrComputeCapabilityMinor));
  EXPECT_EQ(properties.multiProcessorCount, attribute(cudaDevAttrMultiProcessorCount));
  EXPECT_EQ(properties.maxThreadsPerBlock, attribute(cudaDevAttrMaxThreadsPerBlock));
  EXPECT_EQ(properties.sharedMemPerBlock,
            static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlock)));
  EXPECT_EQ(properties.sharedMemPerBlockOptin,
            static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)));
  EXPECT_EQ(properties.l2CacheSize, attribute(cudaDevAttrL2CacheSize));
  EXPECT_EQ(attribute(cudaDevAttrMemoryPoolsSupported), 1);
  int value = 0;
  EXPECT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrMax, 0), cudaErrorInvalidValue);
  int driver = 0, runtime = 0;
  require(cudaDriverGetVersion(&driver));
  require(cudaRuntimeGetVersion(&runtime));
  EXPECT_GE(driver, 13000);
  EXPECT_GE(runtime, 13000);
  cudaGetLastError();
}

TEST_F(Runtime, PointersKnowWhereTheyPoint) {
  const auto attributes = [](const void* pointer) {
    cudaPointerAttributes found{};
    require(cudaPointerGetAttributes(&found, pointer));
    return found;
  };
  const DeviceArray<int> device(100);
  EXPECT_EQ(attributes(device.get() + 7).type, cudaMemoryTypeDevice);
  EXPECT_EQ(attributes(device.get() + 7).devicePointer, device.get() + 7);
  int *pinned = nullptr, *managed = nullptr;
  require(cudaMallocHost(reinterpret_cast<void**>(&pinned), 4096));
  require(cudaMallocManaged(reinterpret_cast<void**>(&managed), 4096));
  EXPECT_EQ(attributes(pinned + 3).type, cudaMemoryTypeHost);
  EXPECT_EQ(attributes(pinned + 3).hostPointer, pinned + 3);
  EXPECT_EQ(attributes(managed).type, cudaMemoryTypeManaged);
  std::vector<int> own(4096);
  EXPECT_EQ(attributes(own.data()).type, cudaMemoryTypeUnregistered);
  require(cudaHostRegister(own.data(), own.size() * sizeof(int), cudaHostRegisterDefault));
  EXPECT_EQ(attributes(own.data() + 5).type, cudaMemoryTypeHost);
  require(cudaHostUnregister(own.data()));
  EXPECT_EQ(attributes(own.data()).type, cudaMemoryTypeUnregistered);
  require(cudaFreeHost(pinned));
  require(cudaFree(managed));
}

TEST_F(Runtime, PoolsKeepWhatTheirThresholdAllows) {
  cudaMemPool_t pool = nullptr;
  require(cudaDeviceGetDefaultMemPool(&pool, 0));
  std::uint64_t threshold = std::uint64_t{1} << 30, read = 0;
  require(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
  require(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &read));
  EXPECT_EQ(read, threshold);
  void* memory = nullptr;
  require(cudaMallocAsync(&memory, 1 << 20, nullptr));
  require(cudaStreamSynchronize(nullptr));
  require(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &read));
  EXPECT_GE(read, std::uint64_t{1} << 20);
  require(cudaFreeAsync(memory, nullptr));
  require(cudaStreamSynchronize(nullptr));
  require(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &read));
  EXPECT_EQ(read, 0u);
  require(cudaMemPoolTrimTo(pool, 0));
  require(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &read));
  EXPECT_EQ(read, 0u);
  threshold = 0;
  require(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
}

TEST_F(Runtime, AskingAgainAndAgainEnds) {
  for_each_seed([&](std::uint64_t) {
    const DeviceArray<std::uint32_t> cells(1000);
    cudaEvent_t event = nullptr;
    cudaStream_t stream = nullptr;
    require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    require(fill(cells.get(), 1000, 7, stream));
    require(cudaEventRecord(event, stream));
    cudaError_t state = cudaErrorNotReady;
    while (state == cudaErrorNotReady) state = cudaEventQuery(event);
    EXPECT_EQ(state, cudaSuccess);
    require(fill(cells.get(), 1000, 8, stream));
    state = cudaErrorNotReady;
    while (state == cudaErrorNotReady) state = cudaStreamQuery(stream);
    EXPECT_EQ(state, cudaSuccess);
    EXPECT_EQ(cells.values()[999], 8u);
    cudaGetLastError();  // "not ready" is one
    require(cudaEventDestroy(event));
    require(cudaStreamDestroy(stream));
  });
}

TEST_F(Runtime, WaitingInsideOfACaptureSpoilsIt) {
  cudaStream_t stream = nullptr;
  require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  require(cudaStreamIsCapturing(stream, &status));
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(graph, nullptr);
  cudaGetLastError();
  require(cudaStreamDestroy(stream));
}

TEST_F(Runtime, AGraphWithConditionsIsInstantiatedOnceAndNotCloned) {
  cudaGraph_t graph = nullptr, copy = nullptr;
  require(cudaGraphCreate(&graph, 0));
  cudaGraphConditionalHandle handle = 0;
  require(cudaGraphConditionalHandleCreate(&handle, graph, 0, cudaGraphCondAssignDefault));
  cudaGraphNodeParams parameters{};
  parameters.type = cudaGraphNodeTypeConditional;
  parameters.conditional.handle = handle;
  parameters.conditional.type = cudaGraphCondTypeIf;
  parameters.conditional.size = 1;
  cudaGraphNode_t node = nullptr;
  require(cudaGraphAddNode(&node, graph, nullptr, nullptr, 0, &parameters));
  EXPECT_NE(cudaGraphClone(&copy, graph), cudaSuccess);
  cudaGraphExec_t first = nullptr, second = nullptr;
  require(cudaGraphInstantiate(&first, graph, 0));
  EXPECT_NE(cudaGraphInstantiate(&second, graph, 0), cudaSuccess);
  cudaGetLastError();
  require(cudaGraphLaunch(first, nullptr));
  require(cudaStreamSynchronize(nullptr));
  require(cudaGraphExecDestroy(first));
  require(cudaGraphDestroy(graph));
}

TEST_F(Runtime, LibrariesListTheirKernelsAndVariables) {
  cudaLibrary_t library = nullptr;
  require(
      cudaLibraryLoadData(&library, kernels().c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0));
  unsigned int count = 0;
  require(cudaLibraryGetKernelCount(&count, library));
  EXPECT_EQ(count, 2u);
  void* address = nullptr;
  std::size_t bytes = 0;
  require(cudaLibraryGetGlobal(&address, &bytes, library, "answer"));
  EXPECT_EQ(bytes, 4u);
  int answer = 0;
  require(cudaMemcpy(&answer, address, 4, cudaMemcpyDeviceToHost));
  EXPECT_EQ(answer, 42);
  EXPECT_EQ(cudaLibraryGetGlobal(&address, &bytes, library, "question"), cudaErrorSymbolNotFound);
  cudaKernel_t kernel = nullptr;
  EXPECT_EQ(cudaLibraryGetKernel(&kernel, library, "full"), cudaErrorSymbolNotFound);
  require(cudaLibraryGetKernel(&kernel, library, "use_shared"));
  cudaFuncAttributes attributes{};
  require(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(kernel)));
  EXPECT_EQ(attributes.sharedSizeBytes, 1024u);
  EXPECT_EQ(attributes.ptxVersion, 90);
  cudaGetLastError();
  require(cudaLibraryUnload(library));
}

// CUB asks for it, to choose on the host what the kernel was compiled for.
TEST_F(Runtime, PtxOfAnOlderArchitectureIsReportedAsThat) {
  std::string text = kernels();
  const std::size_t target = text.find("sm_90");
  ASSERT_NE(target, std::string::npos);
  text.replace(target, 5, "sm_80");
  cudaLibrary_t library = nullptr;
  require(cudaLibraryLoadData(&library, text.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0));
  cudaKernel_t kernel = nullptr;
  require(cudaLibraryGetKernel(&kernel, library, "use_shared"));
  cudaFuncAttributes attributes{};
  require(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(kernel)));
  EXPECT_EQ(attributes.ptxVersion, 80);
  EXPECT_EQ(attributes.binaryVersion, 90);
  require(cudaLibraryUnload(library));
}

// A fat binary of PTX images, as nvcc writes it for several devices: architecture and text.
std::string fat_binary(const std::vector<std::pair<std::uint32_t, std::string>>& images) {
  const auto put = [](std::string& to, auto value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  std::string entries;
  for (const auto& [architecture, text] : images) {
    const std::uint64_t bytes = (text.size() + 8) / 8 * 8;  // ends with a null character
    put(entries, std::uint16_t{1});                         // PTX
    put(entries, std::uint16_t{0x0101});
    put(entries, std::uint32_t{32});  // bytes of this header
    put(entries, bytes);
    put(entries, std::uint64_t{0});            // not compressed, no options
    put(entries, std::uint32_t{0x0009'0000});  // of the language
    put(entries, architecture);
    entries += text + std::string(bytes - text.size(), '\0');
  }
  std::string binary;
  put(binary, std::uint32_t{0xba55ed50});
  put(binary, std::uint16_t{1});
  put(binary, std::uint16_t{16});
  put(binary, std::uint64_t{entries.size()});
  return binary + entries;
}

TEST_F(Runtime, OfSeveralPtxImagesTheNewestThatTheDeviceTakesIsLoaded) {
  const auto image = [](std::uint32_t architecture) {
    std::string text = kernels();
    text.replace(text.find("sm_90"), 5, "sm_" + std::to_string(architecture));
    text.replace(text.find("answer = 42"), 11, "answer = " + std::to_string(architecture));
    return std::pair(architecture, text);
  };
  const auto answer_of = [](const std::string& binary) {
    cudaLibrary_t library = nullptr;
    require(cudaLibraryLoadData(&library, binary.data(), nullptr, nullptr, 0, nullptr, nullptr, 0));
    void* address = nullptr;
    require(cudaLibraryGetGlobal(&address, nullptr, library, "answer"));
    std::uint32_t answer = 0;
    require(cudaMemcpy(&answer, address, sizeof answer, cudaMemcpyDeviceToHost));
    require(cudaLibraryUnload(library));
    return answer;
  };
  EXPECT_EQ(answer_of(fat_binary({image(80), image(90), image(86)})), 90U);
  EXPECT_EQ(answer_of(fat_binary({image(86), image(80)})), 86U);
  EXPECT_EQ(answer_of(fat_binary({image(80), image(100)})), 80U);
}

TEST_F(Runtime, ThreadsOfTheHostWorkSideBySide) {
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (std::uint32_t number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      cudaStream_t stream = nullptr;
      require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
      for (std::uint32_t round = 0; round < 10; ++round) {
        std::uint32_t* cells = nullptr;
        std::vector<std::uint32_t> values(500);
        require(cudaMallocAsync(reinterpret_cast<void**>(&cells), 2000, stream));
        require(fill(cells, 500, 100 * number + round, stream));
        require(cudaMemcpyAsync(values.data(), cells, 2000, cudaMemcpyDeviceToHost, stream));
        require(cudaFreeAsync(cells, stream));
        require(cudaStreamSynchronize(stream));
        for (const std::uint32_t value : values) wrong += value != 100 * number + round;
      }
      require(cudaStreamDestroy(stream));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace emulator_test
