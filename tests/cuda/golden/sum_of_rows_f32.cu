// reduction, 1 in, 1 out: reduce_sum.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
#include "tendon/rows_ahead.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  const f32 *x0;
  f32 *y1;
};

extern "C" __global__ void __launch_bounds__(512)
rows_6f4618a35c51e0ec(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x;
  const index begin = blockIdx.x, step = gridDim.x, vectors = length / 4;
  __shared__ RowsAhead<f32, 4, 2, 2, 512> ahead0;
  const auto fetch = [&](index row, int place) {
    if (row < a.rows0) {
      #pragma unroll
      for (int v = 0; v < 8; v += 4) {
        const index k = v / 4 * 512 + thread;
        if (k * 4 >= length) break;
        ahead0.fetch(place, v / 4, a.x0, row * vectors + k);
      }
    }
    end_of_row();
  };
  #pragma unroll
  for (int n = 0; n < 2; ++n) fetch(begin + n * step, n);
  int place = 0;
  for (index row = begin; row < a.rows0; row += step) {
    await_row<1>();
    f32 r1 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 4) {
      const index k = v / 4 * 512 + thread;
      if (k * 4 >= length) break;
      const auto x0 = ahead0.vector(place, v / 4);
      #pragma unroll
      for (int e = v; e < v + 4; ++e) {
        const index j = k * 4 + (e - v), i = row * length + j;
        r1 = op::add(r1, x0.at[e - v]);
      }
    }
    r1 = reduce_group<512, 1, kAnyTurn>(r1, [](auto a, auto b) { return op::add(a, b); });
    const f32 v1 = r1;
    if (thread == 0) {
      a.y1[row] = v1;
    }
    fetch(row + 2 * step, place);
    place = place == 1 ? 0 : place + 1;
  }
}
