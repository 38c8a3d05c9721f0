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
pointwise_2e48c2953964472c(const __grid_constant__ Arguments a) {
  const index first = blockIdx.x * 256u + threadIdx.x, step = gridDim.x * 256u;
  const index count = a.count0, vectors = a.vectors1;
  const auto element = [&](f32 x0, f32 x1, f32& y2) {
    const f32 v2 = op::mul(x0, x1);
    const f32 v3 = op::add(v2, x1);
    const f32 v4 = op::mul(v3, x1);
    const f32 v5 = op::add(v4, x1);
    const f32 v6 = op::mul(v5, x1);
    const f32 v7 = op::add(v6, x1);
    const f32 v8 = op::mul(v7, x1);
    const f32 v9 = op::add(v8, x1);
    const f32 v10 = op::mul(v9, x1);
    const f32 v11 = op::add(v10, x1);
    const f32 v12 = op::mul(v11, x1);
    const f32 v13 = op::add(v12, x1);
    const f32 v14 = op::mul(v13, x1);
    const f32 v15 = op::add(v14, x1);
    const f32 v16 = op::mul(v15, x1);
    const f32 v17 = op::add(v16, x1);
    const f32 v18 = op::mul(v17, x1);
    const f32 v19 = op::add(v18, x1);
    const f32 v20 = op::mul(v19, x1);
    const f32 v21 = op::add(v20, x1);
    const f32 v22 = op::mul(v21, x1);
    const f32 v23 = op::add(v22, x1);
    const f32 v24 = op::mul(v23, x1);
    const f32 v25 = op::add(v24, x1);
    const f32 v26 = op::mul(v25, x1);
    const f32 v27 = op::add(v26, x1);
    const f32 v28 = op::mul(v27, x1);
    const f32 v29 = op::add(v28, x1);
    const f32 v30 = op::mul(v29, x1);
    const f32 v31 = op::add(v30, x1);
    const f32 v32 = op::mul(v31, x1);
    const f32 v33 = op::add(v32, x1);
    const f32 v34 = op::mul(v33, x1);
    const f32 v35 = op::add(v34, x1);
    const f32 v36 = op::mul(v35, x1);
    const f32 v37 = op::add(v36, x1);
    const f32 v38 = op::mul(v37, x1);
    const f32 v39 = op::add(v38, x1);
    const f32 v40 = op::mul(v39, x1);
    const f32 v41 = op::add(v40, x1);
    const f32 v42 = op::mul(v41, x1);
    const f32 v43 = op::add(v42, x1);
    const f32 v44 = op::mul(v43, x1);
    const f32 v45 = op::add(v44, x1);
    const f32 v46 = op::mul(v45, x1);
    const f32 v47 = op::add(v46, x1);
    const f32 v48 = op::mul(v47, x1);
    const f32 v49 = op::add(v48, x1);
    const f32 v50 = op::mul(v49, x1);
    const f32 v51 = op::add(v50, x1);
    const f32 v52 = op::mul(v51, x1);
    const f32 v53 = op::add(v52, x1);
    const f32 v54 = op::mul(v53, x1);
    const f32 v55 = op::add(v54, x1);
    const f32 v56 = op::mul(v55, x1);
    const f32 v57 = op::add(v56, x1);
    const f32 v58 = op::mul(v57, x1);
    const f32 v59 = op::add(v58, x1);
    const f32 v60 = op::mul(v59, x1);
    const f32 v61 = op::add(v60, x1);
    const f32 v62 = op::mul(v61, x1);
    const f32 v63 = op::add(v62, x1);
    const f32 v64 = op::mul(v63, x1);
    const f32 v65 = op::add(v64, x1);
    const f32 v66 = op::mul(v65, x1);
    const f32 v67 = op::add(v66, x1);
    const f32 v68 = op::mul(v67, x1);
    const f32 v69 = op::add(v68, x1);
    const f32 v70 = op::mul(v69, x1);
    const f32 v71 = op::add(v70, x1);
    const f32 v72 = op::mul(v71, x1);
    const f32 v73 = op::add(v72, x1);
    const f32 v74 = op::mul(v73, x1);
    const f32 v75 = op::add(v74, x1);
    const f32 v76 = op::mul(v75, x1);
    const f32 v77 = op::add(v76, x1);
    const f32 v78 = op::mul(v77, x1);
    const f32 v79 = op::add(v78, x1);
    const f32 v80 = op::mul(v79, x1);
    const f32 v81 = op::add(v80, x1);
    const f32 v82 = op::mul(v81, x1);
    const f32 v83 = op::add(v82, x1);
    const f32 v84 = op::mul(v83, x1);
    const f32 v85 = op::add(v84, x1);
    const f32 v86 = op::mul(v85, x1);
    const f32 v87 = op::add(v86, x1);
    const f32 v88 = op::mul(v87, x1);
    const f32 v89 = op::add(v88, x1);
    const f32 v90 = op::mul(v89, x1);
    const f32 v91 = op::add(v90, x1);
    const f32 v92 = op::mul(v91, x1);
    const f32 v93 = op::add(v92, x1);
    const f32 v94 = op::mul(v93, x1);
    const f32 v95 = op::add(v94, x1);
    const f32 v96 = op::mul(v95, x1);
    const f32 v97 = op::add(v96, x1);
    const f32 v98 = op::mul(v97, x1);
    const f32 v99 = op::add(v98, x1);
    const f32 v100 = op::mul(v99, x1);
    const f32 v101 = op::add(v100, x1);
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
