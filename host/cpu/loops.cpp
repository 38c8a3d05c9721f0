// The choice of the variant.
#include "host/cpu/loops.h"

#include <array>
#include <cstdlib>
#include <string_view>

#include "host/cpu/loops_variants.h"
#include "host/support/text.h"

namespace tendon::cpu {

#if defined(__x86_64__)
// The features of each level that loops are compiled to; those that are not asked for came with
// them.
std::span<const Loops* const> available_loops() {
  static constexpr std::array kVariants{&kLoopsV2, &kLoopsV3, &kLoopsV4};
  static const std::size_t count = [] {
    __builtin_cpu_init();
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
    return std::size_t{1} + v3 + v4;
  }();
  return std::span(kVariants).first(count);
}
#else
std::span<const Loops* const> available_loops() {
  static constexpr std::array kVariants{&kLoopsPlain};
  return kVariants;
}
#endif

const Loops& loops() {
  static const Loops& chosen = []() -> const Loops& {
    const auto available = available_loops();
    if (const char* asked = std::getenv("TENDON_CPU")) {
      for (const Loops* variant : available) {
        if (std::string_view(asked) == variant->name) return *variant;
      }
      std::string names;
      for (const Loops* variant : available)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", variant->name);
      if (*asked != '\0') {
        fmt::print(stderr,
                   "tendon: TENDON_CPU is '{}'; this processor runs the loops of {}. Taking {}.\n",
                   asked, names, available.back()->name);
      }
    }
    return *available.back();
  }();
  return chosen;
}

}  // namespace tendon::cpu
