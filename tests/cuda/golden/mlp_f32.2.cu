// reduction, 2 in, 2 out: step, scale, reduce_sum.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 length0, chunk1, chunks2, line3, outer4;
  const f32 *x0, *x1;
  f32 *y2, *y3;
};

extern "C" __global__ void __launch_bounds__(256)
columns_ddeaf772af43ea0f(const __grid_constant__ Arguments a) {
  const index length = a.length0, chunk_length = a.chunk1, chunks = a.chunks2;
  const index line = a.line3, groups = (line + 31) / 32;
  for (index unit = blockIdx.x; unit < a.outer4 * chunks * groups; unit += gridDim.x) {
    const index column = unit % groups * 32 + threadIdx.x % 32, chunk = unit / groups % chunks, front = unit / groups / chunks;
    const index row = front * line + (column < line ? column : 0);
    f32 r4 = f32(0);
    const index end = (chunk + 1) * chunk_length < length ? (chunk + 1) * chunk_length : length;
    for (index j = chunk * chunk_length + threadIdx.x / 32; j < end && column < line; j += 8) {
      const index i = (front * length + j) * line + column;
      const f32 v2 = a.x0[i];
      const f32 v0 = a.x1[i];
      const f32 v1 = op::step(v0);
      const f32 v3 = op::scale(v2, v1);
      r4 = op::add(r4, v3);
      a.y2[i] = v3;
    }
    combine_groups<8, 32>(r4, [](auto a, auto b) { return op::add(a, b); });
    if (threadIdx.x < 32 && column < line) {
      const f32 v4 = r4;
      a.y3[row] = v4;
    }
  }
}
