#include "bench/machine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>

#include "bench/by_hand/by_hand.h"

namespace tendon::bench {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The least time of one call, over about 20 ms.
template <class Run>
double least_time(const Run& run) {
  double best = INFINITY;
  const double end = now() + 0.02;
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

double measured_bandwidth(std::int64_t working_set_bytes) {
  const by_hand::Loops& loops = by_hand::best_loops();
  const std::int64_t size = working_set_bytes / 3 / 4 / 16 * 16;
  const Array a(Element::f32, {3 * size}), b(Element::f32, {size}), c(Element::f32, {size});
  for (const Array* array : {&a, &b, &c}) std::fill_n(array->as<float>(), array->size(), 1.0F);
  float* out = a.as<float>();
  const double triad = least_time([&] { loops.triad(out, b.as<float>(), c.as<float>(), size); });
  const double scale = least_time([&] { loops.scale(out, 3 * size); });
  // Large copies stream past the caches, where a loop's stores first read what they overwrite.
  const double copy = least_time([&] {
#pragma omp parallel for schedule(static)
    for (int part = 0; part < 16; ++part) {
      const std::int64_t begin = part * (size / 16);
      std::memcpy(out + begin, b.as<float>() + begin, static_cast<std::size_t>(size / 16) * 4);
    }
  });
  const auto bytes = static_cast<double>(b.bytes());
  return std::max({3 * bytes / triad, 6 * bytes / scale, 2 * bytes / copy});
}

double measured_flop_rate(bool f64) {
  constexpr std::int64_t kSteps = 10000;
  const by_hand::Loops& loops = by_hand::best_loops();
  double operations = 0;
  const double time = least_time(
      [&] { operations = f64 ? loops.multiply_add_f64(kSteps) : loops.multiply_add_f32(kSteps); });
  return operations / time;
}

}  // namespace

double bandwidth(double working_set_bytes) {
  static std::map<int, double> best;  // by the power of two
  const int power = std::max(12, static_cast<int>(std::floor(std::log2(working_set_bytes))));
  double& known = best[power];
  return known = std::max(known, measured_bandwidth(std::int64_t{1} << power));
}

double flop_rate(bool f64) {
  static double best[2] = {};
  double& known = best[f64 ? 1 : 0];
  return known = std::max(known, measured_flop_rate(f64));
}

}  // namespace tendon::bench
