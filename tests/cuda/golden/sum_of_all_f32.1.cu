// reduction, 1 in, 1 out: reduce_sum.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, chunks1, line2;
  f64 *partials3;
  i64 first4;
  f32 *y0;
};

extern "C" __global__ void __launch_bounds__(256)
together_212395699731616e(const __grid_constant__ Arguments a) {
  const index rows = a.rows0, chunks = a.chunks1, line = a.line2;
  for (index first = blockIdx.x * 32; first < rows; first += gridDim.x * 32) {
    const index row = first + threadIdx.x % 32, end = row < rows ? chunks : 0;
    const index front = row / line, place = row % line;
    f32 r1 = f32(0);
    #pragma unroll 4
    for (index chunk = threadIdx.x / 32; chunk < end; chunk += 8) {
      r1 = op::add(r1, (reinterpret_cast<f32*>(a.partials3 + a.first4) + (static_cast<i64>(front) * chunks + chunk) * line)[place]);
    }
    combine_groups<8, 32>(r1, [](auto a, auto b) { return op::add(a, b); });
    if (threadIdx.x < 32 && row < rows) {
      const f32 v1 = r1;
      a.y0[row] = v1;
    }
  }
}
