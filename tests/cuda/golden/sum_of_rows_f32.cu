// reduction, 1 in, 1 out: reduce_sum.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  const f32 *x0;
  f32 *y1;
};

extern "C" __global__ void __launch_bounds__(512)
rows_95637e73a829c0d0(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x;
  for (index row = blockIdx.x; row < a.rows0; row += gridDim.x) {
    f32 k0[8];
    #pragma unroll
    for (int v = 0; v < 8; v += 4) {
      const index k = v / 4 * 512 + thread;
      if (k * 4 >= length) break;
      const auto x0 = load<4>(a.x0, row * length / 4 + k);
      for (int w = 0; w < 4; ++w) k0[v + w] = x0.at[w];
    }
    f32 r1 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 4) {
      const index k = v / 4 * 512 + thread;
      if (k * 4 >= length) break;
      #pragma unroll
      for (int e = v; e < v + 4; ++e) {
        const index j = k * 4 + (e - v), i = row * length + j;
        r1 = op::add(r1, k0[e]);
      }
    }
    r1 = reduce_block<512>(r1, [](auto a, auto b) { return op::add(a, b); });
    const f32 v1 = r1;
    if (thread == 0) {
      a.y1[row] = v1;
    }
  }
}
