// reduction, 1 in, 1 out: reduce_sum.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
#include "tendon/row.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 length0, chunk1, chunks2, rows3;
  const f32 *x0;
  f64 *partials4;
  i64 first5;
};

extern "C" __global__ void __launch_bounds__(256)
chunks_5c819eefb21d0a59(const __grid_constant__ Arguments a) {
  const index length = a.length0, chunk_length = a.chunk1, chunks = a.chunks2;
  const index line = 1;
  for (index unit = blockIdx.x; unit < a.rows3 * chunks; unit += gridDim.x) {
    const index row = unit / chunks, chunk = unit % chunks;
    f32 r1 = f32(0);
    const index begin = row * length + chunk * chunk_length;
    const index end = (chunk + 1 < chunks ? begin + chunk_length : (row + 1) * length);
    const auto element = [&](index i, f32 v0) {
      r1 = op::add(r1, v0);
    };
    const index vectors = end / 4;
    for (index k = begin / 4 + threadIdx.x; k < vectors; k += 1024) {
      auto x0 = load_ahead<4, 4>(a.x0, k, index(256), vectors);
      #pragma unroll 1
      for (index at = k; at < vectors && at < k + 1024; at += 256) {
        #pragma unroll
        for (int w = 0; w < 4; ++w)
          element(4 * at + w, x0.first().at[w]);
        x0.next();
      }
    }
    for (index i = vectors * 4 + threadIdx.x; i < end; i += 256)
      element(i, a.x0[i]);
    r1 = reduce_block<256>(r1, [](auto a, auto b) { return op::add(a, b); });
    if (threadIdx.x == 0) {
      (reinterpret_cast<f32*>(a.partials4 + a.first5) + (static_cast<i64>(row) * chunks + chunk) * line)[0] = r1;
    }
  }
}
