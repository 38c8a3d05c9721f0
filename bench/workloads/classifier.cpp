#include "bench/workloads/classifier.h"

#include <cmath>

namespace tendon::workloads {
namespace {

// Read to the host once: a tensor that is not computed from others any more.
Tensor given(const Shape& shape, double scale) {
  return Tensor::from((random::normal(shape) * scale).to_vector<float>(), shape);
}

}  // namespace

Classifier::Classifier(std::int64_t batch)
    : batch_(batch),
      images_(given({batch, 784}, 1)),
      labels_(
          Tensor::from((arange(static_cast<double>(batch)) % 10).to_vector<float>(), {batch, 1})) {
  for (const Shape& shape : {Shape{784, 256}, Shape{256, 256}, Shape{256, 10}}) {
    const double scale = std::sqrt(2.0 / static_cast<double>(shape[0]));
    parameters_.emplace_back(given(shape, scale), "weight");
    parameters_.emplace_back(given({shape[1]}, 0), "bias");
  }
}

Tensor Classifier::step() {
  const auto& p = parameters_;
  GradientTape tape;
  const Tensor first = relu(matmul(images_, p[0]) + p[1]);
  const Tensor second = relu(matmul(first, p[2]) + p[3]);
  const Tensor logits = matmul(second, p[4]) + p[5];
  const Tensor at_label = reduce_sum(where(arange(10) == labels_, logits, 0), {1});
  Tensor loss = reduce_sum(reduce_logsumexp(logits, {1}) - at_label) / static_cast<double>(batch_);
  adam_.apply(tape.gradient(loss, p), p);
  return loss;
}

}  // namespace tendon::workloads
