// Streams, events and stream-ordered memory, the way CUDA's documentation teaches them. Under the
// emulator's seeds the work of the streams runs in many orders.
#include <atomic>
#include <numeric>
#include <thread>

#include "support/device.h"

namespace emulator_test {
namespace {

constexpr int kCount = 1000;

__global__ void fill(int* out, int n, int first) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = first + i;
}

__global__ void add(const int* a, const int* b, int* sum, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) sum[i] = a[i] + b[i];
}

struct Stream {
  Stream() { require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream); }
  cudaStream_t stream = nullptr;
};

struct Event {
  Event() { require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(event); }
  cudaEvent_t event = nullptr;
};

std::vector<int> want_sums() {
  std::vector<int> want(kCount);
  for (int i = 0; i < kCount; ++i) want[i] = 10 + 2 * i;
  return want;
}

using Streams = DeviceTest;

TEST_F(Streams, EventsOrderTheWorkOfThree) {
  for_each_seed([](std::uint64_t) {
    const Stream left, right, last;
    const Event left_done, right_done;
    const DeviceArray<int> a(kCount), b(kCount), sum(kCount);
    fill<<<8, 128, 0, left.stream>>>(a.get(), kCount, 3);
    require(cudaEventRecord(left_done.event, left.stream));
    fill<<<8, 128, 0, right.stream>>>(b.get(), kCount, 7);
    require(cudaEventRecord(right_done.event, right.stream));
    require(cudaStreamWaitEvent(last.stream, left_done.event, 0));
    require(cudaStreamWaitEvent(last.stream, right_done.event, 0));
    add<<<8, 128, 0, last.stream>>>(a.get(), b.get(), sum.get(), kCount);
    require(cudaStreamSynchronize(last.stream));
    EXPECT_TRUE(same(sum.values(), want_sums()));
  });
}

TEST_F(Streams, TheDefaultStreamWaitsForBlockingOnes) {
  for_each_seed([](std::uint64_t) {
    cudaStream_t stream = nullptr;
    require(cudaStreamCreate(&stream));
    const DeviceArray<int> a(kCount), b(kCount), sum(kCount);
    fill<<<8, 128, 0, stream>>>(a.get(), kCount, 3);
    fill<<<8, 128>>>(b.get(), kCount, 7);
    add<<<8, 128, 0, stream>>>(a.get(), b.get(), sum.get(), kCount);
    EXPECT_TRUE(same(sum.values(), want_sums()));
    require(cudaStreamDestroy(stream));
  });
}

TEST_F(Streams, MemoryOfAStreamIsReusedInItsOrder) {
  for_each_seed([](std::uint64_t) {
    const Stream stream;
    const DeviceArray<int> sum(kCount);
    for (int round = 0; round < 3; ++round) {
      int *a = nullptr, *b = nullptr;
      require(cudaMallocAsync(reinterpret_cast<void**>(&a), kCount * sizeof(int), stream.stream));
      require(cudaMallocAsync(reinterpret_cast<void**>(&b), kCount * sizeof(int), stream.stream));
      fill<<<8, 128, 0, stream.stream>>>(a, kCount, 3);
      fill<<<8, 128, 0, stream.stream>>>(b, kCount, 7);
      add<<<8, 128, 0, stream.stream>>>(a, b, sum.get(), kCount);
      require(cudaFreeAsync(a, stream.stream));
      require(cudaFreeAsync(b, stream.stream));
    }
    require(cudaStreamSynchronize(stream.stream));
    EXPECT_TRUE(same(sum.values(), want_sums()));
  });
}

TEST_F(Streams, PinnedCopiesOverlapAndArriveBeforeTheWaitEnds) {
  for_each_seed([](std::uint64_t) {
    const Stream streams[2];
    int* pinned = nullptr;
    require(cudaMallocHost(reinterpret_cast<void**>(&pinned), kCount * sizeof(int)));
    std::iota(pinned, pinned + kCount, 10);
    const DeviceArray<int> in(kCount), out(kCount);
    constexpr int kHalf = kCount / 2;
    for (int half = 0; half < 2; ++half) {
      const cudaStream_t stream = streams[half].stream;
      const int first = half * kHalf;
      require(cudaMemcpyAsync(in.get() + first, pinned + first, kHalf * sizeof(int),
                              cudaMemcpyHostToDevice, stream));
      add<<<4, 128, 0, stream>>>(in.get() + first, in.get() + first, out.get() + first, kHalf);
      require(cudaMemcpyAsync(pinned + first, out.get() + first, kHalf * sizeof(int),
                              cudaMemcpyDeviceToHost, stream));
    }
    for (const Stream& stream : streams) require(cudaStreamSynchronize(stream.stream));
    for (int i = 0; i < kCount; ++i) ASSERT_EQ(pinned[i], 2 * (10 + i)) << "element " << i;
    require(cudaFreeHost(pinned));
  });
}

TEST_F(Streams, HostFunctionsRunInTheirPlace) {
  for_each_seed([](std::uint64_t) {
    const Stream stream;
    int* pinned = nullptr;
    require(cudaMallocHost(reinterpret_cast<void**>(&pinned), sizeof(int)));
    const DeviceArray<int> a(1), sum(1);
    fill<<<1, 32, 0, stream.stream>>>(a.get(), 1, 20);
    require(cudaMemcpyAsync(pinned, a.get(), sizeof(int), cudaMemcpyDeviceToHost, stream.stream));
    const auto add_one = [](void* number) { ++*static_cast<int*>(number); };
    require(cudaLaunchHostFunc(stream.stream, add_one, pinned));
    require(cudaMemcpyAsync(a.get(), pinned, sizeof(int), cudaMemcpyHostToDevice, stream.stream));
    add<<<1, 32, 0, stream.stream>>>(a.get(), a.get(), sum.get(), 1);
    require(cudaStreamSynchronize(stream.stream));
    EXPECT_EQ(sum.values()[0], 42);
    require(cudaFreeHost(pinned));
  });
}

TEST_F(Streams, EventsTellWhetherTheyHappened) {
  const Stream stream;
  const Event event;
  const DeviceArray<int> a(kCount);
  fill<<<8, 128, 0, stream.stream>>>(a.get(), kCount, 0);
  require(cudaEventRecord(event.event, stream.stream));
  require(cudaEventSynchronize(event.event));
  EXPECT_EQ(cudaEventQuery(event.event), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(stream.stream), cudaSuccess);
}

TEST_F(Streams, ManagedMemoryIsReadByBothSides) {
  int* managed = nullptr;
  require(cudaMallocManaged(reinterpret_cast<void**>(&managed), 2 * kCount * sizeof(int)));
  std::iota(managed, managed + kCount, 1);
  add<<<8, 128>>>(managed, managed, managed + kCount, kCount);
  require(cudaDeviceSynchronize());
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(managed[kCount + i], 2 * (1 + i)) << "element " << i;
  require(cudaFree(managed));
}

__global__ void set_cell(int* cell, int value) { *cell = value; }

TEST_F(Streams, AHostMayPollAFlagThatAHostFunctionSets) {
  std::atomic<int> flag = 0;
  const DeviceArray<int> cell(1);
  set_cell<<<1, 1>>>(cell.get(), 5);
  require(cudaLaunchHostFunc(
      nullptr, [](void* data) { *static_cast<std::atomic<int>*>(data) = 1; }, &flag));
  while (flag == 0) std::this_thread::yield();
  EXPECT_EQ(cell.values()[0], 5);
}

TEST_F(Streams, AHostMayPollMappedMemoryThatAKernelWrites) {
  int* shared = nullptr;
  require(cudaHostAlloc(reinterpret_cast<void**>(&shared), sizeof(int), cudaHostAllocMapped));
  *shared = 0;
  set_cell<<<1, 1>>>(shared, 7);
  require(cudaGetLastError());
  while (std::atomic_ref(*shared) == 0) std::this_thread::yield();
  EXPECT_EQ(*shared, 7);
  require(cudaFreeHost(shared));
}

TEST_F(Streams, CopiesInTwoDimensionsSkipThePitch) {
  std::vector<int> in(6 * 5), out(6 * 5, -1);
  std::iota(in.begin(), in.end(), 0);
  int* device = nullptr;
  std::size_t pitch = 0;
  require(cudaMallocPitch(reinterpret_cast<void**>(&device), &pitch, 5 * sizeof(int), 6));
  EXPECT_GE(pitch, 5 * sizeof(int));
  require(cudaMemcpy2D(device, pitch, in.data(), 5 * sizeof(int), 5 * sizeof(int), 6,
                       cudaMemcpyHostToDevice));
  require(cudaMemcpy2D(out.data(), 5 * sizeof(int), device, pitch, 5 * sizeof(int), 6,
                       cudaMemcpyDeviceToHost));
  EXPECT_TRUE(same(out, in));
  require(cudaFree(device));
}

}  // namespace
}  // namespace emulator_test
