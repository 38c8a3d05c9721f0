// reduction, 0 in, 1 out: reduce_sum.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 length0, chunk1, chunks2, inner3, rows4;
  f64 *partials5;
  i64 first6;
  f32 *y0;
};

extern "C" __global__ void __launch_bounds__(256)
together_c7e32272ba8f69ec(const __grid_constant__ Arguments a) {
  const index length = a.length0, chunk_length = a.chunk1, chunks = a.chunks2;
  const index inner = a.inner3;
  for (index row = blockIdx.x * 256u + threadIdx.x; row < a.rows4; row += gridDim.x * 256u) {
    const index front = row / inner, column = row % inner;
    f32 r1 = f32(0);
    for (index chunk = 0; chunk < chunks; ++chunk) {
      r1 = op::add(r1, reinterpret_cast<f32*>(a.partials5 + a.first6)[(static_cast<i64>(front) * chunks + chunk) * inner + column]);
    }
    const f32 v1 = r1;
    a.y0[row] = stored_as<f32>(v1);
  }
}
