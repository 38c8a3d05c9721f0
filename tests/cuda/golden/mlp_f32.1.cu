// reduction, 1 in, 1 out: reduce_sum, mul.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  const f32 *x0;
  alignas(8) f32 number0;
  f32 *y1;
};

extern "C" __global__ void __launch_bounds__(256)
rows_8014462c9c55e41c(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x % 32;
  __shared__ f32 k0[2][32];
  if (threadIdx.x < 32) {
    #pragma unroll
    for (int e = 0; e < 2; ++e) {
      const index j = e * 32 + thread;
      if (j >= length) break;
      k0[e][thread] = a.x0[j];
    }
  }
  __syncthreads();
  for (index row = blockIdx.x * 8 + threadIdx.x / 32; row < a.rows0; row += gridDim.x * 8) {
    f32 r1 = f32(0);
    #pragma unroll
    for (int e = 0; e < 2; ++e) {
      const index j = e * 32 + thread, i = row * length + j;
      if (j >= length) break;
      r1 = op::add(r1, k0[e][thread]);
    }
    r1 = reduce_lanes<32>(r1, [](auto a, auto b) { return op::add(a, b); });
    const f32 v1 = r1;
    const f32 v3 = v1 * a.number0;
    if (thread == 0) {
      a.y1[row] = v3;
    }
  }
}
