// pointwise, 1 in, 2 out: 6 mul, 6 add, tanh, 8 scale, tanh_slope.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  const f32 *x0;
  f32 *y1, *y2;
  i64 count0, vectors1;
  alignas(8) f32 number0, number1, number2, number3;
};

extern "C" __global__ void __launch_bounds__(256)
pointwise_b16ba07bc04d7d7b(const __grid_constant__ Arguments a) {
  const index first = blockIdx.x * 256u + threadIdx.x, step = gridDim.x * 256u;
  const index count = a.count0, vectors = a.vectors1;
  const auto element = [&](f32 x0, f32& y1, f32& y2) {
    const f32 v2 = a.number0 * x0;
    const f32 v3 = v2 * x0;
    const f32 v4 = v3 * x0;
    const f32 v5 = x0 + v4;
    const f32 v7 = a.number1 * v5;
    const f32 v15 = op::tanh_slope(v7);
    const f32 v12 = a.number2 * x0;
    const f32 v16 = op::scale(v12, v15);
    const f32 v17 = op::scale(v16, a.number1);
    const f32 v20 = op::scale(v17, v3);
    const f32 v8 = op::tanh(v7);
    const f32 v10 = a.number3 + v8;
    const f32 v14 = op::scale(v10, a.number2);
    const f32 v18 = v14 + v17;
    const f32 v21 = v18 + v20;
    const f32 v19 = op::scale(v17, x0);
    const f32 v23 = op::scale(v19, v2);
    const f32 v24 = v21 + v23;
    const f32 v22 = op::scale(v19, x0);
    const f32 v25 = op::scale(v22, a.number0);
    const f32 v26 = v24 + v25;
    y2 = v26;
    const f32 v13 = v12 * v10;
    y1 = v13;
  };
  for (index k = first; k < vectors; k += 4 * step) {
    auto x0 = load_ahead<4, 4>(a.x0, k, step, vectors);
    const index end = k + 4 * step < vectors ? k + 4 * step : vectors;
    #pragma unroll 1
    for (index at = k; at < end; at += step) {
      Vector<f32, 4> y1, y2;
      #pragma unroll
      for (int j = 0; j < 4; ++j)
        element(x0.first().at[j], y1.at[j], y2.at[j]);
      store(a.y1, at, y1);
      store(a.y2, at, y2);
      x0.next();
    }
  }
  const index rest = vectors * 4 + first;
  if (rest < count) element(a.x0[rest], a.y1[rest], a.y2[rest]);
}
