// pointwise, 5 in, 6 out: sqrt, 14 mul, square, 12 add, 8 div, log, 2 sub, 2 erf, 6 neg, exp, 25
// scale, 2 exp_minus_square.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  const f64 *x0, *x1, *x2, *x3, *x4;
  f64 *y5, *y6, *y7, *y8, *y9, *y10;
  i64 count0, vectors1;
  f64 number0, number1, number2, number3, number4, number5, number6, number7, number8, number9;
  f64 number10, number11;
};

extern "C" __global__ void __launch_bounds__(256, 4)
pointwise_3f3567175959a38a(const __grid_constant__ Arguments a) {
  const index first = blockIdx.x * 256u + threadIdx.x, step = gridDim.x * 256u;
  const index count = a.count0, vectors = a.vectors1;
  const auto element = [&](f64 x0, f64 x1, f64 x2, f64 x3, f64 x4, f64& y5, f64& y6, f64& y7, f64& y8, f64& y9, f64& y10) {
    const f64 v4 = op::square(x1);
    const f64 v6 = a.number0 * v4;
    const f64 v8 = x2 + v6;
    const f64 v9 = v8 * x0;
    const f64 v12 = x3 / x4;
    const f64 v13 = op::log(v12);
    const f64 v14 = v13 + v9;
    const f64 v1 = op::sqrt(x0);
    const f64 v3 = x1 * v1;
    const f64 v15 = v14 / v3;
    const f64 v16 = v15 - v3;
    const f64 v18 = v16 * a.number1;
    const f64 v55 = op::exp_minus_square(v18);
    const f64 v56 = a.number2 * v55;
    const f64 v24 = x2 * x0;
    const f64 v25 = -v24;
    const f64 v26 = op::exp(v25);
    const f64 v27 = x4 * v26;
    const f64 v47 = op::scale(a.number3, v27);
    const f64 v54 = op::scale(v47, a.number4);
    const f64 v57 = op::scale(v54, v56);
    const f64 v30 = v15 * a.number5;
    const f64 v39 = op::exp_minus_square(v30);
    const f64 v41 = a.number2 * v39;
    const f64 v38 = op::scale(x3, a.number6);
    const f64 v42 = op::scale(v38, v41);
    const f64 v58 = op::scale(v57, a.number1);
    const f64 v43 = op::scale(v42, a.number5);
    const f64 v60 = v43 + v58;
    const f64 v64 = v15 / v3;
    const f64 v65 = -v64;
    const f64 v66 = op::scale(v60, v65);
    const f64 v59 = -v58;
    const f64 v67 = v59 + v66;
    const f64 v86 = op::scale(v67, x1);
    const f64 v89 = a.number7 / v1;
    const f64 v90 = op::scale(v86, v89);
    const f64 v62 = a.number8 / v3;
    const f64 v63 = op::scale(v60, v62);
    const f64 v19 = op::erf(v18);
    const f64 v21 = a.number9 + v19;
    const f64 v23 = a.number4 * v21;
    const f64 v46 = op::scale(a.number3, v23);
    const f64 v49 = op::scale(v46, x4);
    const f64 v50 = op::scale(v49, v26);
    const f64 v51 = -v50;
    const f64 v53 = op::scale(v51, x2);
    const f64 v78 = op::scale(v63, v8);
    const f64 v79 = v53 + v78;
    const f64 v91 = v79 + v90;
    y10 = v91;
    const f64 v83 = a.number10 * x1;
    const f64 v77 = op::scale(v63, x0);
    const f64 v81 = op::scale(v77, a.number0);
    const f64 v84 = op::scale(v81, v83);
    const f64 v85 = op::scale(v67, v1);
    const f64 v87 = v84 + v85;
    y9 = v87;
    const f64 v52 = op::scale(v51, x0);
    const f64 v80 = v52 + v77;
    y8 = v80;
    const f64 v68 = a.number8 / v12;
    const f64 v69 = op::scale(v63, v68);
    const f64 v48 = op::scale(v46, v26);
    const f64 v72 = v12 / x4;
    const f64 v73 = -v72;
    const f64 v74 = op::scale(v69, v73);
    const f64 v76 = v48 + v74;
    y7 = v76;
    const f64 v70 = a.number8 / x4;
    const f64 v71 = op::scale(v69, v70);
    const f64 v28 = v27 * v23;
    const f64 v31 = op::erf(v30);
    const f64 v33 = a.number11 + v31;
    const f64 v35 = a.number6 * v33;
    const f64 v75 = v35 + v71;
    y6 = v75;
    const f64 v36 = x3 * v35;
    const f64 v37 = v36 - v28;
    y5 = v37;
  };
  __shared__ Parked<f64, 6, 2, 256> parked;
  for (index k = first; 2 * k < count; k += step) {
    if (k < vectors) {
      const auto x0 = load<2>(a.x0, k);
      const auto x1 = load<2>(a.x1, k);
      const auto x2 = load<2>(a.x2, k);
      const auto x3 = load<2>(a.x3, k);
      const auto x4 = load<2>(a.x4, k);
      parked.put(0, x0);
      parked.put(1, x1);
      parked.put(2, x2);
      parked.put(3, x3);
      parked.put(4, x4);
    } else {
      #pragma unroll 1
      for (int j = 0; 2 * k + j < count; ++j) {
        parked.at(0, j) = a.x0[2 * k + j];
        parked.at(1, j) = a.x1[2 * k + j];
        parked.at(2, j) = a.x2[2 * k + j];
        parked.at(3, j) = a.x3[2 * k + j];
        parked.at(4, j) = a.x4[2 * k + j];
      }
    }
    #pragma unroll 1
    for (int j = 0; j < 2 && 2 * k + j < count; ++j)
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
      for (int j = 0; 2 * k + j < count; ++j) {
        a.y5[2 * k + j] = parked.at(0, j);
        a.y6[2 * k + j] = parked.at(1, j);
        a.y7[2 * k + j] = parked.at(2, j);
        a.y8[2 * k + j] = parked.at(3, j);
        a.y9[2 * k + j] = parked.at(4, j);
        a.y10[2 * k + j] = parked.at(5, j);
      }
    }
  }
}
