#include "bench/machine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>

#include "bench/by_hand/by_hand.h"

#ifdef _OPENMP
// Its header is the compiler's, and not every tool has it.
extern "C" int omp_get_max_threads();
extern "C" void omp_set_num_threads(int);
#endif

namespace tendon::bench {
namespace {

int thread_count() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

// While it lives, the loops by hand run on one thread.
class OnOneThread {
 public:
  OnOneThread() : before_(thread_count()) { set(1); }
  OnOneThread(const OnOneThread&) = delete;
  OnOneThread& operator=(const OnOneThread&) = delete;
  ~OnOneThread() { set(before_); }

 private:
  static void set([[maybe_unused]] int count) {
#ifdef _OPENMP
    omp_set_num_threads(count);
#endif
  }
  int before_;
};

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
  const OnOneThread one;
  const by_hand::Loops& loops = by_hand::best_loops();
  const std::int64_t size = working_set_bytes / 3 / 4 / 16 * 16;
  const Array a(Element::f32, {3 * size}), b(Element::f32, {size}), c(Element::f32, {size});
  for (const Array* array : {&a, &b, &c}) std::fill_n(array->as<float>(), array->size(), 1.0F);
  auto* const out = a.as<float>();
  const double triad = least_time([&] { loops.triad(out, b.as<float>(), c.as<float>(), size); });
  const double scale = least_time([&] { loops.scale(out, 3 * size); });
  // Large copies stream past the caches, where a loop's stores first read what they overwrite.
  const double copy =
      least_time([&] { std::memcpy(out, b.as<float>(), static_cast<std::size_t>(size) * 4); });
  const auto bytes = static_cast<double>(b.bytes());
  return std::max({3 * bytes / triad, 6 * bytes / scale, 2 * bytes / copy});
}

double measured_flop_rate(bool f64) {
  const OnOneThread one;
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
  const double share = working_set_bytes / thread_count();
  const int power = std::max(12, static_cast<int>(std::floor(std::log2(share))));
  double& known = best[power];
  known = std::max(known, measured_bandwidth(std::int64_t{1} << power));
  return known * thread_count();
}

double flop_rate(bool f64) {
  static double best[2] = {};
  double& known = best[f64 ? 1 : 0];
  known = std::max(known, measured_flop_rate(f64));
  return known * thread_count();
}

}  // namespace tendon::bench
