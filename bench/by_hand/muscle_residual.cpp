#include "bench/workloads/muscle_residual.h"

#include "bench/by_hand/chunks.h"
#include "bench/by_hand/variant.h"

namespace tendon::bench::by_hand::TENDON_BY_HAND {
namespace {

namespace muscle = workloads::muscle;

// Adds a bell of the active force-length curve and its derivative.
template <int Bell, class T>
inline void add_bell(T length, T& force, T& slope) {
  constexpr const auto& kBell = muscle::kBells[Bell];
  constexpr T kHeight = T(kBell[0]), kCenter = T(kBell[1]), kWidth = T(kBell[2]),
              kWidening = T(kBell[3]);
  if constexpr (kWidening == 0) {
    const T u = (length - kCenter) * (1 / kWidth);
    const T value = kHeight * vector_exp(T(-0.5) * u * u);
    force += value;
    slope -= value * u * (1 / kWidth);
  } else {
    const T inverse = 1 / (kWidth + kWidening * length);
    const T u = (length - kCenter) * inverse;
    const T value = kHeight * vector_exp(T(-0.5) * u * u);
    force += value;
    slope -= value * u * (1 - u * kWidening) * inverse;
  }
}

}  // namespace

template <class T>
void muscle_residual(const Arrays& inputs, const Arrays& outputs) {
  const T *ls = inputs[0].as<T>(), *vs = inputs[1].as<T>(), *as = inputs[2].as<T>(),
          *ts = inputs[3].as<T>(), *cosines = inputs[4].as<T>();
  T *residual = outputs[0].as<T>(), *by_l = outputs[1].as<T>(), *by_v = outputs[2].as<T>(),
    *by_a = outputs[3].as<T>(), *by_t = outputs[4].as<T>(), *by_cosine = outputs[5].as<T>();
  const T passive_slope = T(muscle::kPassiveSlope), passive_offset = T(muscle::kPassiveOffset),
          passive_scale = T(1 / muscle::kPassiveScale), stiffness = T(muscle::kTendonStiffness);
  constexpr T kD1 = T(muscle::kVelocity[0]), kD2 = T(muscle::kVelocity[1]),
              kD3 = T(muscle::kVelocity[2]), kD4 = T(muscle::kVelocity[3]);
  constexpr T kC1 = T(muscle::kTendon[0]), kC2 = T(muscle::kTendon[1]), kC3 = T(muscle::kTendon[2]);
  over_chunks(inputs[0].size(), [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      const T l = ls[i], a = as[i], cosine = cosines[i];
      T active = 0, active_slope = 0;
      add_bell<0>(l, active, active_slope);
      add_bell<1>(l, active, active_slope);
      add_bell<2>(l, active, active_slope);
      const T stretched = vector_exp(passive_slope * (l - 1));
      const T passive = (stretched - passive_offset) * passive_scale;
      const T z = kD2 * vs[i] + kD3;
      const T root = std::sqrt(z * z + 1);
      const T velocity = kD1 * vector_log(z + root) + kD4;
      const T tendon = kC1 * vector_exp(stiffness * (ts[i] - kC2));
      const T force = a * active * velocity + passive;
      residual[i] = tendon - kC3 - force * cosine;
      by_l[i] = -(a * active_slope * velocity + passive_slope * stretched * passive_scale) * cosine;
      by_v[i] = -a * active * (kD1 * kD2) / root * cosine;
      by_a[i] = -active * velocity * cosine;
      by_t[i] = stiffness * tendon;
      by_cosine[i] = -force;
    }
  });
}

template void muscle_residual<float>(const Arrays&, const Arrays&);
template void muscle_residual<double>(const Arrays&, const Arrays&);

}  // namespace tendon::bench::by_hand::TENDON_BY_HAND
