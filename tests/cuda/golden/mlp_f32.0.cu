// reduction, 2 in, 3 out: reduce_max, 2 sub, exp, 3 reduce_sum, log, 2 add, iota, equal, 2 where,
// neg, div, 2 scale.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  alignas(8) f32 number0;
  i64 chunk2;
  const f32 *x0, *x1;
  alignas(8) f32 number1, number2, number3;
  f32 *y2, *y3, *y4;
};

extern "C" __global__ void __launch_bounds__(384, 2)
rows_c15497bd66cb639f(const __grid_constant__ Arguments a) {
  const f32 v17 = -a.number0;
  const index length = a.length1;
  const int thread = threadIdx.x % 32;
  f32 c26[8];
  #pragma unroll
  for (int e = 0; e < 8; ++e) {
    c26[e] = f32(0);
  }
  const index chunk = blockIdx.x, first = chunk * a.chunk2;
  const index end = first + a.chunk2 < a.rows0 ? first + a.chunk2 : a.rows0;
  for (index row = first + threadIdx.x / 32; row < end; row += 12) {
    f32 k0[8];
    #pragma unroll
    for (int e = 0; e < 8; ++e) {
      const index j = e * 32 + thread, i = row * length + j;
      if (j >= length) break;
      k0[e] = a.x0[i];
    }
    const f32 v9 = a.x1[row];
    f32 k19[8];
    f32 r1 = Limits<f32>::lowest();
    f32 r14 = f32(0);
    #pragma unroll
    for (int e = 0; e < 8; ++e) {
      const index j = e * 32 + thread, i = row * length + j;
      if (j >= length) break;
      const f32 v8 = op::cast<f32>(static_cast<i64>(j));
      const boolean v11 = op::equal(v8, v9);
      const f32 v19 = op::select(v11, v17, a.number1);
      k19[e] = v19;
      r1 = op::maximum(r1, k0[e]);
      const f32 v13 = op::select(v11, k0[e], a.number2);
      r14 = op::add(r14, v13);
    }
    r1 = reduce_lanes<32>(r1, [](auto a, auto b) { return op::maximum(a, b); });
    const f32 v1 = r1;
    r14 = reduce_lanes<32>(r14, [](auto a, auto b) { return op::add(a, b); });
    const f32 v14 = r14;
    f32 k4[8];
    f32 r5 = f32(0);
    #pragma unroll
    for (int e = 0; e < 8; ++e) {
      const index j = e * 32 + thread, i = row * length + j;
      if (j >= length) break;
      const f32 v3 = k0[e] - v1;
      const f32 v4 = op::exp(v3);
      k4[e] = v4;
      r5 = op::add(r5, v4);
    }
    r5 = reduce_lanes<32>(r5, [](auto a, auto b) { return op::add(a, b); });
    const f32 v5 = r5;
    const f32 v6 = op::log(v5);
    const f32 v7 = v6 + v1;
    const f32 v15 = v7 - v14;
    const f32 v21 = a.number3 / v5;
    const f32 v22 = op::scale(a.number0, v21);
    #pragma unroll
    for (int e = 0; e < 8; ++e) {
      const index j = e * 32 + thread, i = row * length + j;
      if (j >= length) break;
      const f32 v24 = op::scale(v22, k4[e]);
      const f32 v25 = k19[e] + v24;
      c26[e] = op::add(c26[e], v25);
      a.y2[i] = v25;
    }
    if (thread == 0) {
      a.y3[row] = v15;
    }
  }
  combine_groups<12, 32>(c26, [](auto a, auto b) { return op::add(a, b); });
  if (threadIdx.x >= 32) return;
  f32* const into0 = a.y4;
  #pragma unroll
  for (int e = 0; e < 8; ++e) {
    const index j = e * 32 + thread;
    if (j >= length) break;
    into0[j] = c26[e];
  }
}
