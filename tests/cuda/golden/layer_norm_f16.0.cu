// reduction, 3 in, 4 out: 6 reduce_sum, 6 mul, sub, square, 4 add, rsqrt, 7 scale, div, neg.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
#include "tendon/rows_ahead.cuh"
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

extern "C" __global__ void __launch_bounds__(384, 2)
rows_12454460b8c1914c(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x % 96;
  __shared__ f32 k15[8][96];
  __shared__ f32 k17[8][96];
  if (threadIdx.x < 96) {
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 96 + thread;
      if (k * 8 >= length) break;
      const auto x15 = load<8>(a.x0, k);
      for (int w = 0; w < 8; ++w) k15[v + w][thread] = value_of(x15.at[w]);
      const auto x17 = load<8>(a.x1, k);
      for (int w = 0; w < 8; ++w) k17[v + w][thread] = value_of(x17.at[w]);
    }
  }
  __syncthreads();
  f32 c20[8];
  f32 c22[8];
  #pragma unroll
  for (int e = 0; e < 8; ++e) {
    c20[e] = f32(0);
    c22[e] = f32(0);
  }
  const index chunk = blockIdx.x, first = chunk * a.chunk2;
  const index end = first + a.chunk2 < a.rows0 ? first + a.chunk2 : a.rows0;
  const index begin = first + threadIdx.x / 96, step = 4, vectors = length / 8;
  __shared__ RowsAhead<f16, 8, 1, 6, 384> ahead0;
  const auto fetch = [&](index row, int place) {
    if (row < end) {
      #pragma unroll
      for (int v = 0; v < 8; v += 8) {
        const index k = v / 8 * 96 + thread;
        if (k * 8 >= length) break;
        ahead0.fetch(place, v / 8, a.x2, row * vectors + k);
      }
    }
    end_of_row();
  };
  #pragma unroll
  for (int n = 0; n < 6; ++n) fetch(begin + n * step, n);
  int place = 0;
  for (index row = begin; row < end; row += step) {
    await_row<5>();
    f32 k21[8];
    f32 r1 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 96 + thread;
      if (k * 8 >= length) break;
      const auto x0 = ahead0.vector(place, v / 8);
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v21 = rounded<f16>(op::scale(a.number0, k15[e][thread]));
        k21[e] = v21;
        r1 = op::add(r1, value_of(x0.at[e - v]));
        c20[e] = op::add(c20[e], a.number0);
      }
    }
    r1 = reduce_group<96, 4, 0>(r1, [](auto a, auto b) { return op::add(a, b); });
    const f32 v1 = rounded<f16>(r1);
    const f32 v3 = rounded<f16>(v1 * a.number1);
    f32 r7 = f32(0);
    f32 r25 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 96 + thread;
      if (k * 8 >= length) break;
      const auto x0 = ahead0.vector(place, v / 8);
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v5 = rounded<f16>(value_of(x0.at[e - v]) - v3);
        const f32 v6 = rounded<f16>(op::square(v5));
        r7 = op::add(r7, v6);
        const f32 v24 = rounded<f16>(op::scale(k21[e], v5));
        r25 = op::add(r25, v24);
      }
    }
    r7 = reduce_group<96, 4, 1>(r7, [](auto a, auto b) { return op::add(a, b); });
    const f32 v7 = rounded<f16>(r7);
    r25 = reduce_group<96, 4, 0>(r25, [](auto a, auto b) { return op::add(a, b); });
    const f32 v25 = rounded<f16>(r25);
    const f32 v9 = rounded<f16>(v7 * a.number2);
    const f32 v11 = rounded<f16>(v9 + a.number3);
    const f32 v12 = rounded<f16>(op::rsqrt(v11));
    const f32 v27 = rounded<f16>(a.number4 * v12);
    const f32 v28 = rounded<f16>(v27 / v11);
    const f32 v29 = rounded<f16>(op::scale(v25, v28));
    const f32 v30 = rounded<f16>(op::scale(v29, a.number2));
    f32 k35[8];
    f32 r37 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 96 + thread;
      if (k * 8 >= length) break;
      const auto x0 = ahead0.vector(place, v / 8);
      Vector<f16, 8> s0;
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v23 = rounded<f16>(op::scale(k21[e], v12));
        const f32 v5 = rounded<f16>(value_of(x0.at[e - v]) - v3);
        const f32 v32 = rounded<f16>(a.number5 * v5);
        const f32 v34 = rounded<f16>(op::scale(v30, v32));
        const f32 v35 = rounded<f16>(v23 + v34);
        k35[e] = v35;
        const f32 v36 = rounded<f16>(-v35);
        r37 = op::add(r37, v36);
        const f32 v14 = rounded<f16>(v5 * v12);
        c22[e] = op::add(c22[e], v14);
        const f32 v16 = rounded<f16>(v14 * k15[e][thread]);
        const f32 v18 = rounded<f16>(v16 + k17[e][thread]);
        s0.at[e - v] = stored_as<f16>(v18);
      }
      store(a.y3, row * length / 8 + k, s0);
    }
    r37 = reduce_group<96, 4, 1>(r37, [](auto a, auto b) { return op::add(a, b); });
    const f32 v37 = rounded<f16>(r37);
    const f32 v38 = rounded<f16>(op::scale(v37, a.number1));
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 96 + thread;
      if (k * 8 >= length) break;
      Vector<f16, 8> s3;
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v40 = rounded<f16>(k35[e] + v38);
        s3.at[e - v] = stored_as<f16>(v40);
      }
      store(a.y4, row * length / 8 + k, s3);
    }
    fetch(row + 6 * step, place);
    place = place == 5 ? 0 : place + 1;
  }
  combine_groups<4, 96>(c20, [](auto a, auto b) { return op::add(a, b); });
  combine_groups<4, 96>(c22, [](auto a, auto b) { return op::add(a, b); });
  if (threadIdx.x >= 96) return;
  const index line = length;
  f32* const into0 = reinterpret_cast<f32*>(a.partials3 + a.first4) + static_cast<i64>(chunk) * line;
  f32* const into1 = reinterpret_cast<f32*>(a.partials3 + a.first5) + static_cast<i64>(chunk) * line;
  #pragma unroll
  for (int v = 0; v < 8; v += 8) {
    const index k = v / 8 * 96 + thread;
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
