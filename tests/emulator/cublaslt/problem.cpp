#include "cublaslt/problem.h"

#include <algorithm>
#include <array>
#include <limits>

namespace emulator::cublaslt {
namespace {

using Activation = Epilogue::Activation;
using Bias = Epilogue::Bias;

struct Types {
  cublasComputeType_t compute;
  cudaDataType_t scale, input, output;
};

// The table at cublasLtMatmul in the documentation, less integers, complex and 8-bit types.
constexpr std::array kSupportedTypes = {
    Types{CUBLAS_COMPUTE_16F, CUDA_R_16F, CUDA_R_16F, CUDA_R_16F},
    Types{CUBLAS_COMPUTE_16F_PEDANTIC, CUDA_R_16F, CUDA_R_16F, CUDA_R_16F},
    Types{CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16BF, CUDA_R_16BF},
    Types{CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16F, CUDA_R_16F},
    Types{CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16BF, CUDA_R_32F},
    Types{CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16F, CUDA_R_32F},
    Types{CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    Types{CUBLAS_COMPUTE_32F_PEDANTIC, CUDA_R_32F, CUDA_R_16BF, CUDA_R_16BF},
    Types{CUBLAS_COMPUTE_32F_PEDANTIC, CUDA_R_32F, CUDA_R_16F, CUDA_R_16F},
    Types{CUBLAS_COMPUTE_32F_PEDANTIC, CUDA_R_32F, CUDA_R_16BF, CUDA_R_32F},
    Types{CUBLAS_COMPUTE_32F_PEDANTIC, CUDA_R_32F, CUDA_R_16F, CUDA_R_32F},
    Types{CUBLAS_COMPUTE_32F_PEDANTIC, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    Types{CUBLAS_COMPUTE_32F_FAST_16F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    Types{CUBLAS_COMPUTE_32F_FAST_16BF, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    Types{CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    Types{CUBLAS_COMPUTE_64F, CUDA_R_64F, CUDA_R_64F, CUDA_R_64F},
    Types{CUBLAS_COMPUTE_64F_PEDANTIC, CUDA_R_64F, CUDA_R_64F, CUDA_R_64F},
};

Epilogue epilogue_of(std::uint32_t value) {
  switch (value) {
    case CUBLASLT_EPILOGUE_DEFAULT: return {};
    case CUBLASLT_EPILOGUE_BIAS: return {Activation::none, Bias::add, false};
    case CUBLASLT_EPILOGUE_RELU: return {Activation::relu, Bias::none, false};
    case CUBLASLT_EPILOGUE_RELU_AUX: return {Activation::relu, Bias::none, true};
    case CUBLASLT_EPILOGUE_RELU_BIAS: return {Activation::relu, Bias::add, false};
    case CUBLASLT_EPILOGUE_RELU_AUX_BIAS: return {Activation::relu, Bias::add, true};
    case CUBLASLT_EPILOGUE_GELU: return {Activation::gelu, Bias::none, false};
    case CUBLASLT_EPILOGUE_GELU_AUX: return {Activation::gelu, Bias::none, true};
    case CUBLASLT_EPILOGUE_GELU_BIAS: return {Activation::gelu, Bias::add, false};
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS: return {Activation::gelu, Bias::add, true};
    case CUBLASLT_EPILOGUE_DRELU: return {Activation::relu_gradient, Bias::none, true};
    case CUBLASLT_EPILOGUE_DRELU_BGRAD: return {Activation::relu_gradient, Bias::gradient, true};
    case CUBLASLT_EPILOGUE_DGELU: return {Activation::gelu_gradient, Bias::none, true};
    case CUBLASLT_EPILOGUE_DGELU_BGRAD: return {Activation::gelu_gradient, Bias::gradient, true};
    case CUBLASLT_EPILOGUE_BGRADA: return {Activation::none, Bias::gradient_of_a, false};
    case CUBLASLT_EPILOGUE_BGRADB: return {Activation::none, Bias::gradient_of_b, false};
    default: throw unsupported("there is no epilogue ", value);
  }
}

void check_features(const Operation& operation) {
  if (operation.pointer_mode < CUBLASLT_POINTER_MODE_HOST ||
      operation.pointer_mode > CUBLASLT_POINTER_MODE_ALPHA_DEVICE_VECTOR_BETA_HOST) {
    throw invalid("there is no pointer mode ", operation.pointer_mode);
  }
  if (operation.pointer_mode > CUBLASLT_POINTER_MODE_DEVICE) {
    throw unsupported("vectors of alpha or beta are not emulated");
  }
  for (const auto transpose : {operation.transpose_a, operation.transpose_b}) {
    if (transpose < CUBLAS_OP_N || transpose > CUBLAS_OP_C) {
      throw unsupported("there is no transpose ", transpose);
    }
  }
  if (operation.transpose_c != CUBLAS_OP_N) throw unsupported("C cannot be transposed");
  if (operation.fill_mode != CUBLAS_FILL_MODE_FULL) {
    throw unsupported("triangles of D are not emulated");
  }
  if (operation.emulation != nullptr) throw unsupported("an emulation descriptor is not emulated");
  for (const void* scale :
       {operation.a_scale, operation.b_scale, operation.c_scale, operation.d_scale,
        operation.d_out_scale, operation.d_amax, operation.aux_scale, operation.aux_amax}) {
    if (scale != nullptr) throw invalid("scales and maxima are for 8-bit types only");
  }
  for (const auto mode :
       {operation.a_scale_mode, operation.b_scale_mode, operation.c_scale_mode,
        operation.d_scale_mode, operation.d_out_scale_mode, operation.aux_scale_mode}) {
    if (mode != 0) throw invalid("scaling modes are for 8-bit types only");
  }
}

// C may have leading dimension 0: its one column (row, where it is row-major) stands for all.
void check_layout(const Layout& layout, char name, bool may_repeat) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (layout.order != CUBLASLT_ORDER_COL && layout.order != CUBLASLT_ORDER_ROW) {
    throw unsupported(name, " has order ", layout.order, ", neither column- nor row-major");
  }
  if (layout.batch_mode != CUBLASLT_BATCH_MODE_STRIDED) {
    throw unsupported("arrays of pointers (", name, ") are not emulated");
  }
  if (layout.plane_offset != 0) throw invalid(name, " is real but has a plane of imaginary parts");
  if (layout.rows > kMost || layout.cols > kMost || layout.ld > static_cast<Extent>(kMost)) {
    throw invalid(name, " has ", layout.rows, " rows, ", layout.cols,
                  " columns and leading dimension ", layout.ld, ": more than an int32 counts");
  }
  const auto length = layout.order == CUBLASLT_ORDER_COL ? layout.rows : layout.cols;
  if (may_repeat && layout.ld == 0) return;
  if (layout.ld < 0 || static_cast<std::uint64_t>(layout.ld) < length) {
    throw invalid(name, " has leading dimension ", layout.ld, ", less than ", length);
  }
}

void check_extents(Problem& problem) {
  const auto extents = [](const Layout& layout, std::int32_t transpose) {
    std::array sides = {static_cast<Extent>(layout.rows), static_cast<Extent>(layout.cols)};
    if (transpose != CUBLAS_OP_N) std::swap(sides[0], sides[1]);
    return sides;
  };
  const auto a = extents(problem.a, problem.operation.transpose_a);
  const auto b = extents(problem.b, problem.operation.transpose_b);
  const auto c = extents(problem.c, CUBLAS_OP_N);
  const auto d = extents(problem.d, CUBLAS_OP_N);
  if (a[1] != b[0]) throw invalid("op(A) has ", a[1], " columns, op(B) ", b[0], " rows");
  if (a[0] != d[0]) throw invalid("op(A) has ", a[0], " rows, D ", d[0]);
  if (b[1] != d[1]) throw invalid("op(B) has ", b[1], " columns, D ", d[1]);
  if (c != d) throw invalid("C is ", c[0], " x ", c[1], ", D ", d[0], " x ", d[1]);
  if (d[0] == 0 || d[1] == 0) throw invalid("D is empty: ", d[0], " x ", d[1]);
  problem.m = d[0];
  problem.n = d[1];
  problem.k = a[1];
}

void check_batches(Problem& problem) {
  const auto count = problem.d.batch_count;
  for (const Layout* layout : {&problem.a, &problem.b, &problem.c}) {
    if (layout->batch_count != count) {
      throw invalid("batches of ", layout->batch_count, " and ", count, " matrices");
    }
  }
  if (count < 1) throw invalid("a batch of ", count, " matrices");
  if (count > 1 && problem.d.batch_stride == 0) throw invalid("the batch's results overlap");
  problem.batch_count = count;
}

void check_bias(const Problem& problem) {
  const auto& operation = problem.operation;
  const auto bias = problem.epilogue.bias;
  if (bias == Bias::none) {
    if (operation.bias != nullptr) throw invalid("a bias pointer, but the epilogue has none");
    return;
  }
  if (bias == Bias::add && problem.d.order != CUBLASLT_ORDER_COL) {
    throw unsupported("a bias with a row-major D");
  }
  if (operation.bias_type != -1 && operation.bias_type != problem.output_type()) {
    throw unsupported("a bias whose type is not that of D");
  }
  if (problem.epilogue.writes_bias() && problem.batch_count > 1 &&
      operation.bias_batch_stride < problem.bias_length()) {
    throw invalid("the batch's gradients of the bias overlap: stride ", operation.bias_batch_stride,
                  ", length ", problem.bias_length());
  }
  const bool of_a = bias == Bias::gradient_of_a;
  if (!of_a && bias != Bias::gradient_of_b) return;
  if (problem.d.order != CUBLASLT_ORDER_COL) throw unsupported("BGRADA, BGRADB: row-major D");
  if (of_a && (operation.transpose_a != CUBLAS_OP_N || problem.a.order != CUBLASLT_ORDER_COL)) {
    throw unsupported("BGRADA needs A column-major and not transposed");
  }
  if (!of_a && (operation.transpose_b == CUBLAS_OP_N || problem.b.order != CUBLASLT_ORDER_COL)) {
    throw unsupported("BGRADB needs B column-major and transposed");
  }
}

void check_aux(const Problem& problem) {
  const auto& operation = problem.operation;
  const auto& epilogue = problem.epilogue;
  if (!epilogue.has_aux) {
    if (operation.aux != nullptr && epilogue.activation != Activation::none) {
      throw invalid("an auxiliary pointer, but the epilogue is not one of those with AUX");
    }
    return;
  }
  const bool is_mask = epilogue.has_mask();
  const int divisor = is_mask ? 128 : 8;
  if (problem.d.order != CUBLASLT_ORDER_COL) {
    throw unsupported("an auxiliary buffer with a row-major D");
  }
  if (is_mask && operation.aux_type != -1) throw unsupported("a mask is of bits, and has no type");
  if (!is_mask && operation.aux_type != -1 && operation.aux_type != problem.output_type()) {
    throw unsupported("an auxiliary buffer whose type is not that of D");
  }
  if (!is_mask && operation.aux == nullptr) throw invalid("the auxiliary pointer is null");
  if (operation.aux_ld % divisor != 0) {
    throw invalid("the auxiliary leading dimension ", operation.aux_ld, " is no multiple of ",
                  divisor);
  }
  if (operation.aux_ld < problem.m) {
    throw invalid("the auxiliary leading dimension ", operation.aux_ld, " is less than D's ",
                  problem.m, " rows");
  }
  if (epilogue.is_gradient() && problem.k == 1) {
    throw unsupported("the gradient of an activation with an inner dimension of 1");
  }
  if (problem.batch_count == 1) return;
  const Extent stride = operation.aux_batch_stride;
  if (stride % divisor != 0) {
    throw invalid("the auxiliary batch stride ", stride, " is no multiple of ", divisor);
  }
  // What is read may be the same for every matrix of the batch.
  if (stride < problem.n * operation.aux_ld && !(stride == 0 && epilogue.is_gradient())) {
    throw invalid("the auxiliary buffers of the batch overlap: stride ", stride);
  }
}

}  // namespace

Layout Problem::aux_layout() const {
  Layout layout = d;
  layout.ld = operation.aux_ld;
  layout.batch_stride = operation.aux_batch_stride;
  return layout;
}

void check_types(std::int32_t compute_type, std::int32_t scale_type, std::int32_t a, std::int32_t b,
                 std::int32_t c, std::int32_t d) {
  const bool is_supported =
      a == b && c == d && std::ranges::any_of(kSupportedTypes, [&](const Types& types) {
        return types.compute == compute_type && types.scale == scale_type && types.input == a &&
               types.output == d;
      });
  if (!is_supported) {
    throw unsupported("no kernel for compute type ", compute_type, ", scale type ", scale_type,
                      " and matrices of types ", a, ", ", b, ", ", c, ", ", d);
  }
}

Problem check_problem(const Operation& operation, const Layout& a, const Layout& b, const Layout& c,
                      const Layout& d) {
  Problem problem{operation, epilogue_of(operation.epilogue), a, b, c, d};
  check_features(operation);
  check_layout(a, 'A', false);
  check_layout(b, 'B', false);
  check_layout(c, 'C', true);
  check_layout(d, 'D', false);
  check_types(operation.compute_type, operation.scale_type, a.type, b.type, c.type, d.type);
  if (c.order != d.order) throw invalid("C and D have different orders");
  check_extents(problem);
  check_batches(problem);
  check_bias(problem);
  check_aux(problem);
  return problem;
}

}  // namespace emulator::cublaslt
