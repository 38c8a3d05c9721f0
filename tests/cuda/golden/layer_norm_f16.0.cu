// reduction, 3 in, 3 out: 4 reduce_sum, 6 mul, sub, square, 4 add, rsqrt, 7 scale, div, neg.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  const f16 *x0, *x1, *x2;
  alignas(8) f32 number0, number1, number2, number3, number4, number5;
  f16 *y3, *y4, *y5;
};

extern "C" __global__ void __launch_bounds__(128)
rows_6a0d0c3a5e68d9c6(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x;
  for (index row = blockIdx.x; row < a.rows0; row += gridDim.x) {
    f32 k0[8];
    f32 k15[8];
    f32 k17[8];
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 128 + thread;
      if (k * 8 >= length) break;
      const auto x0 = load<8>(a.x0, row * length / 8 + k);
      for (int w = 0; w < 8; ++w) k0[v + w] = value_of(x0.at[w]);
      const auto x15 = load<8>(a.x1, k);
      for (int w = 0; w < 8; ++w) k15[v + w] = value_of(x15.at[w]);
      const auto x17 = load<8>(a.x2, k);
      for (int w = 0; w < 8; ++w) k17[v + w] = value_of(x17.at[w]);
    }
    f32 k20[8];
    f32 r1 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 128 + thread;
      if (k * 8 >= length) break;
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v20 = rounded<f16>(op::scale(a.number0, k15[e]));
        k20[e] = v20;
        r1 = op::add(r1, k0[e]);
      }
    }
    r1 = reduce_block<128>(r1, [](auto a, auto b) { return op::add(a, b); });
    const f32 v1 = rounded<f16>(r1);
    const f32 v3 = rounded<f16>(op::mul(v1, a.number1));
    f32 k5[8];
    f32 k30[8];
    f32 r7 = f32(0);
    f32 r23 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 128 + thread;
      if (k * 8 >= length) break;
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v5 = rounded<f16>(op::sub(k0[e], v3));
        k5[e] = v5;
        const f32 v30 = rounded<f16>(op::mul(a.number2, v5));
        k30[e] = v30;
        const f32 v6 = rounded<f16>(op::square(v5));
        r7 = op::add(r7, v6);
        const f32 v22 = rounded<f16>(op::scale(k20[e], v5));
        r23 = op::add(r23, v22);
      }
    }
    r7 = reduce_block<128>(r7, [](auto a, auto b) { return op::add(a, b); });
    const f32 v7 = rounded<f16>(r7);
    r23 = reduce_block<128>(r23, [](auto a, auto b) { return op::add(a, b); });
    const f32 v23 = rounded<f16>(r23);
    const f32 v9 = rounded<f16>(op::mul(v7, a.number3));
    const f32 v11 = rounded<f16>(op::add(v9, a.number4));
    const f32 v12 = rounded<f16>(op::rsqrt(v11));
    const f32 v25 = rounded<f16>(op::mul(a.number5, v12));
    const f32 v26 = rounded<f16>(op::div(v25, v11));
    const f32 v27 = rounded<f16>(op::scale(v23, v26));
    const f32 v28 = rounded<f16>(op::scale(v27, a.number3));
    f32 k33[8];
    f32 r35 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 128 + thread;
      if (k * 8 >= length) break;
      Vector<f16, 8> s0;
      Vector<f16, 8> s1;
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v21 = rounded<f16>(op::scale(k20[e], v12));
        const f32 v32 = rounded<f16>(op::scale(v28, k30[e]));
        const f32 v33 = rounded<f16>(op::add(v21, v32));
        k33[e] = v33;
        const f32 v34 = rounded<f16>(op::neg(v33));
        r35 = op::add(r35, v34);
        const f32 v14 = rounded<f16>(op::mul(k5[e], v12));
        s0.at[e - v] = stored_as<f16>(v14);
        const f32 v16 = rounded<f16>(op::mul(v14, k15[e]));
        const f32 v18 = rounded<f16>(op::add(v16, k17[e]));
        s1.at[e - v] = stored_as<f16>(v18);
      }
      store(a.y3, row * length / 8 + k, s0);
      store(a.y4, row * length / 8 + k, s1);
    }
    r35 = reduce_block<128>(r35, [](auto a, auto b) { return op::add(a, b); });
    const f32 v35 = rounded<f16>(r35);
    const f32 v36 = rounded<f16>(op::scale(v35, a.number1));
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 128 + thread;
      if (k * 8 >= length) break;
      Vector<f16, 8> s2;
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v38 = rounded<f16>(op::add(k33[e], v36));
        s2.at[e - v] = stored_as<f16>(v38);
      }
      store(a.y5, row * length / 8 + k, s2);
    }
  }
}
