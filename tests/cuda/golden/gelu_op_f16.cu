// pointwise, 1 in, 2 out: gelu_tanh, gelu_tanh_slope.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  const f16 *x0;
  f16 *y1, *y2;
  i64 count0, vectors1;
};

extern "C" __global__ void __launch_bounds__(256)
pointwise_09dd5375349b3cfa(const __grid_constant__ Arguments a) {
  const index first = blockIdx.x * 256u + threadIdx.x, step = gridDim.x * 256u;
  const index count = a.count0, vectors = a.vectors1;
  const auto element = [&](f32 x0, f16& y1, f16& y2) {
    const f32 v2 = rounded<f16>(op::gelu_tanh_slope(x0));
    y2 = stored_as<f16>(v2);
    const f32 v1 = rounded<f16>(op::gelu_tanh(x0));
    y1 = stored_as<f16>(v1);
  };
  for (index k = first; k < vectors; k += 4 * step) {
    auto x0 = load_ahead<8, 4>(a.x0, k, step, vectors);
    const index end = k + 4 * step < vectors ? k + 4 * step : vectors;
    #pragma unroll 1
    for (index at = k; at < end; at += step) {
      Vector<f16, 8> y1, y2;
      #pragma unroll
      for (int j = 0; j < 8; ++j)
        element(value_of(x0.first().at[j]), y1.at[j], y2.at[j]);
      store(a.y1, at, y1);
      store(a.y2, at, y2);
      x0.next();
    }
  }
  const index rest = vectors * 8 + first;
  if (rest < count) element(value_of(a.x0[rest]), a.y1[rest], a.y2[rest]);
}
