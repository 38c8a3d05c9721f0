// Kernels that touch memory they may not, and their sound twins.
#include <cstdint>

#include "support/faults.h"

namespace emulator_test {
namespace {

__global__ void write_array(int* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = i;
}
constexpr int kWrite = __LINE__ - 2;

__global__ void read_array(const int* in, int* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  int value = 0;
  if (i < n) value = in[i];
  if (i < n) out[i] = value + 1;
}
constexpr int kRead = __LINE__ - 3;

__global__ void load_four(const float* in, float* out) {
  const float4 value = *reinterpret_cast<const float4*>(in + 4 * threadIdx.x);
  out[threadIdx.x] = value.x + value.y + value.z + value.w;
}
constexpr int kLoadFour = __LINE__ - 3;

__global__ void sum_shared(int* out, int written) {
  __shared__ int cells[64];
  if (threadIdx.x < written) cells[threadIdx.x] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = cells[63 - threadIdx.x];
}
constexpr int kSumShared = __LINE__ - 2;

__global__ void index_shared(int* out, int shift) {
  extern __shared__ int cells[];
  cells[threadIdx.x + shift] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = cells[(threadIdx.x + 1) % blockDim.x + shift];
}
constexpr int kIndexShared = __LINE__ - 4;

__global__ void add_atomically(unsigned long long* cell) { atomicAdd(cell, 1ull); }
constexpr int kAddAtomically = __LINE__ - 1;

class MemoryFaults : public FaultTest {
 protected:
  void expect(const Planted& planted, cudaError_t error = cudaSuccess) {
    expect_found(planted, __FILE__, error);
    expect_usable();
  }
};

TEST_F(MemoryFaults, AWriteOnePastTheEndIsNamed) {
  const DeviceArray<int> out(100);
  write_array<<<4, 32>>>(out.get(), 101);
  expect({"out of bounds", "write_array(int*, int)", kWrite, "(3, 0, 0)", "(4, 0, 0)",
          "st.global.u32"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, AWriteOnePastTheEndDoesNotReachTheNextArray) {
  const DeviceArray<int> out(1024), next(1024);
  write_array<<<33, 32>>>(out.get(), 1025);
  expect({"out of bounds", "4096 bytes into the 4096 bytes of cudaMalloc", kWrite, "(32, 0, 0)",
          "(0, 0, 0)", "st.global.u32"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, AWriteThatIsInsideButForItsLastByteIsNamed) {
  const DeviceArray<char> out(7);
  write_array<<<1, 32>>>(reinterpret_cast<int*>(out.get()), 2);
  expect({"out of bounds", "4 bytes into the 7 bytes of cudaMalloc", kWrite, "(0, 0, 0)",
          "(1, 0, 0)", "st.global.u32"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, AReadOnePastTheEndIsNamed) {
  const DeviceArray<int> in(std::vector<int>(100)), out(200);
  read_array<<<4, 32>>>(in.get(), out.get(), 101);
  expect({"out of bounds", "read_array(int const*, int*, int)", kRead, "(3, 0, 0)", "(4, 0, 0)",
          "ld.global"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, AReadBeforeTheBeginningIsNamed) {
  const DeviceArray<int> in(std::vector<int>(100)), out(200);
  read_array<<<4, 32>>>(in.get() - 1, out.get(), 100);
  expect({"out of bounds", "4 bytes before the 400 bytes of cudaMalloc", kRead, "(0, 0, 0)",
          "(0, 0, 0)", "ld.global"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, ANullPointerIsOutOfBounds) {
  write_array<<<1, 32>>>(nullptr, 1);
  expect({"out of bounds", "write_array", kWrite, "(0, 0, 0)", "(0, 0, 0)", "st.global.u32"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, TheLastOfAllAddressesAreOutOfBounds) {
  const DeviceArray<int> other(100);
  read_array<<<1, 1>>>(reinterpret_cast<const int*>(-std::intptr_t{4}), other.get(), 1);
  expect({"out of bounds", "where no memory is", kRead, "(0, 0, 0)", "(0, 0, 0)", "ld.global"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, AHostPointerIsOutOfBounds) {
  std::vector<int> host(100);
  write_array<<<1, 32>>>(host.data(), 1);
  expect({"out of bounds", "write_array", kWrite, "(0, 0, 0)", "(0, 0, 0)", "st.global.u32"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, AMisalignedVectorLoadIsNamed) {
  const DeviceArray<float> in(std::vector<float>(200)), out(200);
  load_four<<<1, 32>>>(in.get() + 1, out.get());
  expect({"misaligned", "load_four(float const*, float*)", kLoadFour, "(0, 0, 0)", "(0, 0, 0)",
          "ld.global"},
         cudaErrorMisalignedAddress);
}

TEST_F(MemoryFaults, AMisalignedAtomicIsNamed) {
  const DeviceArray<int> cells(std::vector<int>(4));
  add_atomically<<<1, 1>>>(reinterpret_cast<unsigned long long*>(cells.get() + 1));
  expect({"misaligned", "add_atomically(unsigned long long*)", kAddAtomically, "(0, 0, 0)",
          "(0, 0, 0)", "atom"},
         cudaErrorMisalignedAddress);
}

TEST_F(MemoryFaults, UseAfterFreeIsNamed) {
  int* freed = nullptr;
  require(cudaMalloc(reinterpret_cast<void**>(&freed), 400));
  require(cudaFree(freed));
  const DeviceArray<int> other(100);  // does not get the same memory
  write_array<<<4, 32>>>(freed, 100);
  expect({"use after free", "write_array", kWrite, "(0, 0, 0)", "(0, 0, 0)", "st.global.u32"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, UseAfterAFreeInTheStreamIsNamed) {
  cudaStream_t stream = nullptr;
  require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  int* freed = nullptr;
  require(cudaMallocAsync(reinterpret_cast<void**>(&freed), 400, stream));
  write_array<<<4, 32, 0, stream>>>(freed, 100);
  require(cudaFreeAsync(freed, stream));
  write_array<<<4, 32, 0, stream>>>(freed, 100);
  expect({"use after free", "write_array", kWrite, "(0, 0, 0)", "(0, 0, 0)", "st.global.u32"},
         cudaErrorIllegalAddress);
  require(cudaStreamDestroy(stream));
}

TEST_F(MemoryFaults, AUseBeforeTheAllocationIsNamed) {
  cudaStream_t streams[2] = {};
  for (cudaStream_t& stream : streams) {
    require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  }
  int found = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    emulator()->set_seed(seed, 0);
    int* late = nullptr;
    require(cudaMallocAsync(reinterpret_cast<void**>(&late), 400, streams[0]));
    write_array<<<4, 32, 0, streams[1]>>>(late, 100);
    const cudaError_t error = cudaDeviceSynchronize();
    const auto findings = take_findings();
    if (findings.empty()) {  // the allocation went first
      require(cudaFree(late));
      continue;
    }
    ++found;
    EXPECT_EQ(error, cudaErrorIllegalAddress);
    EXPECT_EQ(findings[0].fault, "out of bounds");
    EXPECT_TRUE(mentions(findings[0], "cudaMallocAsync"));
    EXPECT_TRUE(mentions(findings[0], "has yet to allocate"));
  }
  EXPECT_GT(found, 0);
  emulator()->set_seed(0, 0);
  for (const cudaStream_t stream : streams) require(cudaStreamDestroy(stream));
}

TEST_F(MemoryFaults, AUseOfAGraphsMemoryBeforeItRunsIsNamed) {
  cudaGraph_t graph = nullptr;
  cudaGraphNode_t node = nullptr;
  require(cudaGraphCreate(&graph, 0));
  cudaMemAllocNodeParams parameters = {};
  parameters.poolProps.allocType = cudaMemAllocationTypePinned;
  parameters.poolProps.location.type = cudaMemLocationTypeDevice;
  parameters.bytesize = 400;
  require(cudaGraphAddMemAllocNode(&node, graph, nullptr, 0, &parameters));
  write_array<<<4, 32>>>(static_cast<int*>(parameters.dptr), 100);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].fault, "out of bounds");
  EXPECT_TRUE(mentions(findings[0], "has yet to allocate"));
  require(cudaGraphDestroy(graph));
}

TEST_F(MemoryFaults, AReadOfUnwrittenMemoryIsNamed) {
  const DeviceArray<int> in(100), out(100);
  require(cudaMemset(in.get(), 0, 99 * sizeof(int)));
  read_array<<<4, 32>>>(in.get(), out.get(), 100);
  expect({"read of unwritten memory", "read_array", kRead, "(3, 0, 0)", "(3, 0, 0)", "ld.global"});
}

TEST_F(MemoryFaults, ACopyOfUnwrittenMemoryIsNamed) {
  const DeviceArray<int> in(100);
  std::vector<int> out(100);
  cudaMemcpy(out.data(), in.get(), 400, cudaMemcpyDeviceToHost);
  expect({"read of unwritten memory", "cudaMemcpy", 0, "", "", ""});
}

TEST_F(MemoryFaults, AReadOfUnwrittenSharedMemoryIsNamed) {
  const DeviceArray<int> out(64);
  sum_shared<<<1, 64>>>(out.get(), 63);
  expect({"read of unwritten memory", "sum_shared(int*, int)", kSumShared, "(0, 0, 0)", "(0, 0, 0)",
          "ld.shared"});
}

TEST_F(MemoryFaults, SharedMemoryEndsWhereTheLaunchSays) {
  const DeviceArray<int> out(64);
  index_shared<<<1, 64, 64 * sizeof(int)>>>(out.get(), 1);
  expect({"out of bounds", "index_shared(int*, int)", kIndexShared, "(0, 0, 0)", "(63, 0, 0)",
          "st.shared"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, SharedMemoryBeforeItsBeginningIsNamedAsSuch) {
  const DeviceArray<int> out(64);
  index_shared<<<1, 64, 64 * sizeof(int)>>>(out.get(), -1);
  expect({"out of bounds", "4 bytes before the 256 bytes of dynamic shared memory", kIndexShared,
          "(0, 0, 0)", "(0, 0, 0)", "st.shared"},
         cudaErrorIllegalAddress);
}

TEST_F(MemoryFaults, SoundTwinsReportNothing) {
  for_each_seed([](std::uint64_t) {
    const DeviceArray<int> in(std::vector<int>(100)), out(100);
    write_array<<<4, 32>>>(out.get(), 100);
    read_array<<<4, 32>>>(in.get(), out.get(), 100);
    const DeviceArray<float> numbers(std::vector<float>(200)), sums(32);
    load_four<<<1, 32>>>(numbers.get() + 4, sums.get());
    sum_shared<<<1, 64>>>(out.get(), 64);
    index_shared<<<1, 64, 65 * sizeof(int)>>>(out.get(), 1);
    add_atomically<<<1, 1>>>(reinterpret_cast<unsigned long long*>(in.get() + 2));
    EXPECT_EQ(in.values()[2], 1);
    require(cudaDeviceSynchronize());
    EXPECT_EQ(emulator()->report_count(), 0);
  });
}

TEST_F(MemoryFaults, AnErrorStaysUntilTheDeviceIsReset) {
  const DeviceArray<int> out(10);
  write_array<<<1, 32>>>(out.get(), 11);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  void* more = nullptr;
  EXPECT_EQ(cudaMalloc(&more, 4), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_EQ(take_findings().size(), 1u);
  expect_usable();
}

}  // namespace
}  // namespace emulator_test
