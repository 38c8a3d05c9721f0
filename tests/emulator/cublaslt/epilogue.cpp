#include "cublaslt/epilogue.h"

#include <cmath>
#include <numbers>

#include "cublaslt/matrix.h"

namespace emulator::cublaslt {
namespace {

using Activation = Epilogue::Activation;
using Bias = Epilogue::Bias;

template <typename Real>
constexpr Real kSlope =
    std::numbers::sqrt2_v<Real>* std::numbers::inv_sqrtpi_v<Real>;  // sqrt(2 / pi)
template <typename Real>
constexpr Real kCubic = static_cast<Real>(0.044715);

// NaN stays NaN.
template <typename Real>
Real relu(Real x) {
  return x < 0 ? 0 : x;
}

// The library's GELU is the approximation by tanh of Hendrycks and Gimpel (arXiv:1606.08415).
template <typename Real>
Real gelu(Real x) {
  return x / 2 * (1 + std::tanh(kSlope<Real> * (x + kCubic<Real> * x * x * x)));
}

template <typename Real>
Real gelu_derivative(Real x) {
  const Real t = std::tanh(kSlope<Real> * (x + kCubic<Real> * x * x * x));
  return (1 + t) / 2 + x / 2 * (1 - t * t) * kSlope<Real> * (1 + 3 * kCubic<Real> * x * x);
}

// Column j of a mask is a bit a row, from the lowest of a byte on.
struct MaskColumn {
  Extent offset;  // bytes
  std::size_t bytes;
  MaskColumn(const Problem& problem, Extent batch, Extent column)
      : offset((batch * problem.operation.aux_batch_stride + column * problem.operation.aux_ld) /
               8),
        bytes(static_cast<std::size_t>((problem.m + 7) / 8)) {}
};

// A bit is set where the input is above 0; what it is at 0 is not documented.
template <typename Real>
void write_mask(const Problem& problem, Extent batch, const std::vector<Real>& inputs) {
  const Real* input = inputs.data();
  for (Extent j = 0; j < problem.n; ++j, input += problem.m) {
    const MaskColumn column(problem, batch, j);
    std::vector<unsigned char> bits(column.bytes);
    for (Extent i = 0; i < problem.m; ++i) {
      if (input[i] > 0) {
        auto& byte = bits[static_cast<std::size_t>(i / 8)];
        byte = static_cast<unsigned char>(byte | 1U << (i % 8));
      }
    }
    std::memcpy(write_bytes(problem.operation.aux, column.offset, column.bytes), bits.data(),
                column.bytes);
  }
}

template <typename Real>
void apply_mask(const Problem& problem, Extent batch, std::vector<Real>& gradients) {
  Real* gradient = gradients.data();
  for (Extent j = 0; j < problem.n; ++j, gradient += problem.m) {
    const MaskColumn column(problem, batch, j);
    const auto* bits = read_bytes(problem.operation.aux, column.offset, column.bytes);
    for (Extent i = 0; i < problem.m; ++i) {
      if ((std::to_integer<unsigned>(bits[i / 8]) >> (i % 8) & 1U) == 0) gradient[i] = 0;
    }
  }
}

template <typename Real>
void add_bias(const Problem& problem, Extent batch, std::vector<Real>& matrix) {
  const auto layout =
      vector_layout(problem.output_type(), problem.m, problem.operation.bias_batch_stride);
  const auto bias = read_matrix<Real>(problem.operation.bias, layout, false, batch);
  for (std::size_t i = 0; i < matrix.size(); ++i) matrix[i] += bias[i % bias.size()];
}

}  // namespace

template <typename Real>
void apply_epilogue(const Problem& problem, Extent batch, std::vector<Real>& matrix) {
  const auto& epilogue = problem.epilogue;
  auto* aux = problem.operation.aux;
  if (epilogue.bias == Bias::add) add_bias(problem, batch, matrix);
  switch (epilogue.activation) {
    case Activation::none: break;
    case Activation::relu:
      if (epilogue.has_aux) write_mask(problem, batch, matrix);
      for (Real& x : matrix) x = relu(x);
      break;
    case Activation::gelu:
      if (epilogue.has_aux) write_matrix(aux, problem.aux_layout(), batch, matrix);
      for (Real& x : matrix) x = gelu(x);
      break;
    case Activation::relu_gradient: apply_mask(problem, batch, matrix); break;
    case Activation::gelu_gradient: {
      const auto inputs = read_matrix<Real>(aux, problem.aux_layout(), false, batch);
      for (std::size_t i = 0; i < matrix.size(); ++i) matrix[i] *= gelu_derivative(inputs[i]);
      break;
    }
  }
  if (epilogue.bias == Bias::gradient) {
    const auto layout =
        vector_layout(problem.output_type(), problem.m, problem.operation.bias_batch_stride);
    write_matrix(problem.operation.bias, layout, batch, row_sums(matrix, problem.m));
  }
}

template void apply_epilogue(const Problem&, Extent, std::vector<float>&);
template void apply_epilogue(const Problem&, Extent, std::vector<double>&);

}  // namespace emulator::cublaslt
