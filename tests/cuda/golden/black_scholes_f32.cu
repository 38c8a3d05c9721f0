// pointwise, 5 in, 6 out: sqrt, 16 mul, square, 12 add, 8 div, log, 2 sub, 2 erf, 8 neg, 3 exp, 25
// scale.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  const f32 *x0, *x1, *x2, *x3, *x4;
  f32 *y5, *y6, *y7, *y8, *y9, *y10;
  i64 count0, vectors1;
  alignas(8) f32 number0, number1, number2, number3, number4, number5, number6, number7, number8;
  alignas(8) f32 number9, number10, number11;
};

extern "C" __global__ void __launch_bounds__(256, 5)
pointwise_2477cd0af6c411bd(const __grid_constant__ Arguments a) {
  const index first = blockIdx.x * 256u + threadIdx.x, step = gridDim.x * 256u;
  const index count = a.count0, vectors = a.vectors1;
  const auto element = [&](f32 x0, f32 x1, f32 x2, f32 x3, f32 x4, f32& y5, f32& y6, f32& y7, f32& y8, f32& y9, f32& y10) {
    const f32 v4 = op::square(x1);
    const f32 v6 = a.number0 * v4;
    const f32 v8 = x2 + v6;
    const f32 v9 = v8 * x0;
    const f32 v12 = x3 / x4;
    const f32 v13 = op::log(v12);
    const f32 v14 = v13 + v9;
    const f32 v1 = op::sqrt(x0);
    const f32 v3 = x1 * v1;
    const f32 v15 = v14 / v3;
    const f32 v16 = v15 - v3;
    const f32 v18 = v16 * a.number1;
    const f32 v57 = v18 * v18;
    const f32 v58 = -v57;
    const f32 v59 = op::exp(v58);
    const f32 v60 = a.number2 * v59;
    const f32 v24 = x2 * x0;
    const f32 v25 = -v24;
    const f32 v26 = op::exp(v25);
    const f32 v27 = x4 * v26;
    const f32 v49 = op::scale(a.number3, v27);
    const f32 v56 = op::scale(v49, a.number4);
    const f32 v61 = op::scale(v56, v60);
    const f32 v30 = v15 * a.number5;
    const f32 v39 = v30 * v30;
    const f32 v40 = -v39;
    const f32 v41 = op::exp(v40);
    const f32 v43 = a.number2 * v41;
    const f32 v38 = op::scale(x3, a.number6);
    const f32 v44 = op::scale(v38, v43);
    const f32 v62 = op::scale(v61, a.number1);
    const f32 v45 = op::scale(v44, a.number5);
    const f32 v64 = v45 + v62;
    const f32 v68 = v15 / v3;
    const f32 v69 = -v68;
    const f32 v70 = op::scale(v64, v69);
    const f32 v63 = -v62;
    const f32 v71 = v63 + v70;
    const f32 v90 = op::scale(v71, x1);
    const f32 v93 = a.number7 / v1;
    const f32 v94 = op::scale(v90, v93);
    const f32 v66 = a.number8 / v3;
    const f32 v67 = op::scale(v64, v66);
    const f32 v82 = op::scale(v67, v8);
    const f32 v19 = op::erf(v18);
    const f32 v21 = a.number9 + v19;
    const f32 v23 = a.number4 * v21;
    const f32 v48 = op::scale(a.number3, v23);
    const f32 v51 = op::scale(v48, x4);
    const f32 v52 = op::scale(v51, v26);
    const f32 v53 = -v52;
    const f32 v55 = op::scale(v53, x2);
    const f32 v83 = v55 + v82;
    const f32 v95 = v83 + v94;
    y10 = v95;
    const f32 v87 = a.number10 * x1;
    const f32 v81 = op::scale(v67, x0);
    const f32 v85 = op::scale(v81, a.number0);
    const f32 v88 = op::scale(v85, v87);
    const f32 v89 = op::scale(v71, v1);
    const f32 v91 = v88 + v89;
    y9 = v91;
    const f32 v72 = a.number8 / v12;
    const f32 v73 = op::scale(v67, v72);
    const f32 v50 = op::scale(v48, v26);
    const f32 v76 = v12 / x4;
    const f32 v77 = -v76;
    const f32 v78 = op::scale(v73, v77);
    const f32 v80 = v50 + v78;
    y7 = v80;
    const f32 v54 = op::scale(v53, x0);
    const f32 v84 = v54 + v81;
    y8 = v84;
    const f32 v74 = a.number8 / x4;
    const f32 v75 = op::scale(v73, v74);
    const f32 v28 = v27 * v23;
    const f32 v31 = op::erf(v30);
    const f32 v33 = a.number11 + v31;
    const f32 v35 = a.number6 * v33;
    const f32 v79 = v35 + v75;
    y6 = v79;
    const f32 v36 = x3 * v35;
    const f32 v37 = v36 - v28;
    y5 = v37;
  };
  __shared__ Parked<f32, 6, 4, 256> parked;
  for (index k = first; 4 * k < count; k += step) {
    if (k < vectors) {
      const auto x0 = load<4>(a.x0, k);
      const auto x1 = load<4>(a.x1, k);
      const auto x2 = load<4>(a.x2, k);
      const auto x3 = load<4>(a.x3, k);
      const auto x4 = load<4>(a.x4, k);
      parked.put(0, x0);
      parked.put(1, x1);
      parked.put(2, x2);
      parked.put(3, x3);
      parked.put(4, x4);
    } else {
      #pragma unroll 1
      for (int j = 0; 4 * k + j < count; ++j) {
        parked.at(0, j) = a.x0[4 * k + j];
        parked.at(1, j) = a.x1[4 * k + j];
        parked.at(2, j) = a.x2[4 * k + j];
        parked.at(3, j) = a.x3[4 * k + j];
        parked.at(4, j) = a.x4[4 * k + j];
      }
    }
    #pragma unroll 1
    for (int j = 0; j < 4 && 4 * k + j < count; ++j)
      element(parked.at(0, j), parked.at(1, j), parked.at(2, j), parked.at(3, j), parked.at(4, j), parked.at(0, j), parked.at(1, j), parked.at(2, j), parked.at(3, j), parked.at(4, j), parked.at(5, j));
    if (k < vectors) {
      store(a.y5, k, parked.take(0));
      store(a.y6, k, parked.take(1));
      store(a.y7, k, parked.take(2));
      store(a.y8, k, parked.take(3));
      store(a.y9, k, parked.take(4));
      store(a.y10, k, parked.take(5));
    } else {
      #pragma unroll 1
      for (int j = 0; 4 * k + j < count; ++j) {
        a.y5[4 * k + j] = parked.at(0, j);
        a.y6[4 * k + j] = parked.at(1, j);
        a.y7[4 * k + j] = parked.at(2, j);
        a.y8[4 * k + j] = parked.at(3, j);
        a.y9[4 * k + j] = parked.at(4, j);
        a.y10[4 * k + j] = parked.at(5, j);
      }
    }
  }
}
