// reduction, 3 in, 4 out: 6 reduce_sum, 6 mul, sub, square, 4 add, rsqrt, 7 scale, div, neg.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
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

extern "C" __global__ void __launch_bounds__(512)
rows_23b463e37a42dd15(const __grid_constant__ Arguments a) {
  const index length = a.length1;
  const int thread = threadIdx.x % 256;
  f64 k15[4];
  f64 k17[4];
  if (threadIdx.x < 256) {
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 256 + thread;
      if (k * 2 >= length) break;
      const auto x15 = load<2>(a.x0, k);
      for (int w = 0; w < 2; ++w) k15[v + w] = x15.at[w];
      const auto x17 = load<2>(a.x1, k);
      for (int w = 0; w < 2; ++w) k17[v + w] = x17.at[w];
    }
  }
  share_with_groups<256>(k15);
  share_with_groups<256>(k17);
  f64 c20[4];
  f64 c22[4];
  #pragma unroll
  for (int e = 0; e < 4; ++e) {
    c20[e] = f64(0);
    c22[e] = f64(0);
  }
  const index chunk = blockIdx.x, first = chunk * a.chunk2;
  const index end = first + a.chunk2 < a.rows0 ? first + a.chunk2 : a.rows0;
  for (index row = first + threadIdx.x / 256; row < end; row += 2) {
    f64 k0[4];
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 256 + thread;
      if (k * 2 >= length) break;
      const auto x0 = load<2>(a.x2, row * length / 2 + k);
      for (int w = 0; w < 2; ++w) k0[v + w] = x0.at[w];
    }
    f64 k21[4];
    f64 r1 = f64(0);
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 256 + thread;
      if (k * 2 >= length) break;
      #pragma unroll
      for (int e = v; e < v + 2; ++e) {
        const index j = k * 2 + (e - v), i = row * length + j;
        const f64 v21 = op::scale(a.number0, k15[e]);
        k21[e] = v21;
        r1 = op::add(r1, k0[e]);
        c20[e] = op::add(c20[e], a.number0);
      }
    }
    r1 = reduce_group<256, 2>(r1, [](auto a, auto b) { return op::add(a, b); });
    const f64 v1 = r1;
    const f64 v3 = op::mul(v1, a.number1);
    f64 k5[4];
    f64 k32[4];
    f64 r7 = f64(0);
    f64 r25 = f64(0);
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 256 + thread;
      if (k * 2 >= length) break;
      #pragma unroll
      for (int e = v; e < v + 2; ++e) {
        const index j = k * 2 + (e - v), i = row * length + j;
        const f64 v5 = op::sub(k0[e], v3);
        k5[e] = v5;
        const f64 v32 = op::mul(a.number2, v5);
        k32[e] = v32;
        const f64 v6 = op::square(v5);
        r7 = op::add(r7, v6);
        const f64 v24 = op::scale(k21[e], v5);
        r25 = op::add(r25, v24);
      }
    }
    r7 = reduce_group<256, 2>(r7, [](auto a, auto b) { return op::add(a, b); });
    const f64 v7 = r7;
    r25 = reduce_group<256, 2>(r25, [](auto a, auto b) { return op::add(a, b); });
    const f64 v25 = r25;
    const f64 v9 = op::mul(v7, a.number3);
    const f64 v11 = op::add(v9, a.number4);
    const f64 v12 = op::rsqrt(v11);
    const f64 v27 = op::mul(a.number5, v12);
    const f64 v28 = op::div(v27, v11);
    const f64 v29 = op::scale(v25, v28);
    const f64 v30 = op::scale(v29, a.number3);
    f64 k35[4];
    f64 r37 = f64(0);
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 256 + thread;
      if (k * 2 >= length) break;
      Vector<f64, 2> s0;
      #pragma unroll
      for (int e = v; e < v + 2; ++e) {
        const index j = k * 2 + (e - v), i = row * length + j;
        const f64 v23 = op::scale(k21[e], v12);
        const f64 v34 = op::scale(v30, k32[e]);
        const f64 v35 = op::add(v23, v34);
        k35[e] = v35;
        const f64 v36 = op::neg(v35);
        r37 = op::add(r37, v36);
        const f64 v14 = op::mul(k5[e], v12);
        c22[e] = op::add(c22[e], v14);
        const f64 v16 = op::mul(v14, k15[e]);
        const f64 v18 = op::add(v16, k17[e]);
        s0.at[e - v] = v18;
      }
      store(a.y3, row * length / 2 + k, s0);
    }
    r37 = reduce_group<256, 2>(r37, [](auto a, auto b) { return op::add(a, b); });
    const f64 v37 = r37;
    const f64 v38 = op::scale(v37, a.number1);
    #pragma unroll
    for (int v = 0; v < 4; v += 2) {
      const index k = v / 2 * 256 + thread;
      if (k * 2 >= length) break;
      Vector<f64, 2> s3;
      #pragma unroll
      for (int e = v; e < v + 2; ++e) {
        const index j = k * 2 + (e - v), i = row * length + j;
        const f64 v40 = op::add(k35[e], v38);
        s3.at[e - v] = v40;
      }
      store(a.y4, row * length / 2 + k, s3);
    }
  }
  combine_groups<2, 256>(c20, [](auto a, auto b) { return op::add(a, b); });
  combine_groups<2, 256>(c22, [](auto a, auto b) { return op::add(a, b); });
  if (threadIdx.x >= 256) return;
  const index line = length;
  f64* const into0 = reinterpret_cast<f64*>(a.partials3 + a.first4) + static_cast<i64>(chunk) * line;
  f64* const into1 = reinterpret_cast<f64*>(a.partials3 + a.first5) + static_cast<i64>(chunk) * line;
  #pragma unroll
  for (int v = 0; v < 4; v += 2) {
    const index k = v / 2 * 256 + thread;
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
