// pointwise, 2 in, 1 out: 50 mul, 50 add.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  const f32 *x0, *x1;
  f32 *y2;
  i64 count0, vectors1;
};

extern "C" __global__ void __launch_bounds__(256)
pointwise_c278287b251f2da4(const __grid_constant__ Arguments a) {
  const index first = blockIdx.x * 256u + threadIdx.x, step = gridDim.x * 256u;
  const index count = a.count0, vectors = a.vectors1;
  const auto element = [&](f32 x0, f32 x1, f32& y2) {
    const f32 v2 = x0 * x1;
    const f32 v3 = v2 + x1;
    const f32 v4 = v3 * x1;
    const f32 v5 = v4 + x1;
    const f32 v6 = v5 * x1;
    const f32 v7 = v6 + x1;
    const f32 v8 = v7 * x1;
    const f32 v9 = v8 + x1;
    const f32 v10 = v9 * x1;
    const f32 v11 = v10 + x1;
    const f32 v12 = v11 * x1;
    const f32 v13 = v12 + x1;
    const f32 v14 = v13 * x1;
    const f32 v15 = v14 + x1;
    const f32 v16 = v15 * x1;
    const f32 v17 = v16 + x1;
    const f32 v18 = v17 * x1;
    const f32 v19 = v18 + x1;
    const f32 v20 = v19 * x1;
    const f32 v21 = v20 + x1;
    const f32 v22 = v21 * x1;
    const f32 v23 = v22 + x1;
    const f32 v24 = v23 * x1;
    const f32 v25 = v24 + x1;
    const f32 v26 = v25 * x1;
    const f32 v27 = v26 + x1;
    const f32 v28 = v27 * x1;
    const f32 v29 = v28 + x1;
    const f32 v30 = v29 * x1;
    const f32 v31 = v30 + x1;
    const f32 v32 = v31 * x1;
    const f32 v33 = v32 + x1;
    const f32 v34 = v33 * x1;
    const f32 v35 = v34 + x1;
    const f32 v36 = v35 * x1;
    const f32 v37 = v36 + x1;
    const f32 v38 = v37 * x1;
    const f32 v39 = v38 + x1;
    const f32 v40 = v39 * x1;
    const f32 v41 = v40 + x1;
    const f32 v42 = v41 * x1;
    const f32 v43 = v42 + x1;
    const f32 v44 = v43 * x1;
    const f32 v45 = v44 + x1;
    const f32 v46 = v45 * x1;
    const f32 v47 = v46 + x1;
    const f32 v48 = v47 * x1;
    const f32 v49 = v48 + x1;
    const f32 v50 = v49 * x1;
    const f32 v51 = v50 + x1;
    const f32 v52 = v51 * x1;
    const f32 v53 = v52 + x1;
    const f32 v54 = v53 * x1;
    const f32 v55 = v54 + x1;
    const f32 v56 = v55 * x1;
    const f32 v57 = v56 + x1;
    const f32 v58 = v57 * x1;
    const f32 v59 = v58 + x1;
    const f32 v60 = v59 * x1;
    const f32 v61 = v60 + x1;
    const f32 v62 = v61 * x1;
    const f32 v63 = v62 + x1;
    const f32 v64 = v63 * x1;
    const f32 v65 = v64 + x1;
    const f32 v66 = v65 * x1;
    const f32 v67 = v66 + x1;
    const f32 v68 = v67 * x1;
    const f32 v69 = v68 + x1;
    const f32 v70 = v69 * x1;
    const f32 v71 = v70 + x1;
    const f32 v72 = v71 * x1;
    const f32 v73 = v72 + x1;
    const f32 v74 = v73 * x1;
    const f32 v75 = v74 + x1;
    const f32 v76 = v75 * x1;
    const f32 v77 = v76 + x1;
    const f32 v78 = v77 * x1;
    const f32 v79 = v78 + x1;
    const f32 v80 = v79 * x1;
    const f32 v81 = v80 + x1;
    const f32 v82 = v81 * x1;
    const f32 v83 = v82 + x1;
    const f32 v84 = v83 * x1;
    const f32 v85 = v84 + x1;
    const f32 v86 = v85 * x1;
    const f32 v87 = v86 + x1;
    const f32 v88 = v87 * x1;
    const f32 v89 = v88 + x1;
    const f32 v90 = v89 * x1;
    const f32 v91 = v90 + x1;
    const f32 v92 = v91 * x1;
    const f32 v93 = v92 + x1;
    const f32 v94 = v93 * x1;
    const f32 v95 = v94 + x1;
    const f32 v96 = v95 * x1;
    const f32 v97 = v96 + x1;
    const f32 v98 = v97 * x1;
    const f32 v99 = v98 + x1;
    const f32 v100 = v99 * x1;
    const f32 v101 = v100 + x1;
    y2 = v101;
  };
  for (index k = first; k < vectors; k += 2 * step) {
    auto x0 = load_ahead<4, 2>(a.x0, k, step, vectors);
    auto x1 = load_ahead<4, 2>(a.x1, k, step, vectors);
    const index end = k + 2 * step < vectors ? k + 2 * step : vectors;
    #pragma unroll 1
    for (index at = k; at < end; at += step) {
      Vector<f32, 4> y2;
      #pragma unroll
      for (int j = 0; j < 4; ++j)
        element(x0.first().at[j], x1.first().at[j], y2.at[j]);
      store(a.y2, at, y2);
      x0.next();
      x1.next();
    }
  }
  const index rest = vectors * 4 + first;
  if (rest < count) element(a.x0[rest], a.x1[rest], a.y2[rest]);
}
