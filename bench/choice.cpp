// Which of the loops written by hand run: as host/cpu/loops.cpp chooses those of the library.
#include <cstdlib>
#include <span>
#include <string_view>

#include "bench/by_hand/by_hand.h"

namespace tendon::bench::by_hand {

#if defined(__x86_64__)
namespace v2 {
extern const Loops kLoops;
}
namespace v3 {
extern const Loops kLoops;
}
namespace v4 {
extern const Loops kLoops;
}
#else
namespace plain {
extern const Loops kLoops;
}
#endif

namespace {

// The best last.
std::span<const Loops* const> available() {
#if defined(__x86_64__)
  static constexpr const Loops* kVariants[] = {&v2::kLoops, &v3::kLoops, &v4::kLoops};
  static const std::size_t count = [] {
    __builtin_cpu_init();
    const bool has_v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                        __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    const bool has_v4 = has_v3 && __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return std::size_t{1} + (has_v3 ? 1 : 0) + (has_v4 ? 1 : 0);
  }();
  return std::span(kVariants).first(count);
#else
  static constexpr const Loops* kVariants[] = {&plain::kLoops};
  return kVariants;
#endif
}

}  // namespace

const Loops& best_loops() { return *available().back(); }

const Loops& loops() {
  const char* asked = std::getenv("TENDON_CPU");
  for (const Loops* variant : available()) {
    if (asked != nullptr && std::string_view(asked) == variant->instructions) return *variant;
  }
  return best_loops();
}

}  // namespace tendon::bench::by_hand
