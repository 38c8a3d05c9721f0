// reduction, 1 in, 1 out: reduce_sum.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
#include "tendon/rows_ahead.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  const f16 *x0;
  f16 *y1;
};

extern "C" __global__ void __launch_bounds__(512)
rows_f12885c74820cd27(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x;
  const index begin = blockIdx.x, step = gridDim.x, vectors = length / 8;
  __shared__ RowsAhead<f16, 8, 1, 4, 512> ahead0;
  const auto fetch = [&](index row, int place) {
    if (row < a.rows0) {
      #pragma unroll
      for (int v = 0; v < 8; v += 8) {
        const index k = v / 8 * 512 + thread;
        if (k * 8 >= length) break;
        ahead0.fetch(place, v / 8, a.x0, row * vectors + k);
      }
    }
    end_of_row();
  };
  #pragma unroll
  for (int n = 0; n < 4; ++n) fetch(begin + n * step, n);
  int place = 0;
  for (index row = begin; row < a.rows0; row += step) {
    await_row<3>();
    f32 r1 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 512 + thread;
      if (k * 8 >= length) break;
      const auto x0 = ahead0.vector(place, v / 8);
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        r1 = op::add(r1, value_of(x0.at[e - v]));
      }
    }
    r1 = reduce_group<512, 1, kAnyTurn>(r1, [](auto a, auto b) { return op::add(a, b); });
    const f32 v1 = rounded<f16>(r1);
    if (thread == 0) {
      a.y1[row] = stored_as<f16>(v1);
    }
    fetch(row + 4 * step, place);
    place = place == 3 ? 0 : place + 1;
  }
}
