// reduction, 3 in, 4 out: 6 reduce_sum, 6 mul, sub, square, 4 add, rsqrt, 7 scale, div, neg.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  const f16 *x0, *x1;
  i64 chunk2;
  const f16 *x2;
  alignas(8) f32 number0, number1, number2, number3, number4, number5;
  f16 *y3, *y4;
  f64 *partials3;
  i64 first4, first5;
};

extern "C" __global__ void __launch_bounds__(512)
rows_094adc1279663c18(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x % 128;
  f32 k15[8];
  f32 k17[8];
  if (threadIdx.x < 128) {
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 128 + thread;
      if (k * 8 >= length) break;
      const auto x15 = load<8>(a.x0, k);
      for (int w = 0; w < 8; ++w) k15[v + w] = value_of(x15.at[w]);
      const auto x17 = load<8>(a.x1, k);
      for (int w = 0; w < 8; ++w) k17[v + w] = value_of(x17.at[w]);
    }
  }
  share_with_groups<128>(k15);
  share_with_groups<128>(k17);
  f32 c20[8];
  f32 c22[8];
  #pragma unroll
  for (int e = 0; e < 8; ++e) {
    c20[e] = f32(0);
    c22[e] = f32(0);
  }
  const index chunk = blockIdx.x, first = chunk * a.chunk2;
  const index end = first + a.chunk2 < a.rows0 ? first + a.chunk2 : a.rows0;
  const index step = 4, vectors = length / 8;
  const index last = thread < vectors ? end * vectors : 0;
  for (index begin = first + threadIdx.x / 128; begin < end; begin += 4 * step) {
    auto x0 = load_ahead<8, 4>(a.x2, begin * vectors + thread, step * vectors, last);
    #pragma unroll 1
    for (index row = begin; row < end && row < begin + 4 * step; row += step) {
      f32 k0[8];
      for (int w = 0; w < 8; ++w) k0[w] = value_of(x0.first().at[w]);
      f32 k21[8];
      f32 r1 = f32(0);
      #pragma unroll
      for (int v = 0; v < 8; v += 8) {
        const index k = v / 8 * 128 + thread;
        if (k * 8 >= length) break;
        #pragma unroll
        for (int e = v; e < v + 8; ++e) {
          const index j = k * 8 + (e - v), i = row * length + j;
          const f32 v21 = rounded<f16>(op::scale(a.number0, k15[e]));
          k21[e] = v21;
          r1 = op::add(r1, k0[e]);
          c20[e] = op::add(c20[e], a.number0);
        }
      }
      r1 = reduce_group<128, 4>(r1, [](auto a, auto b) { return op::add(a, b); });
      const f32 v1 = rounded<f16>(r1);
      const f32 v3 = rounded<f16>(op::mul(v1, a.number1));
      f32 k5[8];
      f32 k32[8];
      f32 r7 = f32(0);
      f32 r25 = f32(0);
      #pragma unroll
      for (int v = 0; v < 8; v += 8) {
        const index k = v / 8 * 128 + thread;
        if (k * 8 >= length) break;
        #pragma unroll
        for (int e = v; e < v + 8; ++e) {
          const index j = k * 8 + (e - v), i = row * length + j;
          const f32 v5 = rounded<f16>(op::sub(k0[e], v3));
          k5[e] = v5;
          const f32 v32 = rounded<f16>(op::mul(a.number2, v5));
          k32[e] = v32;
          const f32 v6 = rounded<f16>(op::square(v5));
          r7 = op::add(r7, v6);
          const f32 v24 = rounded<f16>(op::scale(k21[e], v5));
          r25 = op::add(r25, v24);
        }
      }
      r7 = reduce_group<128, 4>(r7, [](auto a, auto b) { return op::add(a, b); });
      const f32 v7 = rounded<f16>(r7);
      r25 = reduce_group<128, 4>(r25, [](auto a, auto b) { return op::add(a, b); });
      const f32 v25 = rounded<f16>(r25);
      const f32 v9 = rounded<f16>(op::mul(v7, a.number3));
      const f32 v11 = rounded<f16>(op::add(v9, a.number4));
      const f32 v12 = rounded<f16>(op::rsqrt(v11));
      const f32 v27 = rounded<f16>(op::mul(a.number5, v12));
      const f32 v28 = rounded<f16>(op::div(v27, v11));
      const f32 v29 = rounded<f16>(op::scale(v25, v28));
      const f32 v30 = rounded<f16>(op::scale(v29, a.number3));
      f32 k35[8];
      f32 r37 = f32(0);
      #pragma unroll
      for (int v = 0; v < 8; v += 8) {
        const index k = v / 8 * 128 + thread;
        if (k * 8 >= length) break;
        Vector<f16, 8> s0;
        #pragma unroll
        for (int e = v; e < v + 8; ++e) {
          const index j = k * 8 + (e - v), i = row * length + j;
          const f32 v23 = rounded<f16>(op::scale(k21[e], v12));
          const f32 v34 = rounded<f16>(op::scale(v30, k32[e]));
          const f32 v35 = rounded<f16>(op::add(v23, v34));
          k35[e] = v35;
          const f32 v36 = rounded<f16>(op::neg(v35));
          r37 = op::add(r37, v36);
          const f32 v14 = rounded<f16>(op::mul(k5[e], v12));
          c22[e] = op::add(c22[e], v14);
          const f32 v16 = rounded<f16>(op::mul(v14, k15[e]));
          const f32 v18 = rounded<f16>(op::add(v16, k17[e]));
          s0.at[e - v] = stored_as<f16>(v18);
        }
        store(a.y3, row * length / 8 + k, s0);
      }
      r37 = reduce_group<128, 4>(r37, [](auto a, auto b) { return op::add(a, b); });
      const f32 v37 = rounded<f16>(r37);
      const f32 v38 = rounded<f16>(op::scale(v37, a.number1));
      #pragma unroll
      for (int v = 0; v < 8; v += 8) {
        const index k = v / 8 * 128 + thread;
        if (k * 8 >= length) break;
        Vector<f16, 8> s3;
        #pragma unroll
        for (int e = v; e < v + 8; ++e) {
          const index j = k * 8 + (e - v), i = row * length + j;
          const f32 v40 = rounded<f16>(op::add(k35[e], v38));
          s3.at[e - v] = stored_as<f16>(v40);
        }
        store(a.y4, row * length / 8 + k, s3);
      }
      x0.next();
    }
  }
  combine_groups<4, 128>(c20, [](auto a, auto b) { return op::add(a, b); });
  combine_groups<4, 128>(c22, [](auto a, auto b) { return op::add(a, b); });
  if (threadIdx.x >= 128) return;
  const index line = length;
  f32* const into0 = reinterpret_cast<f32*>(a.partials3 + a.first4) + static_cast<i64>(chunk) * line;
  f32* const into1 = reinterpret_cast<f32*>(a.partials3 + a.first5) + static_cast<i64>(chunk) * line;
  #pragma unroll
  for (int v = 0; v < 8; v += 8) {
    const index k = v / 8 * 128 + thread;
    if (k * 8 >= length) break;
    Vector<f32, 8> s0;
    Vector<f32, 8> s1;
    #pragma unroll
    for (int e = v; e < v + 8; ++e) {
      const index j = k * 8 + (e - v);
      s0.at[e - v] = c20[e];
      s1.at[e - v] = c22[e];
    }
    store(into0, k, s0);
    store(into1, k, s1);
  }
}
