// reduction, 1 in, 1 out: reduce_sum.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 length0, chunk1, chunks2, line3, outer4;
  const f32 *x0;
  f64 *partials5;
  i64 first6;
};

extern "C" __global__ void __launch_bounds__(256)
columns_1f4f90f1c1139dbc(const __grid_constant__ Arguments a) {
  const index length = a.length0, chunk_length = a.chunk1, chunks = a.chunks2;
  const index line = a.line3, groups = (line + 31) / 32;
  for (index unit = blockIdx.x; unit < a.outer4 * chunks * groups; unit += gridDim.x) {
    const index column = unit % groups * 32 + threadIdx.x % 32, chunk = unit / groups % chunks, front = unit / groups / chunks;
    f32 r1 = f32(0);
    const index end = (chunk + 1) * chunk_length < length ? (chunk + 1) * chunk_length : length;
    for (index j = chunk * chunk_length + threadIdx.x / 32; j < end && column < line; j += 8) {
      const index i = (front * length + j) * line + column;
      const f32 v0 = a.x0[i];
      r1 = op::add(r1, v0);
    }
    combine_groups<8, 32>(r1, [](auto a, auto b) { return op::add(a, b); });
    if (threadIdx.x < 32 && column < line) {
      (reinterpret_cast<f32*>(a.partials5 + a.first6) + (static_cast<i64>(front) * chunks + chunk) * line)[column] = r1;
    }
  }
}
