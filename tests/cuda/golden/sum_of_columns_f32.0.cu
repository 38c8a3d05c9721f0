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
columns_04359cd8ec20bfc6(const __grid_constant__ Arguments a) {
  const index length = a.length0, chunk_length = a.chunk1, chunks = a.chunks2;
  const index vectors = a.line3 / 4, groups = (vectors + 31) / 32;
  for (index unit = blockIdx.x; unit < a.outer4 * chunks * groups; unit += gridDim.x) {
    const index k = unit % groups * 32 + threadIdx.x % 32, chunk = unit / groups % chunks, front = unit / groups / chunks;
    f32 r1[4];
    for (int w = 0; w < 4; ++w) r1[w] = f32(0);
    const index begin = front * length + chunk * chunk_length;
    const index end = chunk + 1 < chunks ? begin + chunk_length : (front + 1) * length;
    for (index first = begin + threadIdx.x / 32; first < end && k < vectors; first += 32) {
      auto x0 = load_ahead<4, 4>(a.x0, first * vectors + k, 8 * vectors, end * vectors);
      #pragma unroll 1
      for (index at = first; at < end && at < first + 32; at += 8) {
        #pragma unroll
        for (int w = 0; w < 4; ++w) {
          const index i = (at * vectors + k) * 4 + w;
          r1[w] = op::add(r1[w], x0.first().at[w]);
        }
        x0.next();
      }
    }
    combine_groups<8, 32>(r1, [](auto a, auto b) { return op::add(a, b); });
    if (threadIdx.x < 32 && k < vectors) {
      const index line = vectors * 4;
      Vector<f32, 4> s1;
      for (int w = 0; w < 4; ++w) s1.at[w] = r1[w];
      store(reinterpret_cast<f32*>(a.partials5 + a.first6) + (static_cast<i64>(front) * chunks + chunk) * line, k, s1);
    }
  }
}
