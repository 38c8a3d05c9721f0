// Device code that nvcc lets through and the assembler of the PTX does not: what is in this file
// cannot be launched.
#include "support/device.h"

namespace emulator_test {
namespace {

__global__ void take_too_much(int* out) {
  __shared__ int cells[15'000];
  cells[threadIdx.x] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = cells[threadIdx.x ^ 1];
}

class Refused : public DeviceTest {};

TEST_F(Refused, IsALaunchOfMoreStaticSharedMemoryThanThereIs) {
  const DeviceArray<int> out(32);
  take_too_much<<<1, 32>>>(out.get());
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidPtx);
  cudaFuncAttributes attributes = {};
  EXPECT_EQ(cudaFuncGetAttributes(&attributes, take_too_much), cudaErrorInvalidPtx);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidPtx);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess) << "nothing was launched";
}

}  // namespace
}  // namespace emulator_test
