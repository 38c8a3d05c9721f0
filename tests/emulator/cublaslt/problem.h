// One matrix product, D = epilogue(alpha op(A) op(B) + beta C), as the descriptors ask for it:
// checked to be a product that the library has a kernel for.
//
// The rules are those of the comments in cublasLt.h, of its documentation, and of the messages that
// the library's own log has. What only the pointers of a call tell is checked in matmul.cpp.
#pragma once

#include <cstdint>

#include "cublaslt/descriptor.h"

namespace emulator::cublaslt {

using Extent = std::int64_t;

struct Epilogue {
  enum class Activation { none, relu, gelu, relu_gradient, gelu_gradient };
  enum class Bias { none, add, gradient, gradient_of_a, gradient_of_b };
  Activation activation = Activation::none;
  Bias bias = Bias::none;
  bool has_aux = false;  // written by an activation, read by the gradient of one

  bool is_gradient() const { return activation >= Activation::relu_gradient; }
  bool writes_bias() const { return bias >= Bias::gradient; }
  bool has_mask() const {  // rather than a matrix of the activation's inputs
    return has_aux && (activation == Activation::relu || activation == Activation::relu_gradient);
  }
};

struct Problem {
  Operation operation;
  Epilogue epilogue;
  Layout a, b, c, d;
  Extent m = 0, n = 0, k = 0;
  Extent batch_count = 1;

  // Of bias and of what an activation takes: that of D.
  std::int32_t output_type() const { return d.type; }
  std::int32_t accumulator_type() const {
    return output_type() == CUDA_R_64F ? CUDA_R_64F : CUDA_R_32F;
  }
  Extent bias_length() const { return epilogue.bias == Epilogue::Bias::gradient_of_b ? n : m; }
  // Of the inputs of an activation: a column-major matrix.
  Layout aux_layout() const;
};

// Throws a Refusal. The pointers of bias and of a mask may still be null: a search for algorithms
// does not need them.
Problem check_problem(const Operation& operation, const Layout& a, const Layout& b, const Layout& c,
                      const Layout& d);

// Throws where the combination is none that the library has kernels for.
void check_types(std::int32_t compute_type, std::int32_t scale_type, std::int32_t a, std::int32_t b,
                 std::int32_t c, std::int32_t d);

}  // namespace emulator::cublaslt
