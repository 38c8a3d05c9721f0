// Kernels the way CUDA's documentation teaches them.
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "support/device.h"

namespace emulator_test {
namespace {

constexpr int kTile = 16;

// C = A B for square matrices whose size is no multiple of the tile's.
__global__ void multiply_tiled(const float* a, const float* b, float* c, int n) {
  __shared__ float tile_a[kTile][kTile];
  __shared__ float tile_b[kTile][kTile];
  const int row = blockIdx.y * kTile + threadIdx.y;
  const int column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0;
  for (int first = 0; first < n; first += kTile) {
    const int k_a = first + threadIdx.x, k_b = first + threadIdx.y;
    tile_a[threadIdx.y][threadIdx.x] = row < n && k_a < n ? a[row * n + k_a] : 0;
    tile_b[threadIdx.y][threadIdx.x] = k_b < n && column < n ? b[k_b * n + column] : 0;
    __syncthreads();
    for (int k = 0; k < kTile; ++k) sum += tile_a[threadIdx.y][k] * tile_b[k][threadIdx.x];
    __syncthreads();
  }
  if (row < n && column < n) c[row * n + column] = sum;
}

__device__ float warp_sum(float value) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  }
  return value;
}

__global__ void reduce_by_shuffles(const float* in, float* sum, int n) {
  __shared__ float of_warps[32];
  float value = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    value += in[i];
  }
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x < 32) {
    value = warp_sum(threadIdx.x < blockDim.x / 32 ? of_warps[threadIdx.x] : 0);
    if (threadIdx.x == 0) atomicAdd(sum, value);
  }
}

__global__ void count_bytes(const unsigned char* text, int n, unsigned int* histogram) {
  __shared__ unsigned int local[256];
  for (int i = threadIdx.x; i < 256; i += blockDim.x) local[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    atomicAdd(&local[text[i]], 1);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x) atomicAdd(&histogram[i], local[i]);
}

__constant__ float coefficients[5];
__device__ int call_count;

__global__ void evaluate_polynomial(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i == 0) ++call_count;
  if (i >= n) return;
  float value = 0;
  for (int k = 4; k >= 0; --k) value = value * x[i] + coefficients[k];
  y[i] = value;
}

__managed__ int managed_count = 5;
__managed__ float managed_values[4];

__global__ void count_managed() {
  atomicAdd(&managed_count, 1);
  if (threadIdx.x < 4) managed_values[threadIdx.x] = 1.5f * threadIdx.x;
}

__global__ void reverse_dynamic(int* values, int n) {
  extern __shared__ int copy[];
  copy[threadIdx.x] = values[threadIdx.x];
  __syncthreads();
  values[threadIdx.x] = copy[n - 1 - threadIdx.x];
}

__global__ void say_hello(int number, double half) {
  if (threadIdx.x == 1)
    printf("thread %d of block %d: %s %5.2f %x\n", threadIdx.x, blockIdx.x, "hello", half, number);
}

// Every block adds to a cell of the next one, after all have written theirs.
__global__ void pass_around(int* cells, int rounds) {
  const auto grid = cooperative_groups::this_grid();
  for (int round = 0; round < rounds; ++round) {
    const int next = cells[(blockIdx.x + 1) % gridDim.x];
    grid.sync();
    if (threadIdx.x == 0) cells[blockIdx.x] = next + 1;
    grid.sync();
  }
}

__global__ void pair_up(const float* x, __half2* halves, __nv_bfloat162* brains, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const __half2 half = __floats2half2_rn(x[i], -x[i]);
  halves[i] = __hfma2(half, half, __float2half2_rn(1.0f));
  const __nv_bfloat162 brain = __floats2bfloat162_rn(x[i], -x[i]);
  brains[i] = __hadd2(brain, __float2bfloat162_rn(1.0f));
}

// Each thread writes where it is to where it belongs.
__global__ void write_places(uint4* places) {
  const uint3 at{blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y,
                 blockIdx.z * blockDim.z + threadIdx.z};
  const unsigned int width = gridDim.x * blockDim.x, height = gridDim.y * blockDim.y;
  const unsigned int lane = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  places[at.x + width * (at.y + height * at.z)] = {at.x, at.y, at.z, lane};
}

template <typename Function>
__global__ void map_all(const double* in, double* out, int n, Function function) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = function(in[i]);
}

using Textbook = DeviceTest;

TEST_F(Textbook, TiledMatricesMultiply) {
  constexpr int n = 37;
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto a = whole_numbers<float>(n * n, random, 9),
               b = whole_numbers<float>(n * n, random, 9);
    const DeviceArray<float> device_a(a), device_b(b), device_c(n * n);
    const dim3 grid((n + kTile - 1) / kTile, (n + kTile - 1) / kTile);
    multiply_tiled<<<grid, dim3(kTile, kTile)>>>(device_a.get(), device_b.get(), device_c.get(), n);
    std::vector<float> want(n * n);
    for (int i = 0; i < n * n * n; ++i) {
      want[i / n] += a[i / n / n * n + i % n] * b[i % n * n + i / n % n];
    }
    EXPECT_TRUE(same(device_c.values(), want));
  });
}

TEST_F(Textbook, ShufflesReduce) {
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto in = whole_numbers<float>(10'007, random, 50);
    const DeviceArray<float> device_in(in), sum(1);
    require(cudaMemset(sum.get(), 0, sizeof(float)));
    reduce_by_shuffles<<<7, 192>>>(device_in.get(), sum.get(), static_cast<int>(in.size()));
    EXPECT_EQ(sum.values()[0], std::accumulate(in.begin(), in.end(), 0.0f));
  });
}

TEST_F(Textbook, AtomicsCountAHistogram) {
  for_each_seed([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<unsigned char> text(20'001);
    for (unsigned char& letter : text) letter = static_cast<unsigned char>(random() >> 3);
    const DeviceArray<unsigned char> device_text(text);
    const DeviceArray<unsigned int> histogram(std::vector<unsigned int>(256, 0));
    count_bytes<<<5, 128>>>(device_text.get(), static_cast<int>(text.size()), histogram.get());
    std::vector<unsigned int> want(256);
    for (const unsigned char letter : text) ++want[letter];
    EXPECT_TRUE(same(histogram.values(), want));
  });
}

TEST_F(Textbook, SymbolsAreWrittenAndReadByTheHost) {
  const float numbers[] = {1, -2, 3, -4, 5};
  require(cudaMemcpyToSymbol(coefficients, numbers, sizeof(numbers)));
  const int none = 0;
  require(cudaMemcpyToSymbol(call_count, &none, sizeof(none)));
  const DeviceArray<float> x(std::vector<float>{-2, 0, 1, 3}), y(4);
  for (int i = 0; i < 3; ++i) evaluate_polynomial<<<1, 32>>>(x.get(), y.get(), 4);
  EXPECT_TRUE(same(y.values(), {129, 1, 3, 319}));
  int calls = 0;
  require(cudaMemcpyFromSymbol(&calls, call_count, sizeof(calls)));
  EXPECT_EQ(calls, 3);
  void* address = nullptr;
  std::size_t bytes = 0;
  require(cudaGetSymbolAddress(&address, coefficients));
  require(cudaGetSymbolSize(&bytes, coefficients));
  EXPECT_EQ(bytes, sizeof(numbers));
  std::vector<float> back(5);
  require(cudaMemcpy(back.data(), address, bytes, cudaMemcpyDeviceToHost));
  EXPECT_TRUE(same(back, {1, -2, 3, -4, 5}));
}

TEST_F(Textbook, DynamicSharedMemoryIsAsLargeAsTheLaunchSays) {
  constexpr int n = 512;
  std::vector<int> values(n);
  std::iota(values.begin(), values.end(), 0);
  const DeviceArray<int> device(values);
  reverse_dynamic<<<1, n, n * sizeof(int)>>>(device.get(), n);
  std::reverse(values.begin(), values.end());
  EXPECT_TRUE(same(device.values(), values));
}

TEST_F(Textbook, ManagedVariablesAreTheHostsToo) {
  count_managed<<<1, 32>>>();
  require(cudaDeviceSynchronize());
  EXPECT_EQ(managed_count, 37);
  EXPECT_EQ(managed_values[3], 4.5f);
  managed_count = 100;
  count_managed<<<1, 32>>>();
  int copied = 0;
  require(cudaMemcpyFromSymbol(&copied, managed_count, sizeof copied));
  EXPECT_EQ(copied, 132);
  cudaPointerAttributes attributes;
  require(cudaPointerGetAttributes(&attributes, managed_values));
  EXPECT_EQ(attributes.type, cudaMemoryTypeManaged);
  managed_count = 5;
}

TEST_F(Textbook, ThreadsOfThreeDimensionsKnowTheirPlace) {
  const dim3 grid(3, 2, 2), block(5, 4, 3);
  const DeviceArray<uint4> places(15 * 8 * 6);
  write_places<<<grid, block>>>(places.get());
  const auto got = places.values();
  for (unsigned int i = 0; i < got.size(); ++i) {
    const unsigned int x = i % 15, y = i / 15 % 8, z = i / 120;
    ASSERT_EQ(std::vector({got[i].x, got[i].y, got[i].z, got[i].w}),
              std::vector({x, y, z, x % 5 + 5 * (y % 4 + 4 * (z % 3))}))
        << "the thread of element " << i;
  }
}

TEST_F(Textbook, PrintfPrintsFromTheDevice) {
  testing::internal::CaptureStdout();
  say_hello<<<1, 32>>>(255, 0.5);
  const cudaError_t result = cudaDeviceSynchronize();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "thread 1 of block 0: hello  0.50 ff\n");
  EXPECT_EQ(result, cudaSuccess);
}

TEST_F(Textbook, OccupancyFitsTheKernel) {
  int blocks = 0, least_grid = 0, block_size = 0;
  require(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, multiply_tiled, 256, 0));
  EXPECT_GE(blocks, 1);
  EXPECT_LE(blocks, 8);
  require(cudaOccupancyMaxPotentialBlockSize(&least_grid, &block_size, multiply_tiled, 0, 0));
  EXPECT_GE(least_grid, 1);
  EXPECT_EQ(block_size % 32, 0);
  cudaFuncAttributes attributes;
  require(cudaFuncGetAttributes(&attributes, multiply_tiled));
  EXPECT_EQ(attributes.sharedSizeBytes, 2 * kTile * kTile * sizeof(float));
}

TEST_F(Textbook, GridOfACooperativeLaunchWaitsForAllOfItself) {
  for_each_seed([](std::uint64_t) {
    constexpr int kBlocks = 4;
    int rounds = 3;
    const DeviceArray<int> cells(std::vector<int>{10, 20, 30, 40});
    int* data = cells.get();
    void* arguments[] = {&data, &rounds};
    require(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(pass_around), dim3(kBlocks),
                                        dim3(64), arguments, 0, nullptr));
    EXPECT_TRUE(same(cells.values(), {43, 13, 23, 33}));
  });
}

TEST_F(Textbook, HalvesAndBrainFloatsComeInPairs) {
  const DeviceArray<float> x(std::vector<float>{0, 1, 1.5f, -3, 100});
  const DeviceArray<__half2> halves(5);
  const DeviceArray<__nv_bfloat162> brains(5);
  pair_up<<<1, 32>>>(x.get(), halves.get(), brains.get(), 5);
  const auto half = halves.values();
  const auto brain = brains.values();
  const float want_half[] = {1, 2, 3.25f, 10, 10'000};  // 10001 is halfway between two
  const float want_brain[] = {1, 2, 2.5f, -2, 101}, want_high[] = {1, 0, -0.5f, 4, -99};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(__low2float(half[i]), want_half[i]) << i;
    EXPECT_EQ(__high2float(half[i]), want_half[i]) << i;
    EXPECT_EQ(__low2float(brain[i]), want_brain[i]) << i;
    EXPECT_EQ(__high2float(brain[i]), want_high[i]) << i;
  }
}

struct Cosine {
  __device__ double operator()(double x) const { return cos(x) + static_cast<double>(cosf(x)); }
};
struct Logarithm {
  __device__ double operator()(double x) const { return log(x) + static_cast<double>(logf(x)); }
};
struct Power {
  __device__ double operator()(double x) const {
    return pow(x, 1.7) + static_cast<double>(tanhf(x)) + erf(x) + static_cast<double>(erff(x));
  }
};

template <typename Function, typename Want>
void expect_of_numbers(Function function, Want want) {
  std::vector<double> in;
  for (double x = 1e-3; x < 50; x *= 1.37) in.push_back(x);
  const DeviceArray<double> device_in(in), device_out(in.size());
  const int n = static_cast<int>(in.size());
  map_all<<<1, 64>>>(device_in.get(), device_out.get(), n, function);
  const auto out = device_out.values();
  for (int i = 0; i < n; ++i) {
    EXPECT_NEAR(out[i], want(in[i]), 2e-6 * std::max(1.0, std::abs(want(in[i])))) << "of " << in[i];
  }
}

TEST_F(Textbook, MathFunctionsAreNearTheHosts) {
  expect_of_numbers(Cosine(), [](double x) { return 2 * std::cos(x); });
  expect_of_numbers(Logarithm(), [](double x) { return 2 * std::log(x); });
  expect_of_numbers(Power(),
                    [](double x) { return std::pow(x, 1.7) + std::tanh(x) + 2 * std::erf(x); });
}

}  // namespace
}  // namespace emulator_test
