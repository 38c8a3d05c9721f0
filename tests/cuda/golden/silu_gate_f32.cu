// pointwise, 2 in, 3 out: silu, mul, silu_slope, scale.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  const f32 *x0, *x1;
  f32 *y2, *y3, *y4;
  i64 count0, vectors1;
};

extern "C" __global__ void __launch_bounds__(256)
pointwise_456a17a710f735ed(const __grid_constant__ Arguments a) {
  const index first = blockIdx.x * 256u + threadIdx.x, step = gridDim.x * 256u;
  const index count = a.count0, vectors = a.vectors1;
  const auto element = [&](f32 x0, f32 x1, f32& y2, f32& y3, f32& y4) {
    const f32 v4 = op::silu_slope(x0);
    const f32 v5 = op::scale(x1, v4);
    y4 = v5;
    const f32 v1 = op::silu(x0);
    y2 = v1;
    const f32 v3 = v1 * x1;
    y3 = v3;
  };
  for (index k = first; k < vectors; k += 2 * step) {
    auto x0 = load_ahead<4, 2>(a.x0, k, step, vectors);
    auto x1 = load_ahead<4, 2>(a.x1, k, step, vectors);
    const index end = k + 2 * step < vectors ? k + 2 * step : vectors;
    #pragma unroll 1
    for (index at = k; at < end; at += step) {
      Vector<f32, 4> y2, y3, y4;
      #pragma unroll
      for (int j = 0; j < 4; ++j)
        element(x0.first().at[j], x1.first().at[j], y2.at[j], y3.at[j], y4.at[j]);
      store(a.y2, at, y2);
      store(a.y3, at, y3);
      store(a.y4, at, y4);
      x0.next();
      x1.next();
    }
  }
  const index rest = vectors * 4 + first;
  if (rest < count) element(a.x0[rest], a.x1[rest], a.y2[rest], a.y3[rest], a.y4[rest]);
}
