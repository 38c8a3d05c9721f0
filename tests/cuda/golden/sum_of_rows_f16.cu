// reduction, 1 in, 1 out: reduce_sum.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  const f16 *x0;
  f16 *y1;
};

extern "C" __global__ void __launch_bounds__(512)
rows_4f53d3fdf2963ac5(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x;
  const index step = gridDim.x, vectors = length / 8;
  const index last = thread < vectors ? a.rows0 * vectors : 0;
  for (index begin = blockIdx.x; begin < a.rows0; begin += 4 * step) {
    auto x0 = load_ahead<8, 4>(a.x0, begin * vectors + thread, step * vectors, last);
    #pragma unroll 1
    for (index row = begin; row < a.rows0 && row < begin + 4 * step; row += step) {
      f32 k0[8];
      for (int w = 0; w < 8; ++w) k0[w] = value_of(x0.first().at[w]);
      f32 r1 = f32(0);
      #pragma unroll
      for (int v = 0; v < 8; v += 8) {
        const index k = v / 8 * 512 + thread;
        if (k * 8 >= length) break;
        #pragma unroll
        for (int e = v; e < v + 8; ++e) {
          const index j = k * 8 + (e - v), i = row * length + j;
          r1 = op::add(r1, k0[e]);
        }
      }
      r1 = reduce_block<512>(r1, [](auto a, auto b) { return op::add(a, b); });
      const f32 v1 = rounded<f16>(r1);
      if (thread == 0) {
        a.y1[row] = stored_as<f16>(v1);
      }
      x0.next();
    }
  }
}
