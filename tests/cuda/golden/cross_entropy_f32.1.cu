// reduction, 1 in, 1 out: reduce_sum, div.
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

extern "C" __global__ void __launch_bounds__(128)
rows_e36c12f34221090d(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x;
  __shared__ f32 k0[8][128];
  #pragma unroll
  for (int v = 0; v < 8; v += 4) {
    const index k = v / 4 * 128 + thread;
    if (k * 4 >= length) break;
    const auto x0 = load<4>(a.x0, k);
    for (int w = 0; w < 4; ++w) k0[v + w][thread] = x0.at[w];
  }
  for (index row = blockIdx.x; row < a.rows0; row += gridDim.x) {
    f32 r1 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 4) {
      const index k = v / 4 * 128 + thread;
      if (k * 4 >= length) break;
      #pragma unroll
      for (int e = v; e < v + 4; ++e) {
        const index j = k * 4 + (e - v), i = row * length + j;
        r1 = op::add(r1, k0[e][thread]);
      }
    }
    r1 = reduce_group<128, 1, kAnyTurn>(r1, [](auto a, auto b) { return op::add(a, b); });
    const f32 v1 = r1;
    const f32 v3 = v1 / a.number0;
    if (thread == 0) {
      a.y1[row] = v3;
    }
  }
}
