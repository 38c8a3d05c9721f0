// pointwise, 5 in, 6 out: 21 mul, 17 add, 8 sub, 13 div, 4 square, 5 exp, sqrt, log, 4 neg, 38
// scale.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  const f64 *x0, *x1, *x2, *x3, *x4;
  f64 *y5, *y6, *y7, *y8, *y9, *y10;
  i64 count0, vectors1;
  f64 number0, number1, number2, number3, number4, number5, number6, number7, number8, number9;
  f64 number10, number11, number12, number13, number14, number15, number16, number17, number18;
  f64 number19, number20, number21, number22, number23, number24, number25, number26, number27;
  f64 number28, number29, number30, number31, number32, number33;
};

extern "C" __global__ void __launch_bounds__(256, 4)
pointwise_838e405fba708f9e(const __grid_constant__ Arguments a) {
  const index first = blockIdx.x * 256u + threadIdx.x, step = gridDim.x * 256u;
  const index count = a.count0, vectors = a.vectors1;
  const auto element = [&](f64 x0, f64 x1, f64 x2, f64 x3, f64 x4, f64& y5, f64& y6, f64& y7, f64& y8, f64& y9, f64& y10) {
    const f64 v53 = a.number0 * x1;
    const f64 v55 = v53 + a.number1;
    const f64 v56 = op::square(v55);
    const f64 v58 = v56 + a.number2;
    const f64 v59 = op::sqrt(v58);
    const f64 v60 = v55 + v59;
    const f64 v61 = op::log(v60);
    const f64 v63 = a.number3 * v61;
    const f64 v65 = v63 + a.number4;
    const f64 v28 = a.number5 * x0;
    const f64 v30 = a.number6 + v28;
    const f64 v32 = x0 - a.number7;
    const f64 v33 = v32 / v30;
    const f64 v34 = op::square(v33);
    const f64 v36 = a.number8 * v34;
    const f64 v37 = op::exp(v36);
    const f64 v85 = op::scale(a.number9, x4);
    const f64 v87 = op::scale(v85, v65);
    const f64 v90 = op::scale(v87, x3);
    const f64 v110 = op::scale(v90, a.number10);
    const f64 v111 = op::scale(v110, v37);
    const f64 v112 = op::scale(v111, a.number8);
    const f64 v113 = a.number11 * v33;
    const f64 v114 = op::scale(v112, v113);
    const f64 v115 = a.number12 / v30;
    const f64 v116 = op::scale(v114, v115);
    const f64 v43 = x0 - a.number13;
    const f64 v45 = a.number14 * v43;
    const f64 v46 = op::exp(v45);
    const f64 v107 = op::scale(v85, a.number15);
    const f64 v108 = op::scale(v107, v46);
    const f64 v109 = op::scale(v108, a.number14);
    const f64 v120 = v109 + v116;
    const f64 v117 = v33 / v30;
    const f64 v118 = -v117;
    const f64 v119 = op::scale(v114, v118);
    const f64 v121 = op::scale(v119, a.number5);
    const f64 v122 = v120 + v121;
    const f64 v15 = a.number16 * x0;
    const f64 v17 = a.number17 + v15;
    const f64 v19 = x0 - a.number18;
    const f64 v20 = v19 / v17;
    const f64 v21 = op::square(v20);
    const f64 v23 = a.number19 * v21;
    const f64 v24 = op::exp(v23);
    const f64 v123 = op::scale(v90, a.number20);
    const f64 v124 = op::scale(v123, v24);
    const f64 v125 = op::scale(v124, a.number19);
    const f64 v126 = a.number11 * v20;
    const f64 v127 = op::scale(v125, v126);
    const f64 v128 = a.number12 / v17;
    const f64 v129 = op::scale(v127, v128);
    const f64 v133 = v122 + v129;
    const f64 v130 = v20 / v17;
    const f64 v131 = -v130;
    const f64 v132 = op::scale(v127, v131);
    const f64 v134 = op::scale(v132, a.number16);
    const f64 v135 = v133 + v134;
    const f64 v136 = op::scale(v90, a.number21);
    const f64 v2 = a.number22 * x0;
    const f64 v4 = a.number23 + v2;
    const f64 v6 = x0 - a.number24;
    const f64 v7 = v6 / v4;
    const f64 v8 = op::square(v7);
    const f64 v10 = a.number25 * v8;
    const f64 v11 = op::exp(v10);
    const f64 v137 = op::scale(v136, v11);
    const f64 v138 = op::scale(v137, a.number25);
    const f64 v139 = a.number11 * v7;
    const f64 v140 = op::scale(v138, v139);
    const f64 v141 = a.number12 / v4;
    const f64 v142 = op::scale(v140, v141);
    const f64 v146 = v135 + v142;
    const f64 v143 = v7 / v4;
    const f64 v144 = -v143;
    const f64 v145 = op::scale(v140, v144);
    const f64 v147 = op::scale(v145, a.number22);
    const f64 v148 = v146 + v147;
    y10 = v148;
    const f64 v39 = a.number10 * v37;
    const f64 v26 = a.number20 * v24;
    const f64 v40 = v39 + v26;
    const f64 v13 = a.number21 * v11;
    const f64 v41 = v40 + v13;
    const f64 v77 = x3 * v41;
    const f64 v88 = op::scale(v85, v77);
    const f64 v94 = op::scale(v88, a.number3);
    const f64 v96 = a.number12 / v60;
    const f64 v97 = op::scale(v94, v96);
    const f64 v99 = a.number26 / v59;
    const f64 v100 = op::scale(v97, v99);
    const f64 v102 = a.number11 * v55;
    const f64 v103 = op::scale(v100, v102);
    const f64 v104 = v97 + v103;
    const f64 v78 = v77 * v65;
    const f64 v48 = v46 - a.number27;
    const f64 v50 = v48 / a.number28;
    const f64 v79 = v78 + v50;
    const f64 v81 = v79 * x4;
    const f64 v68 = x2 - a.number29;
    const f64 v70 = a.number30 * v68;
    const f64 v71 = op::exp(v70);
    const f64 v73 = a.number31 * v71;
    const f64 v75 = v73 - a.number32;
    const f64 v82 = v75 - v81;
    y5 = v82;
    const f64 v89 = op::scale(v87, v41);
    y7 = v89;
    const f64 v105 = op::scale(v104, a.number0);
    y9 = v105;
    const f64 v86 = op::scale(a.number9, v79);
    y6 = v86;
    const f64 v92 = op::scale(a.number33, v71);
    const f64 v93 = op::scale(v92, a.number30);
    y8 = v93;
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
