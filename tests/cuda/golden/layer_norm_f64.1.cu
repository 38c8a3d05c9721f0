// reduction, 3 in, 4 out: 6 reduce_sum, 6 mul, sub, square, 4 add, rsqrt, 7 scale, div, neg.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 rows0, chunks1, line2;
  f64 *partials3;
  i64 first4, first5;
  f64 *y0, *y1;
};

extern "C" __global__ void __launch_bounds__(256)
together_71df59d549dc2e78(const __grid_constant__ Arguments a) {
  const index rows = a.rows0, chunks = a.chunks1, line = a.line2;
  for (index first = blockIdx.x * 32; first < rows; first += gridDim.x * 32) {
    const index row = first + threadIdx.x % 32, end = row < rows ? chunks : 0;
    f64 r20 = f64(0);
    f64 r22 = f64(0);
    #pragma unroll 4
    for (index chunk = threadIdx.x / 32; chunk < end; chunk += 8) {
      r20 = op::add(r20, (reinterpret_cast<f64*>(a.partials3 + a.first4) + static_cast<i64>(chunk) * line)[row]);
      r22 = op::add(r22, (reinterpret_cast<f64*>(a.partials3 + a.first5) + static_cast<i64>(chunk) * line)[row]);
    }
    combine_groups<8, 32>(r20, [](auto a, auto b) { return op::add(a, b); });
    combine_groups<8, 32>(r22, [](auto a, auto b) { return op::add(a, b); });
    if (threadIdx.x < 32 && row < rows) {
      const f64 v20 = r20;
      const f64 v22 = r22;
      a.y0[row] = v20;
      a.y1[row] = v22;
    }
  }
}
