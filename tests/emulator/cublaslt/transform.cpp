// cublasLtMatrixTransform: C = alpha op(A) + beta op(B), of any of the emulated types.
#include <vector>

#include "cublaslt/handle.h"
#include "cublaslt/work.h"

namespace emulator::cublaslt {
namespace {

struct Transform {
  TransformOperation operation;
  Factor alpha, beta;
  const void *a, *b;
  void* c;
  Layout a_layout, b_layout, c_layout;
};

template <typename Real>
void execute_as(const Transform& call) {
  const Real alpha = call.alpha.get<Real>();
  const Real beta = call.beta.get<Real>();
  for (Extent batch = 0; batch < call.c_layout.batch_count; ++batch) {
    std::vector<Real> sum(call.c_layout.rows * call.c_layout.cols);
    const auto add = [&](Real factor, const void* matrix, const Layout& layout,
                         std::int32_t transpose) {
      if (factor == 0) return;
      const auto term = read_matrix<Real>(matrix, layout, transpose != CUBLAS_OP_N, batch);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += factor * term[i];
    };
    add(alpha, call.a, call.a_layout, call.operation.transpose_a);
    add(beta, call.b, call.b_layout, call.operation.transpose_b);
    write_matrix(call.c, call.c_layout, batch, sum);
  }
}

void execute(const Transform& call) {
  if (call.operation.scale_type == CUDA_R_64F) {
    execute_as<double>(call);
  } else {
    execute_as<float>(call);
  }
}

void check_matrix(const void* matrix, const Layout& layout, std::int32_t transpose, char name,
                  const Layout& result) {
  if (matrix == nullptr) throw invalid(name, " is null");
  if (layout.order != CUBLASLT_ORDER_COL && layout.order != CUBLASLT_ORDER_ROW) {
    throw unsupported(name, " has order ", layout.order, ", neither column- nor row-major");
  }
  if (transpose < CUBLAS_OP_N || transpose > CUBLAS_OP_C) {
    throw unsupported("there is no transpose ", transpose);
  }
  element_bytes(layout.type);  // throws for types that are not emulated
  const bool is_transposed = transpose != CUBLAS_OP_N;
  if ((is_transposed ? layout.cols : layout.rows) != result.rows ||
      (is_transposed ? layout.rows : layout.cols) != result.cols) {
    throw invalid("op(", name, ") and C have different extents");
  }
  const auto length = layout.order == CUBLASLT_ORDER_COL ? layout.rows : layout.cols;
  if (layout.ld < 0 || static_cast<std::uint64_t>(layout.ld) < length) {
    throw invalid(name, " has leading dimension ", layout.ld, ", less than ", length);
  }
  if (layout.batch_count != result.batch_count) throw invalid("batches of different counts");
}

}  // namespace
}  // namespace emulator::cublaslt

using namespace emulator::cublaslt;

cublasStatus_t cublasLtMatrixTransform(cublasLtHandle_t handle,
                                       cublasLtMatrixTransformDesc_t operation, const void* alpha,
                                       const void* a, cublasLtMatrixLayout_t a_layout,
                                       const void* beta, const void* b,
                                       cublasLtMatrixLayout_t b_layout, void* c,
                                       cublasLtMatrixLayout_t c_layout, cudaStream_t stream) {
  return guarded(__func__, [&] {
    check_handle(handle);
    check_device(handle);
    if (alpha == nullptr || beta == nullptr) throw invalid("alpha or beta is null");
    const auto held = unpack<TransformOperation>(operation, "the operation");
    const auto scale_type = held.scale_type;
    if (held.pointer_mode != CUBLASLT_POINTER_MODE_HOST &&
        held.pointer_mode != CUBLASLT_POINTER_MODE_DEVICE) {
      throw unsupported("pointer mode ", held.pointer_mode, " is not emulated");
    }
    const bool is_on_device = held.pointer_mode == CUBLASLT_POINTER_MODE_DEVICE;
    const Factor scale_a(scale_type, alpha, is_on_device), scale_b(scale_type, beta, is_on_device);
    const auto result = unpack<Layout>(c_layout, "Cdesc");
    // A matrix that a factor of zero leaves out needs no layout.
    const auto layout_of = [&](const void* matrix, cublasLtMatrixLayout_t layout,
                               const Factor& factor, std::int32_t transpose, char name) {
      if (matrix == nullptr && factor.is_surely_zero()) return Layout{};
      const auto unpacked = unpack<Layout>(layout, "the layout of a matrix");
      check_matrix(matrix, unpacked, transpose, name, result);
      return unpacked;
    };
    const auto first = layout_of(a, a_layout, scale_a, held.transpose_a, 'A');
    const auto second = layout_of(b, b_layout, scale_b, held.transpose_b, 'B');
    check_matrix(c, result, CUBLAS_OP_N, 'C', result);
    enqueue(stream, "cublasLtMatrixTransform",
            Transform{held, scale_a, scale_b, a, b, c, first, second, result});
  });
}
