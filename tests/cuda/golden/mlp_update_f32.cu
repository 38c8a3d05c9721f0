// multi, 24 in, 18 out: 42 mul, 18 add, 6 square, 6 sqrt, 6 div, 6 sub.
#include "tendon/memory.cuh"
#include "tendon/ops.cuh"
using namespace tendon;
using index = u32;

struct Arguments {
  i64 begin0, blocks1;
  const f32 *x0, *x1, *x2, *x3;
  f32 *y4, *y5, *y6;
  i64 count2, vectors3;
  alignas(8) f32 number0, number1, number2, number3, number4, number5, number6, number7;
  i64 begin4, blocks5;
  const f32 *x7, *x8, *x9, *x10;
  f32 *y11, *y12, *y13;
  i64 count6, vectors7;
  alignas(8) f32 number8, number9, number10, number11, number12, number13, number14, number15;
  i64 begin8, blocks9;
  const f32 *x14, *x15, *x16, *x17;
  f32 *y18, *y19, *y20;
  i64 count10, vectors11;
  alignas(8) f32 number16, number17, number18, number19, number20, number21, number22, number23;
  i64 begin12, blocks13;
  const f32 *x21, *x22, *x23, *x24;
  f32 *y25, *y26, *y27;
  i64 count14, vectors15;
  alignas(8) f32 number24, number25, number26, number27, number28, number29, number30, number31;
  i64 begin16, blocks17;
  const f32 *x28, *x29, *x30, *x31;
  f32 *y32, *y33, *y34;
  i64 count18, vectors19;
  alignas(8) f32 number32, number33, number34, number35, number36, number37, number38, number39;
  i64 begin20, blocks21;
  const f32 *x35, *x36, *x37, *x38;
  f32 *y39, *y40, *y41;
  i64 count22, vectors23;
  alignas(8) f32 number40, number41, number42, number43, number44, number45, number46, number47;
};

extern "C" __global__ void __launch_bounds__(256)
multi_4f983461b180f739(const __grid_constant__ Arguments a) {
  if (blockIdx.x >= a.begin0 && blockIdx.x < a.begin0 + a.blocks1) {
    const index first = static_cast<index>((blockIdx.x - a.begin0) * 256 + threadIdx.x), step = static_cast<index>(a.blocks1 * 256);
    const index count = a.count2, vectors = a.vectors3;
    const auto element = [&](f32 x0, f32 x1, f32 x2, f32 x3, f32& y4, f32& y5, f32& y6) {
      const f32 v7 = op::square(x0);
      const f32 v9 = op::mul(v7, a.number0);
      const f32 v12 = op::mul(x2, a.number1);
      const f32 v13 = op::add(v12, v9);
      y5 = v13;
      const f32 v5 = op::mul(x1, a.number2);
      const f32 v2 = op::mul(x0, a.number3);
      const f32 v6 = op::add(v5, v2);
      y4 = v6;
      const f32 v15 = op::mul(v13, a.number4);
      const f32 v16 = op::sqrt(v15);
      const f32 v18 = op::add(v16, a.number5);
      const f32 v20 = op::mul(v6, a.number6);
      const f32 v22 = op::mul(v20, a.number7);
      const f32 v23 = op::div(v22, v18);
      const f32 v25 = op::sub(x3, v23);
      y6 = v25;
    };
    for (index k = first; k < vectors; k += step) {
      const auto x0 = load<4>(a.x0, k);
      const auto x1 = load<4>(a.x1, k);
      const auto x2 = load<4>(a.x2, k);
      const auto x3 = load<4>(a.x3, k);
      Vector<f32, 4> y4, y5, y6;
      #pragma unroll
      for (int j = 0; j < 4; ++j)
        element(x0.at[j], x1.at[j], x2.at[j], x3.at[j], y4.at[j], y5.at[j], y6.at[j]);
      store(a.y4, k, y4);
      store(a.y5, k, y5);
      store(a.y6, k, y6);
    }
    const index rest = vectors * 4 + first;
    if (rest < count) element(a.x0[rest], a.x1[rest], a.x2[rest], a.x3[rest], a.y4[rest], a.y5[rest], a.y6[rest]);
    return;
  }
  if (blockIdx.x >= a.begin4 && blockIdx.x < a.begin4 + a.blocks5) {
    const index first = static_cast<index>((blockIdx.x - a.begin4) * 256 + threadIdx.x), step = static_cast<index>(a.blocks5 * 256);
    const index count = a.count6, vectors = a.vectors7;
    const auto element = [&](f32 x7, f32 x8, f32 x9, f32 x10, f32& y11, f32& y12, f32& y13) {
      const f32 v7 = op::square(x7);
      const f32 v9 = op::mul(v7, a.number8);
      const f32 v12 = op::mul(x9, a.number9);
      const f32 v13 = op::add(v12, v9);
      y12 = v13;
      const f32 v5 = op::mul(x8, a.number10);
      const f32 v2 = op::mul(x7, a.number11);
      const f32 v6 = op::add(v5, v2);
      y11 = v6;
      const f32 v15 = op::mul(v13, a.number12);
      const f32 v16 = op::sqrt(v15);
      const f32 v18 = op::add(v16, a.number13);
      const f32 v20 = op::mul(v6, a.number14);
      const f32 v22 = op::mul(v20, a.number15);
      const f32 v23 = op::div(v22, v18);
      const f32 v25 = op::sub(x10, v23);
      y13 = v25;
    };
    for (index k = first; k < vectors; k += step) {
      const auto x7 = load<4>(a.x7, k);
      const auto x8 = load<4>(a.x8, k);
      const auto x9 = load<4>(a.x9, k);
      const auto x10 = load<4>(a.x10, k);
      Vector<f32, 4> y11, y12, y13;
      #pragma unroll
      for (int j = 0; j < 4; ++j)
        element(x7.at[j], x8.at[j], x9.at[j], x10.at[j], y11.at[j], y12.at[j], y13.at[j]);
      store(a.y11, k, y11);
      store(a.y12, k, y12);
      store(a.y13, k, y13);
    }
    const index rest = vectors * 4 + first;
    if (rest < count) element(a.x7[rest], a.x8[rest], a.x9[rest], a.x10[rest], a.y11[rest], a.y12[rest], a.y13[rest]);
    return;
  }
  if (blockIdx.x >= a.begin8 && blockIdx.x < a.begin8 + a.blocks9) {
    const index first = static_cast<index>((blockIdx.x - a.begin8) * 256 + threadIdx.x), step = static_cast<index>(a.blocks9 * 256);
    const index count = a.count10, vectors = a.vectors11;
    const auto element = [&](f32 x14, f32 x15, f32 x16, f32 x17, f32& y18, f32& y19, f32& y20) {
      const f32 v7 = op::square(x14);
      const f32 v9 = op::mul(v7, a.number16);
      const f32 v12 = op::mul(x16, a.number17);
      const f32 v13 = op::add(v12, v9);
      y19 = v13;
      const f32 v5 = op::mul(x15, a.number18);
      const f32 v2 = op::mul(x14, a.number19);
      const f32 v6 = op::add(v5, v2);
      y18 = v6;
      const f32 v15 = op::mul(v13, a.number20);
      const f32 v16 = op::sqrt(v15);
      const f32 v18 = op::add(v16, a.number21);
      const f32 v20 = op::mul(v6, a.number22);
      const f32 v22 = op::mul(v20, a.number23);
      const f32 v23 = op::div(v22, v18);
      const f32 v25 = op::sub(x17, v23);
      y20 = v25;
    };
    for (index k = first; k < vectors; k += step) {
      const auto x14 = load<4>(a.x14, k);
      const auto x15 = load<4>(a.x15, k);
      const auto x16 = load<4>(a.x16, k);
      const auto x17 = load<4>(a.x17, k);
      Vector<f32, 4> y18, y19, y20;
      #pragma unroll
      for (int j = 0; j < 4; ++j)
        element(x14.at[j], x15.at[j], x16.at[j], x17.at[j], y18.at[j], y19.at[j], y20.at[j]);
      store(a.y18, k, y18);
      store(a.y19, k, y19);
      store(a.y20, k, y20);
    }
    const index rest = vectors * 4 + first;
    if (rest < count) element(a.x14[rest], a.x15[rest], a.x16[rest], a.x17[rest], a.y18[rest], a.y19[rest], a.y20[rest]);
    return;
  }
  if (blockIdx.x >= a.begin12 && blockIdx.x < a.begin12 + a.blocks13) {
    const index first = static_cast<index>((blockIdx.x - a.begin12) * 256 + threadIdx.x), step = static_cast<index>(a.blocks13 * 256);
    const index count = a.count14, vectors = a.vectors15;
    const auto element = [&](f32 x21, f32 x22, f32 x23, f32 x24, f32& y25, f32& y26, f32& y27) {
      const f32 v7 = op::square(x21);
      const f32 v9 = op::mul(v7, a.number24);
      const f32 v12 = op::mul(x23, a.number25);
      const f32 v13 = op::add(v12, v9);
      y26 = v13;
      const f32 v5 = op::mul(x22, a.number26);
      const f32 v2 = op::mul(x21, a.number27);
      const f32 v6 = op::add(v5, v2);
      y25 = v6;
      const f32 v15 = op::mul(v13, a.number28);
      const f32 v16 = op::sqrt(v15);
      const f32 v18 = op::add(v16, a.number29);
      const f32 v20 = op::mul(v6, a.number30);
      const f32 v22 = op::mul(v20, a.number31);
      const f32 v23 = op::div(v22, v18);
      const f32 v25 = op::sub(x24, v23);
      y27 = v25;
    };
    for (index k = first; k < vectors; k += step) {
      const auto x21 = load<4>(a.x21, k);
      const auto x22 = load<4>(a.x22, k);
      const auto x23 = load<4>(a.x23, k);
      const auto x24 = load<4>(a.x24, k);
      Vector<f32, 4> y25, y26, y27;
      #pragma unroll
      for (int j = 0; j < 4; ++j)
        element(x21.at[j], x22.at[j], x23.at[j], x24.at[j], y25.at[j], y26.at[j], y27.at[j]);
      store(a.y25, k, y25);
      store(a.y26, k, y26);
      store(a.y27, k, y27);
    }
    const index rest = vectors * 4 + first;
    if (rest < count) element(a.x21[rest], a.x22[rest], a.x23[rest], a.x24[rest], a.y25[rest], a.y26[rest], a.y27[rest]);
    return;
  }
  if (blockIdx.x >= a.begin16 && blockIdx.x < a.begin16 + a.blocks17) {
    const index first = static_cast<index>((blockIdx.x - a.begin16) * 256 + threadIdx.x), step = static_cast<index>(a.blocks17 * 256);
    const index count = a.count18, vectors = a.vectors19;
    const auto element = [&](f32 x28, f32 x29, f32 x30, f32 x31, f32& y32, f32& y33, f32& y34) {
      const f32 v7 = op::square(x28);
      const f32 v9 = op::mul(v7, a.number32);
      const f32 v12 = op::mul(x30, a.number33);
      const f32 v13 = op::add(v12, v9);
      y33 = v13;
      const f32 v5 = op::mul(x29, a.number34);
      const f32 v2 = op::mul(x28, a.number35);
      const f32 v6 = op::add(v5, v2);
      y32 = v6;
      const f32 v15 = op::mul(v13, a.number36);
      const f32 v16 = op::sqrt(v15);
      const f32 v18 = op::add(v16, a.number37);
      const f32 v20 = op::mul(v6, a.number38);
      const f32 v22 = op::mul(v20, a.number39);
      const f32 v23 = op::div(v22, v18);
      const f32 v25 = op::sub(x31, v23);
      y34 = v25;
    };
    for (index k = first; k < vectors; k += step) {
      const auto x28 = load<4>(a.x28, k);
      const auto x29 = load<4>(a.x29, k);
      const auto x30 = load<4>(a.x30, k);
      const auto x31 = load<4>(a.x31, k);
      Vector<f32, 4> y32, y33, y34;
      #pragma unroll
      for (int j = 0; j < 4; ++j)
        element(x28.at[j], x29.at[j], x30.at[j], x31.at[j], y32.at[j], y33.at[j], y34.at[j]);
      store(a.y32, k, y32);
      store(a.y33, k, y33);
      store(a.y34, k, y34);
    }
    const index rest = vectors * 4 + first;
    if (rest < count) element(a.x28[rest], a.x29[rest], a.x30[rest], a.x31[rest], a.y32[rest], a.y33[rest], a.y34[rest]);
    return;
  }
  if (blockIdx.x >= a.begin20 && blockIdx.x < a.begin20 + a.blocks21) {
    const index first = static_cast<index>((blockIdx.x - a.begin20) * 256 + threadIdx.x), step = static_cast<index>(a.blocks21 * 256);
    const index count = a.count22, vectors = a.vectors23;
    const auto element = [&](f32 x35, f32 x36, f32 x37, f32 x38, f32& y39, f32& y40, f32& y41) {
      const f32 v7 = op::square(x35);
      const f32 v9 = op::mul(v7, a.number40);
      const f32 v12 = op::mul(x37, a.number41);
      const f32 v13 = op::add(v12, v9);
      y40 = v13;
      const f32 v5 = op::mul(x36, a.number42);
      const f32 v2 = op::mul(x35, a.number43);
      const f32 v6 = op::add(v5, v2);
      y39 = v6;
      const f32 v15 = op::mul(v13, a.number44);
      const f32 v16 = op::sqrt(v15);
      const f32 v18 = op::add(v16, a.number45);
      const f32 v20 = op::mul(v6, a.number46);
      const f32 v22 = op::mul(v20, a.number47);
      const f32 v23 = op::div(v22, v18);
      const f32 v25 = op::sub(x38, v23);
      y41 = v25;
    };
    for (index k = first; k < vectors; k += step) {
      const auto x35 = load<4>(a.x35, k);
      const auto x36 = load<4>(a.x36, k);
      const auto x37 = load<4>(a.x37, k);
      const auto x38 = load<4>(a.x38, k);
      Vector<f32, 4> y39, y40, y41;
      #pragma unroll
      for (int j = 0; j < 4; ++j)
        element(x35.at[j], x36.at[j], x37.at[j], x38.at[j], y39.at[j], y40.at[j], y41.at[j]);
      store(a.y39, k, y39);
      store(a.y40, k, y40);
      store(a.y41, k, y41);
    }
    const index rest = vectors * 4 + first;
    if (rest < count) element(a.x35[rest], a.x36[rest], a.x37[rest], a.x38[rest], a.y39[rest], a.y40[rest], a.y41[rest]);
    return;
  }
}
