// A program whose kernel writes one element too many, and which does not look at what it is told.
// With an argument: one that reads on the host what a copy has yet to bring.
#include <cstdint>
#include <cstdio>

#include "support/device.h"
#include "support/library.h"

namespace {

void read_too_early() {
  constexpr std::size_t kBytes = 64;
  void *from = nullptr, *into = nullptr;
  if (cudaMalloc(&from, kBytes) != cudaSuccess || cudaMallocHost(&into, kBytes) != cudaSuccess)
    return;
  cudaMemset(from, 0, kBytes);
  cudaMemcpyAsync(into, from, kBytes, cudaMemcpyDeviceToHost, cudaStreamPerThread);
  std::printf("it reads %d\n", *static_cast<volatile int*>(into));
  cudaDeviceSynchronize();
}

}  // namespace

int main(int argument_count, char**) {
  using namespace emulator_test;
  if (argument_count > 1) {
    read_too_early();
    return 0;
  }
  const Library library(std::string(kPtxHead) +
                        ".visible .entry write(.param .u64 out)\n{\n"
                        ".reg .b32 %r<2>;\n.reg .b64 %l<4>;\n"
                        "ld.param.u64 %l1, [out];\ncvta.to.global.u64 %l1, %l1;\n"
                        "mov.u32 %r1, %tid.x;\nmul.wide.u32 %l2, %r1, 4;\nadd.s64 %l1, %l1, %l2;\n"
                        "st.global.u32 [%l1], %r1;\nret;\n}\n");
  const DeviceArray<std::uint32_t> out(31);
  std::uint32_t* address = out.get();
  static_cast<void>(library.launch("write", dim3(1), dim3(32), {&address}));
  cudaDeviceSynchronize();
}
