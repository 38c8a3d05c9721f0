// multi, 24 in, 18 out: 42 mul, 18 add, 6 square, 6 sqrt, 6 div, 6 sub.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/parts.cuh"
using namespace tendon;
using index = u32;

struct Part {
  const f32 *x0, *x1, *x2, *x3;
  f32 *y4, *y5, *y6;
  i64 count0, vectors1;
  alignas(8) f32 number0, number1, number2, number3, number4, number5, number6, number7;
};

__device__ void work(const Part& a, index block) {
  const index first = block * 256u + threadIdx.x;
  const index count = a.count0, vectors = a.vectors1;
  const auto element = [&](f32 x0, f32 x1, f32 x2, f32 x3, f32& y4, f32& y5, f32& y6) {
    const f32 v7 = op::square(x0);
    const f32 v9 = v7 * a.number0;
    const f32 v12 = x2 * a.number1;
    const f32 v13 = v12 + v9;
    y5 = v13;
    const f32 v5 = x1 * a.number2;
    const f32 v2 = x0 * a.number3;
    const f32 v6 = v5 + v2;
    y4 = v6;
    const f32 v15 = v13 * a.number4;
    const f32 v16 = op::sqrt(v15);
    const f32 v18 = v16 + a.number5;
    const f32 v20 = v6 * a.number6;
    const f32 v22 = v20 * a.number7;
    const f32 v23 = v22 / v18;
    const f32 v25 = x3 - v23;
    y6 = v25;
  };
  if (first < vectors) {
    const auto x0 = load<4>(a.x0, first);
    const auto x1 = load<4>(a.x1, first);
    const auto x2 = load<4>(a.x2, first);
    const auto x3 = load<4>(a.x3, first);
    Vector<f32, 4> y4, y5, y6;
    #pragma unroll
    for (int j = 0; j < 4; ++j)
      element(x0.at[j], x1.at[j], x2.at[j], x3.at[j], y4.at[j], y5.at[j], y6.at[j]);
    store(a.y4, first, y4);
    store(a.y5, first, y5);
    store(a.y6, first, y6);
  }
  const index rest = vectors * 4 + first;
  if (rest < count) element(a.x0[rest], a.x1[rest], a.x2[rest], a.x3[rest], a.y4[rest], a.y5[rest], a.y6[rest]);
}

struct Arguments {
  i64 begins[8];
  Part parts[6];
};

extern "C" __global__ void __launch_bounds__(256)
multi_526cddcc5c95e6b2(const __grid_constant__ Arguments a) {
  const Share share = share_of(a.begins);
  work(a.parts[share.part], share.block);
}
