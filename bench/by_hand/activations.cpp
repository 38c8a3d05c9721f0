#include "bench/by_hand/chunks.h"
#include "bench/by_hand/variant.h"

namespace tendon::bench::by_hand::TENDON_BY_HAND {

// 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2 u)): one exponential and one division.
template <class T>
void gelu(const Arrays& inputs, const Arrays& outputs) {
  const T* xs = inputs[0].as<T>();
  T *value = outputs[0].as<T>(), *by_x = outputs[1].as<T>();
  constexpr T kLinear = T(2 * 0.7978845608028654), kCubic = T(2 * 0.7978845608028654 * 0.044715);
  over_chunks(inputs[0].size(), [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      const T x = xs[i];
      const T share = 1 / (1 + vector_exp(-x * (kLinear + kCubic * x * x)));
      value[i] = x * share;
      by_x[i] = share + x * share * (1 - share) * (kLinear + 3 * kCubic * x * x);
    }
  });
}

template <class T>
void silu_gate(const Arrays& inputs, const Arrays& outputs) {
  const T *xs = inputs[0].as<T>(), *gates = inputs[1].as<T>();
  T *value = outputs[0].as<T>(), *by_x = outputs[1].as<T>(), *by_gate = outputs[2].as<T>();
  over_chunks(inputs[0].size(), [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      const T x = xs[i], gate = gates[i];
      const T sigmoid = 1 / (1 + vector_exp(-x));
      const T silu = x * sigmoid;
      value[i] = silu * gate;
      by_x[i] = gate * (sigmoid + silu * (1 - sigmoid));
      by_gate[i] = silu;
    }
  });
}

template void gelu<float>(const Arrays&, const Arrays&);
template void gelu<double>(const Arrays&, const Arrays&);
template void silu_gate<float>(const Arrays&, const Arrays&);
template void silu_gate<double>(const Arrays&, const Arrays&);

}  // namespace tendon::bench::by_hand::TENDON_BY_HAND
