// A program that looks at no error: made by nvcc with flags that the emulator cannot serve, it
// writes nothing. With an argument: it calls a virtual function.
#include <cstdio>
#include <new>

namespace {

struct Base {
  __device__ virtual int number() const { return 1; }
};
struct Derived : Base {
  __device__ int number() const override { return 2; }
};

__global__ void plain(int* out) { out[threadIdx.x] = static_cast<int>(threadIdx.x) + 7; }

__global__ void call_virtual(int* out) {
  Derived derived;
  const Base* object = out[1] != 0 ? &derived : new (out) Base;
  out[0] = object->number();
}

}  // namespace

int main(int argument_count, char**) {
  constexpr int kCount = 32;
  int* out = nullptr;
  cudaMalloc(&out, kCount * sizeof(int));
  cudaMemset(out, 0, kCount * sizeof(int));
  if (argument_count > 1)
    call_virtual<<<1, 1>>>(out);
  else
    plain<<<1, kCount>>>(out);
  int host[kCount] = {};
  cudaMemcpy(host, out, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("it reads %d\n", host[3]);
  cudaFree(out);
}
