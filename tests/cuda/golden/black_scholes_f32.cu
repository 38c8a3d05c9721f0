// pointwise, 5 in, 6 out: sqrt, 14 mul, square, 12 add, 8 div, log, 2 sub, 2 erf, 6 neg, exp, 25
// scale, 2 exp_minus_square.
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
pointwise_2b275f3e9e08313f(const __grid_constant__ Arguments a) {
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
    const f32 v55 = op::exp_minus_square(v18);
    const f32 v56 = a.number2 * v55;
    const f32 v24 = x2 * x0;
    const f32 v25 = -v24;
    const f32 v26 = op::exp(v25);
    const f32 v27 = x4 * v26;
    const f32 v47 = op::scale(a.number3, v27);
    const f32 v54 = op::scale(v47, a.number4);
    const f32 v57 = op::scale(v54, v56);
    const f32 v30 = v15 * a.number5;
    const f32 v39 = op::exp_minus_square(v30);
    const f32 v41 = a.number2 * v39;
    const f32 v38 = op::scale(x3, a.number6);
    const f32 v42 = op::scale(v38, v41);
    const f32 v58 = op::scale(v57, a.number1);
    const f32 v43 = op::scale(v42, a.number5);
    const f32 v60 = v43 + v58;
    const f32 v64 = v15 / v3;
    const f32 v65 = -v64;
    const f32 v66 = op::scale(v60, v65);
    const f32 v59 = -v58;
    const f32 v67 = v59 + v66;
    const f32 v86 = op::scale(v67, x1);
    const f32 v89 = a.number7 / v1;
    const f32 v90 = op::scale(v86, v89);
    const f32 v62 = a.number8 / v3;
    const f32 v63 = op::scale(v60, v62);
    const f32 v19 = op::erf(v18);
    const f32 v21 = a.number9 + v19;
    const f32 v23 = a.number4 * v21;
    const f32 v46 = op::scale(a.number3, v23);
    const f32 v49 = op::scale(v46, x4);
    const f32 v50 = op::scale(v49, v26);
    const f32 v51 = -v50;
    const f32 v53 = op::scale(v51, x2);
    const f32 v78 = op::scale(v63, v8);
    const f32 v79 = v53 + v78;
    const f32 v91 = v79 + v90;
    y10 = v91;
    const f32 v83 = a.number10 * x1;
    const f32 v77 = op::scale(v63, x0);
    const f32 v81 = op::scale(v77, a.number0);
    const f32 v84 = op::scale(v81, v83);
    const f32 v85 = op::scale(v67, v1);
    const f32 v87 = v84 + v85;
    y9 = v87;
    const f32 v52 = op::scale(v51, x0);
    const f32 v80 = v52 + v77;
    y8 = v80;
    const f32 v68 = a.number8 / v12;
    const f32 v69 = op::scale(v63, v68);
    const f32 v48 = op::scale(v46, v26);
    const f32 v72 = v12 / x4;
    const f32 v73 = -v72;
    const f32 v74 = op::scale(v69, v73);
    const f32 v76 = v48 + v74;
    y7 = v76;
    const f32 v70 = a.number8 / x4;
    const f32 v71 = op::scale(v69, v70);
    const f32 v28 = v27 * v23;
    const f32 v31 = op::erf(v30);
    const f32 v33 = a.number11 + v31;
    const f32 v35 = a.number6 * v33;
    const f32 v75 = v35 + v71;
    y6 = v75;
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
