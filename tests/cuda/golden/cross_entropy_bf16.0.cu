// reduction, 2 in, 2 out: reduce_max, 2 sub, exp, 2 reduce_sum, log, iota, equal, 2 where, 2 div,
// neg, 2 scale, add.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
#include "tendon/rows_ahead.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, length1;
  alignas(8) f32 number0;
  const bf16 *x0;
  const i32 *x1;
  alignas(8) f32 number1, number2, number3;
  bf16 *y2, *y3;
};

extern "C" __global__ void __launch_bounds__(128)
rows_aa6911ff266b78b0(const __grid_constant__ Arguments a) {
  const f32 v18 = rounded<bf16>(-a.number0);
  const index length = a.length1;
  const int thread = threadIdx.x;
  const index begin = blockIdx.x, step = gridDim.x, vectors = length / 8;
  __shared__ RowsAhead<bf16, 8, 1, 4, 128> ahead0;
  const auto fetch = [&](index row, int place) {
    if (row < a.rows0) {
      #pragma unroll
      for (int v = 0; v < 8; v += 8) {
        const index k = v / 8 * 128 + thread;
        if (k * 8 >= length) break;
        ahead0.fetch(place, v / 8, a.x0, row * vectors + k);
      }
    }
    end_of_row();
  };
  #pragma unroll
  for (int n = 0; n < 4; ++n) fetch(begin + n * step, n);
  int place = 0;
  for (index row = begin; row < a.rows0; row += step) {
    await_row<3>();
    const i32 v8 = a.x1[row];
    boolean k10[8];
    f32 k20[8];
    f32 r1 = Limits<f32>::lowest();
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 128 + thread;
      if (k * 8 >= length) break;
      const auto x0 = ahead0.vector(place, v / 8);
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const i32 v7 = op::cast<i32>(static_cast<i64>(j));
        const boolean v10 = op::equal(v7, v8);
        k10[e] = v10;
        const f32 v20 = rounded<bf16>(op::select(v10, v18, a.number1));
        k20[e] = v20;
        r1 = op::maximum(r1, value_of(x0.at[e - v]));
      }
    }
    r1 = reduce_group<128, 1, 0>(r1, [](auto a, auto b) { return op::maximum(a, b); });
    const f32 v1 = rounded<bf16>(r1);
    f32 k4[8];
    f32 r5 = f32(0);
    f32 r13 = f32(0);
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 128 + thread;
      if (k * 8 >= length) break;
      const auto x0 = ahead0.vector(place, v / 8);
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v3 = rounded<bf16>(value_of(x0.at[e - v]) - v1);
        const f32 v4 = rounded<bf16>(op::exp(v3));
        k4[e] = v4;
        r5 = op::add(r5, v4);
        const f32 v12 = rounded<bf16>(op::select(k10[e], v3, a.number2));
        r13 = op::add(r13, v12);
      }
    }
    r5 = reduce_group<128, 1, 1>(r5, [](auto a, auto b) { return op::add(a, b); });
    const f32 v5 = rounded<bf16>(r5);
    r13 = reduce_group<128, 1, 2>(r13, [](auto a, auto b) { return op::add(a, b); });
    const f32 v13 = rounded<bf16>(r13);
    const f32 v6 = rounded<bf16>(op::log(v5));
    const f32 v14 = rounded<bf16>(v6 - v13);
    const f32 v21 = rounded<bf16>(a.number3 / v5);
    const f32 v22 = rounded<bf16>(op::scale(a.number0, v21));
    #pragma unroll
    for (int v = 0; v < 8; v += 8) {
      const index k = v / 8 * 128 + thread;
      if (k * 8 >= length) break;
      Vector<bf16, 8> s1;
      #pragma unroll
      for (int e = v; e < v + 8; ++e) {
        const index j = k * 8 + (e - v), i = row * length + j;
        const f32 v24 = rounded<bf16>(op::scale(v22, k4[e]));
        const f32 v25 = rounded<bf16>(k20[e] + v24);
        s1.at[e - v] = stored_as<bf16>(v25);
      }
      store(a.y2, row * length / 8 + k, s1);
    }
    if (thread == 0) {
      a.y3[row] = stored_as<bf16>(v14);
    }
    fetch(row + 4 * step, place);
    place = place == 3 ? 0 : place + 1;
  }
}
