// Loops over the lanes of a warp, from which most steps are made.
#pragma once

#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "machine/warp.h"

namespace emulator {

// Of each lane what a base register, of 32 bits or of 64, and an offset make.
inline void addresses_of(Warp& warp, Slot slot, bool is_narrow, std::int64_t added,
                         Address* addresses) {
  if (is_narrow) {
    const auto* base = warp.lanes<std::uint32_t>(slot);
    for (int lane = 0; lane < kLanes; ++lane)
      addresses[lane] = static_cast<std::uint32_t>(base[lane] + static_cast<std::uint32_t>(added));
  } else {
    const auto* base = warp.lanes<std::uint64_t>(slot);
    for (int lane = 0; lane < kLanes; ++lane)
      addresses[lane] = base[lane] + static_cast<std::uint64_t>(added);
  }
}

// F()(a, b…) of each lane. Lanes outside of the mask are computed as well, so F must not trap.
template <class R, class A, class F>
void each1(Warp& warp, const Step& step, Mask mask) {
  const A* a = warp.lanes<A>(step.s[0]);
  alignas(64) R result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = F()(a[lane]);
  warp.store(step.d, result, mask);
}

template <class R, class A, class B, class F>
void each2(Warp& warp, const Step& step, Mask mask) {
  const A* a = warp.lanes<A>(step.s[0]);
  const B* b = warp.lanes<B>(step.s[1]);
  alignas(64) R result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = F()(a[lane], b[lane]);
  warp.store(step.d, result, mask);
}

template <class R, class A, class B, class C, class F>
void each3(Warp& warp, const Step& step, Mask mask) {
  const A* a = warp.lanes<A>(step.s[0]);
  const B* b = warp.lanes<B>(step.s[1]);
  const C* c = warp.lanes<C>(step.s[2]);
  alignas(64) R result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = F()(a[lane], b[lane], c[lane]);
  warp.store(step.d, result, mask);
}

// The processor's rounding while it is alive.
class RoundingScope {
 public:
  explicit RoundingScope(Rounding rounding) : is_changed_(rounding != Rounding::nearest) {
    if (!is_changed_) return;
    std::fesetround(rounding == Rounding::zero   ? FE_TOWARDZERO
                    : rounding == Rounding::down ? FE_DOWNWARD
                                                 : FE_UPWARD);
  }
  ~RoundingScope() {
    if (is_changed_) std::fesetround(FE_TONEAREST);
  }
  RoundingScope(const RoundingScope&) = delete;
  RoundingScope& operator=(const RoundingScope&) = delete;

 private:
  bool is_changed_;
};

template <class T>
T flushed(T value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(T{0}, value) : value;
}

// NVIDIA's devices give one NaN for f32, and keep no payload.
inline float canonical(float value) {
  return value != value ? std::bit_cast<float>(0x7fff'ffffu) : value;
}
inline double canonical(double value) { return value; }

// A floating instruction with its modifiers: F over T, N operands.
template <class T, class F, std::size_t N>
void floating(Warp& warp, const Step& step, Mask mask) {
  const T* operand[3] = {};
  alignas(64) T flushed_operand[N][kLanes];
  for (std::size_t i = 0; i < N; ++i) {
    operand[i] = warp.lanes<T>(step.s[i]);
    if (!step.flushes) continue;
    for (int lane = 0; lane < kLanes; ++lane) flushed_operand[i][lane] = flushed(operand[i][lane]);
    operand[i] = flushed_operand[i];
  }
  alignas(64) T result[kLanes];
  {
    const RoundingScope rounding(step.rounding);
    for (int lane = 0; lane < kLanes; ++lane) {
      if constexpr (N == 1) result[lane] = F()(operand[0][lane]);
      if constexpr (N == 2) result[lane] = F()(operand[0][lane], operand[1][lane]);
      if constexpr (N == 3)
        result[lane] = F()(operand[0][lane], operand[1][lane], operand[2][lane]);
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = canonical(result[lane]);
  if (step.flushes) {
    for (int lane = 0; lane < kLanes; ++lane) result[lane] = flushed(result[lane]);
  }
  if (step.saturates) {  // to [0, 1]; NaN gives 0
    for (int lane = 0; lane < kLanes; ++lane) {
      result[lane] = result[lane] > T{0} ? (result[lane] < T{1} ? result[lane] : T{1}) : T{0};
    }
  }
  warp.store(step.d, result, mask);
}

}  // namespace emulator
