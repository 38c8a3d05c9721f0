#include "bench/by_hand/chunks.h"
#include "bench/by_hand/variant.h"

namespace tendon::bench::by_hand::TENDON_BY_HAND {

// Three passes over a row, which stays in the first-level cache.
template <class T>
void cross_entropy(const Arrays& inputs, const Arrays& outputs) {
  const std::int64_t rows = inputs[0].shape()[0], classes = inputs[0].shape()[1];
  const T* logits = inputs[0].as<T>();
  const std::int32_t* labels = inputs[1].as<std::int32_t>();
  T* by_logits = outputs[1].as<T>();
  T total = 0;
#pragma omp parallel for schedule(static) reduction(+ : total)
  for (std::int64_t row = 0; row < rows; ++row) {
    const T* x = logits + row * classes;
    T* gradient = by_logits + row * classes;
    T largest = x[0];
#pragma omp simd reduction(max : largest)
    for (std::int64_t i = 0; i < classes; ++i) largest = std::max(largest, x[i]);
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < classes; ++i) {
      const T power = vector_exp(x[i] - largest);
      gradient[i] = power;
      sum += power;
    }
    const T scale = 1 / (sum * T(rows));
#pragma omp simd
    for (std::int64_t i = 0; i < classes; ++i) gradient[i] *= scale;
    gradient[labels[row]] -= 1 / T(rows);
    total += std::log(sum) + largest - x[labels[row]];
  }
  outputs[0].as<T>()[0] = total / T(rows);
}

template void cross_entropy<float>(const Arrays&, const Arrays&);
template void cross_entropy<double>(const Arrays&, const Arrays&);

}  // namespace tendon::bench::by_hand::TENDON_BY_HAND
