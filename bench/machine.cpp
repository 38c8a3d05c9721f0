#include "bench/machine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>

#include "bench/array.h"
#include "bench/by_hand/loops.h"

namespace tendon::bench {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The least time of one call, over about 50 ms.
template <class Run>
double least_time(const Run& run) {
  double best = INFINITY;
  const double end = now() + 0.05;
  int repeats = 1;
  do {
    const double begin = now();
    for (int i = 0; i < repeats; ++i) run();
    const double took = now() - begin;
    best = std::min(best, took / repeats);
    if (took < 1e-4) repeats *= 2;
  } while (now() < end);
  return best;
}

template <class T>
double measured_flop_rate() {
  constexpr int kVectors = 12, kLanes = 32 / sizeof(T), kSteps = 10000;
  using Vector [[gnu::vector_size(32)]] = T;
  volatile T sink = 0;
  std::int64_t threads = 0;
  const double time = least_time([&] {
    threads = 0;
#pragma omp parallel reduction(+ : threads)
    {
      threads += 1;
      Vector sums[kVectors];  // all different, or the compiler computes one for all
      for (int i = 0; i < kVectors; ++i) sums[i] = T(i) - Vector{};
      const T factor_value = T(0.5) + sink;
      const Vector factor = factor_value - Vector{};
      for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
        for (Vector& sum : sums) sum = sum * factor + factor;
      }
      T total = 0;
      for (const Vector& sum : sums) total += sum[0];
      if (total == T(-1)) sink = total;
    }
  });
  return 2.0 * kVectors * kLanes * kSteps * static_cast<double>(threads) / time;
}

}  // namespace

double bandwidth(double working_set_bytes) {
  static std::map<int, double> measured;  // by the power of two
  const int power = std::max(12, static_cast<int>(std::lround(std::log2(working_set_bytes))));
  if (const auto found = measured.find(power); found != measured.end()) return found->second;
  const std::int64_t size = (std::int64_t{1} << power) / 3 / 4 / 16 * 16;
  const Array a(Element::f32, {size}), b(Element::f32, {size}), c(Element::f32, {size});
  for (const Array* array : {&a, &b, &c}) std::fill_n(array->as<float>(), size, 1.0F);
  const double triad = least_time([&] {
    auto* __restrict out = a.as<float>();
    const auto* __restrict left = b.as<float>();
    const auto* __restrict right = c.as<float>();
    by_hand::over_chunks(size, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) out[i] = left[i] + 0.5F * right[i];
    });
  });
  // Large copies stream past the caches, where a loop's stores first read what they overwrite.
  const double copy = least_time([&] {
#pragma omp parallel for schedule(static)
    for (int part = 0; part < 16; ++part) {
      const std::int64_t begin = part * (size / 16);
      std::memcpy(a.as<float>() + begin, b.as<float>() + begin,
                  static_cast<std::size_t>(size / 16) * 4);
    }
  });
  const auto bytes = static_cast<double>(a.bytes());
  return measured[power] = std::max(3 * bytes / triad, 2 * bytes / copy);
}

double flop_rate(bool f64) {
  static const double rates[] = {measured_flop_rate<float>(), measured_flop_rate<double>()};
  return rates[f64 ? 1 : 0];
}

}  // namespace tendon::bench
