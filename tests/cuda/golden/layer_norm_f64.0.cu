// reduction, 3 in, 4 out: 6 reduce_sum, 6 mul, sub, square, 4 add, rsqrt, 7 scale, div, neg.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
#include "tendon/rows_ahead.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  const f64 *x0, *x1;
  i64 chunk2;
  const f64 *x2;
  f64 number0, number1, number2, number3, number4, number5;
  f64 *y3, *y4, *partials3;
  i64 first4, first5;
};

extern "C" __global__ void __launch_bounds__(192, 4)
rows_6db57b47b3994750(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x;
  __shared__ f64 k15[4][192];
  __shared__ f64 k17[4][192];
  #pragma unroll
  for (int v = 0; v < 4; v += 2) {
    const index k = v / 2 * 192 + thread;
    if (k * 2 >= length) break;
    const auto x15 = load<2>(a.x0, k);
    for (int w = 0; w < 2; ++w) k15[v + w][thread] = x15.at[w];
    const auto x17 = load<2>(a.x1, k);
    for (int w = 0; w < 2; ++w) k17[v + w][thread] = x17.at[w];
  }
  f64 c20[4];
  f64 c22[4];
  #pragma unroll
  for (int e = 0; e < 4; ++e) {
    c20[e] = f64(0);
    c22[e] = f64(0);
  }
  const index chunk = blockIdx.x, first = chunk * a.chunk2;
  const index end = first + a.chunk2 < a.rows0 ? first + a.chunk2 : a.rows0;
  const index begin = first, step = 1, vectors = length / 2;
  __shared__ RowsAhead<f64, 2, 2, 5, 192> ahead0;
  const auto fetch = [&](index row, int place) {
    if (row < end) {
      #pragma unroll
      for (int v = 0; v < 4; v += 2) {
        const index k = v / 2 * 192 + thread;
        if (k * 2 >= length) break;
        ahead0.fetch(place, v / 2, a.x2, row * vectors + k);
      }
    }
    end_of_row();
  };
  #pragma unroll
  for (int n = 0; n < 5; ++n) fetch(begin + n * step, n);
  int place = 0;
  for (index row = begin; row < end; row += step) {
    await_row<4>();
    f64 k21[4];
    f64 r1 = f64(0);
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 192 + thread;
      if (k * 2 >= length) break;
      const auto x0 = ahead0.vector(place, v / 2);
      #pragma unroll
      for (int e = v; e < v + 2; ++e) {
        const index j = k * 2 + (e - v), i = row * length + j;
        const f64 v21 = op::scale(a.number0, k15[e][thread]);
        k21[e] = v21;
        r1 = op::add(r1, x0.at[e - v]);
        c20[e] = op::add(c20[e], a.number0);
      }
    }
    r1 = reduce_group<192, 1, 0>(r1, [](auto a, auto b) { return op::add(a, b); });
    const f64 v1 = r1;
    const f64 v3 = v1 * a.number1;
    f64 r7 = f64(0);
    f64 r25 = f64(0);
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 192 + thread;
      if (k * 2 >= length) break;
      const auto x0 = ahead0.vector(place, v / 2);
      #pragma unroll
      for (int e = v; e < v + 2; ++e) {
        const index j = k * 2 + (e - v), i = row * length + j;
        const f64 v5 = x0.at[e - v] - v3;
        const f64 v6 = op::square(v5);
        r7 = op::add(r7, v6);
        const f64 v24 = op::scale(k21[e], v5);
        r25 = op::add(r25, v24);
      }
    }
    r7 = reduce_group<192, 1, 1>(r7, [](auto a, auto b) { return op::add(a, b); });
    const f64 v7 = r7;
    r25 = reduce_group<192, 1, 0>(r25, [](auto a, auto b) { return op::add(a, b); });
    const f64 v25 = r25;
    const f64 v9 = v7 * a.number2;
    const f64 v11 = v9 + a.number3;
    const f64 v12 = op::rsqrt(v11);
    const f64 v27 = a.number4 * v12;
    const f64 v28 = v27 / v11;
    const f64 v29 = op::scale(v25, v28);
    const f64 v30 = op::scale(v29, a.number2);
    f64 k35[4];
    f64 r37 = f64(0);
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 192 + thread;
      if (k * 2 >= length) break;
      const auto x0 = ahead0.vector(place, v / 2);
      Vector<f64, 2> s0;
      #pragma unroll
      for (int e = v; e < v + 2; ++e) {
        const index j = k * 2 + (e - v), i = row * length + j;
        const f64 v23 = op::scale(k21[e], v12);
        const f64 v5 = x0.at[e - v] - v3;
        const f64 v32 = a.number5 * v5;
        const f64 v34 = op::scale(v30, v32);
        const f64 v35 = v23 + v34;
        k35[e] = v35;
        const f64 v36 = -v35;
        r37 = op::add(r37, v36);
        const f64 v14 = v5 * v12;
        c22[e] = op::add(c22[e], v14);
        const f64 v16 = v14 * k15[e][thread];
        const f64 v18 = v16 + k17[e][thread];
        s0.at[e - v] = v18;
      }
      store(a.y3, row * length / 2 + k, s0);
    }
    r37 = reduce_group<192, 1, 1>(r37, [](auto a, auto b) { return op::add(a, b); });
    const f64 v37 = r37;
    const f64 v38 = op::scale(v37, a.number1);
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 192 + thread;
      if (k * 2 >= length) break;
      Vector<f64, 2> s3;
      #pragma unroll
      for (int e = v; e < v + 2; ++e) {
        const index j = k * 2 + (e - v), i = row * length + j;
        const f64 v40 = k35[e] + v38;
        s3.at[e - v] = v40;
      }
      store(a.y4, row * length / 2 + k, s3);
    }
    fetch(row + 5 * step, place);
    place = place == 4 ? 0 : place + 1;
  }
  const index line = length;
  f64* const into0 = reinterpret_cast<f64*>(a.partials3 + a.first4) + static_cast<i64>(chunk) * line;
  f64* const into1 = reinterpret_cast<f64*>(a.partials3 + a.first5) + static_cast<i64>(chunk) * line;
  #pragma unroll
  for (int v = 0; v < 4; v += 2) {
    const index k = v / 2 * 192 + thread;
    if (k * 2 >= length) break;
    Vector<f64, 2> s0;
    Vector<f64, 2> s1;
    #pragma unroll
    for (int e = v; e < v + 2; ++e) {
      const index j = k * 2 + (e - v);
      s0.at[e - v] = c20[e];
      s1.at[e - v] = c22[e];
    }
    store(into0, k, s0);
    store(into1, k, s1);
  }
}
