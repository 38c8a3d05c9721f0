#include "bench/by_hand/chunks.h"
#include "bench/by_hand/variant.h"

namespace tendon::bench::by_hand::TENDON_BY_HAND {

void triad(float* out, const float* left, const float* right, std::int64_t size) {
  over_chunks(size, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) out[i] = left[i] + 0.5F * right[i];
  });
}

void scale(float* in_place, std::int64_t size) {
  over_chunks(size, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) in_place[i] = 0.5F * in_place[i] + 0.25F;
  });
}

template <class T>
double multiply_add(std::int64_t steps) {
#if defined(__AVX512F__)
  constexpr int kBytes = 64;
#elif defined(__AVX__)
  constexpr int kBytes = 32;
#else
  constexpr int kBytes = 16;
#endif
  constexpr int kVectors = 12, kLanes = kBytes / static_cast<int>(sizeof(T));
  using Vector [[gnu::vector_size(kBytes)]] = T;
  volatile T sink = 0;
  std::int64_t threads = 0;
#pragma omp parallel reduction(+ : threads)
  {
    threads += 1;
    Vector sums[kVectors];  // all different, or the compiler computes one for all
    for (int i = 0; i < kVectors; ++i) sums[i] = static_cast<T>(i) - Vector{};
    const T factor_value = static_cast<T>(0.5) + sink;
    const Vector factor = factor_value - Vector{};
    for (std::int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 12
      for (Vector& sum : sums) sum = sum * factor + factor;
    }
    T total = 0;
    for (const Vector& sum : sums) total += sum[0];
    if (total == static_cast<T>(-1)) sink = total;
  }
  return 2.0 * kVectors * kLanes * static_cast<double>(steps) * static_cast<double>(threads);
}

template double multiply_add<float>(std::int64_t steps);
template double multiply_add<double>(std::int64_t steps);

}  // namespace tendon::bench::by_hand::TENDON_BY_HAND
