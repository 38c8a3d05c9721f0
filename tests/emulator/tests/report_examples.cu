// A few lines that make each kind of report: REPORTS.md shows them, with what the emulator prints.
//     report_examples NAME
// An example stands between "// [NAME] its title" and "// [end]", its NAME beginning with the
// fault's key; report_examples_test.sh takes it from there.
#include <cuda_runtime.h>

#include <cassert>
#include <cstdio>
#include <cstring>

template <typename T>
T* allocated(int count) {
  void* memory = nullptr;
  if (cudaMalloc(&memory, count * sizeof(T)) != cudaSuccess) std::abort();
  return static_cast<T*>(memory);
}

// [out_of_bounds] An access that no live allocation holds
__global__ void number(int* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) out[i] = i;
}
void out_of_bounds() { number<<<2, 64>>>(allocated<int>(100), 100); }
// [end]

// [misaligned] An address that is no multiple of the access's size
__global__ void load_pairs(const float* in, float* out) {
  const float2 pair = *reinterpret_cast<const float2*>(in + threadIdx.x);
  out[threadIdx.x] = pair.x + pair.y;
}
void misaligned() { load_pairs<<<1, 32>>>(allocated<float>(33), allocated<float>(32)); }
// [end]

// [use_after_free] Memory that was freed before, in the order of the streams
__global__ void clear(int* out) { out[threadIdx.x] = 0; }
void use_after_free() {
  int* out = allocated<int>(32);
  cudaFree(out);
  clear<<<1, 32>>>(out);
}
// [end]

// [unwritten] A read of memory that nothing has written
__global__ void sum_rows(const int* in, int* sums) {
  int sum = 0;
  for (int k = 0; k < 4; ++k) sum += in[k * blockDim.x + threadIdx.x];
  sums[threadIdx.x] = sum;
}
void unwritten() { sum_rows<<<1, 64>>>(allocated<int>(4 * 64), allocated<int>(64)); }
// [end]

// [shared_race] Two threads of a block, one of them writing, and no barrier between
__global__ void reverse(int* values) {
  __shared__ int cells[32];
  cells[threadIdx.x] = threadIdx.x;
  values[threadIdx.x] = cells[31 - threadIdx.x];
}
void shared_race() { reverse<<<1, 32>>>(allocated<int>(32)); }
// [end]

// [shared_race_of_a_copy] An access to where an asynchronous copy goes, before that was waited for
__global__ void copy_and_read(const int* in, int* out) {
  __shared__ int cells[32];
  cells[threadIdx.x] = 0;
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(&cells[threadIdx.x]));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(in + threadIdx.x));
  out[threadIdx.x] = cells[threadIdx.x];
  asm volatile("cp.async.wait_all;");
}
void shared_race_of_a_copy() {
  int* in = allocated<int>(32);
  cudaMemset(in, 0, 32 * sizeof(int));
  copy_and_read<<<1, 32>>>(in, allocated<int>(32));
}
// [end]

// [barrier_divergence] A barrier that part of a warp never comes to
__global__ void wait_in_branch(int* out) {
  if (threadIdx.x < 16) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}
void barrier_divergence() { wait_in_branch<<<1, 32>>>(allocated<int>(32)); }
// [end]

// [barrier_missed] A barrier that whole warps of the block never come to
__global__ void wait_in_warp(int* out) {
  if (threadIdx.x >= 32) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}
void barrier_missed() { wait_in_warp<<<1, 64>>>(allocated<int>(32)); }
// [end]

// [absent_lane] A shuffle from a lane that has exited, is not there, or is not in the mask
__global__ void sum_warp(const int* in, int* sum, int n) {
  if (threadIdx.x >= n) return;
  int value = in[threadIdx.x];
  for (int offset = 16; offset > 0; offset /= 2)
    value += __shfl_down_sync(0xffffffff, value, offset);
  if (threadIdx.x == 0) *sum = value;
}
void absent_lane() {
  int* in = allocated<int>(20);
  cudaMemset(in, 0, 20 * sizeof(int));
  sum_warp<<<1, 32>>>(in, allocated<int>(1), 20);
}
// [end]

// [deadlock] Every thread waits
__global__ void wait_apart() {
  asm volatile("barrier.sync %0, 64;" ::"r"(threadIdx.x < 32 ? 1 : 2) : "memory");
}
void deadlock() { wait_apart<<<1, 64>>>(); }
// [end]

// [step_budget] A thread that takes more steps than any should
__global__ void wait_for_flag(const volatile int* flag) {
  while (*flag == 0) {
  }
}
void step_budget() {
  int* flag = allocated<int>(1);
  cudaMemset(flag, 0, sizeof(int));
  wait_for_flag<<<1, 1>>>(flag);
}
// [end]

// [unordered] Two pieces of work on the same memory, and nothing orders them
__global__ void fill(int* out, int value) { out[threadIdx.x] = value; }
void unordered() {
  cudaStream_t streams[2];
  for (cudaStream_t& stream : streams) cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  int* out = allocated<int>(32);
  fill<<<1, 32, 0, streams[0]>>>(out, 1);
  fill<<<1, 32, 0, streams[1]>>>(out, 2);
}
// [end]

// [host_race] The host touches the memory of an unfinished copy
void host_race() {
  void *from = allocated<int>(16), *into = nullptr;
  cudaMallocHost(&into, 16 * sizeof(int));
  cudaMemset(from, 0, 16 * sizeof(int));
  cudaMemcpyAsync(into, from, 16 * sizeof(int), cudaMemcpyDeviceToHost, cudaStreamPerThread);
  std::printf("%d\n", *static_cast<volatile int*>(into));
}
// [end]

// [host_race_by_pointer] The host dereferences a pointer of the device, which ends it
void host_race_by_pointer() {
  int* numbers = allocated<int>(16);
  *static_cast<volatile int*>(numbers + 1) = 7;
}
// [end]

// [unsupported] An instruction that the emulator does not know, where it is executed
__global__ void multiply_matrices(double* out) {
  double a = 1, b = 2, c = 0, d = 0;
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
               : "+d"(c), "+d"(d)
               : "d"(a), "d"(b));
  out[threadIdx.x] = c + d;
}
void unsupported() { multiply_matrices<<<1, 32>>>(allocated<double>(32)); }
// [end]

// [trap] The kernel ends itself
__global__ void give_up(int thread) {
  if (threadIdx.x == thread) __trap();
}
void trap() { give_up<<<1, 64>>>(40); }
// [end]

// [trap_of_an_assertion] An assertion of the kernel fails
__global__ void check(int wrong) { assert(threadIdx.x != wrong); }
void trap_of_an_assertion() { check<<<1, 64>>>(40); }
// [end]

int main(int argument_count, char** arguments) {
  struct Example {
    const char* name;
    void (*run)();
  };
  const Example examples[] = {{"out_of_bounds", out_of_bounds},
                              {"misaligned", misaligned},
                              {"use_after_free", use_after_free},
                              {"unwritten", unwritten},
                              {"shared_race", shared_race},
                              {"shared_race_of_a_copy", shared_race_of_a_copy},
                              {"barrier_divergence", barrier_divergence},
                              {"barrier_missed", barrier_missed},
                              {"absent_lane", absent_lane},
                              {"deadlock", deadlock},
                              {"step_budget", step_budget},
                              {"unordered", unordered},
                              {"host_race", host_race},
                              {"host_race_by_pointer", host_race_by_pointer},
                              {"unsupported", unsupported},
                              {"trap", trap},
                              {"trap_of_an_assertion", trap_of_an_assertion}};
  for (const Example& example : examples) {
    if (argument_count != 2 || std::strcmp(arguments[1], example.name) != 0) continue;
    example.run();
    cudaDeviceSynchronize();
    return 0;
  }
  std::fprintf(stderr, "report_examples NAME\n");
  return 2;
}
