#include "cublaslt/descriptor.h"

#include "cublaslt/attribute.h"

namespace emulator::cublaslt {
namespace {

std::span<std::byte> field(Layout& layout, int attribute) {
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE: return bytes_of(layout.type);
    case CUBLASLT_MATRIX_LAYOUT_ORDER: return bytes_of(layout.order);
    case CUBLASLT_MATRIX_LAYOUT_ROWS: return bytes_of(layout.rows);
    case CUBLASLT_MATRIX_LAYOUT_COLS: return bytes_of(layout.cols);
    case CUBLASLT_MATRIX_LAYOUT_LD: return bytes_of(layout.ld);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return bytes_of(layout.batch_count);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return bytes_of(layout.batch_stride);
    case CUBLASLT_MATRIX_LAYOUT_PLANE_OFFSET: return bytes_of(layout.plane_offset);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_MODE: return bytes_of(layout.batch_mode);
    default: return {};
  }
}

std::span<std::byte> field(Operation& operation, int attribute) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE: return bytes_of(operation.compute_type);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE: return bytes_of(operation.scale_type);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE: return bytes_of(operation.pointer_mode);
    case CUBLASLT_MATMUL_DESC_TRANSA: return bytes_of(operation.transpose_a);
    case CUBLASLT_MATMUL_DESC_TRANSB: return bytes_of(operation.transpose_b);
    case CUBLASLT_MATMUL_DESC_TRANSC: return bytes_of(operation.transpose_c);
    case CUBLASLT_MATMUL_DESC_FILL_MODE: return bytes_of(operation.fill_mode);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return bytes_of(operation.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return bytes_of(operation.bias);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE: return bytes_of(operation.bias_batch_stride);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return bytes_of(operation.bias_type);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: return bytes_of(operation.aux);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD: return bytes_of(operation.aux_ld);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE:
      return bytes_of(operation.aux_batch_stride);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE: return bytes_of(operation.aux_type);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_SCALE_POINTER: return bytes_of(operation.aux_scale);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_AMAX_POINTER: return bytes_of(operation.aux_amax);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_SCALE_MODE: return bytes_of(operation.aux_scale_mode);
    case CUBLASLT_MATMUL_DESC_ALPHA_VECTOR_BATCH_STRIDE:
      return bytes_of(operation.alpha_batch_stride);
    case CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET: return bytes_of(operation.multiprocessors);
    case CUBLASLT_MATMUL_DESC_A_SCALE_POINTER: return bytes_of(operation.a_scale);
    case CUBLASLT_MATMUL_DESC_B_SCALE_POINTER: return bytes_of(operation.b_scale);
    case CUBLASLT_MATMUL_DESC_C_SCALE_POINTER: return bytes_of(operation.c_scale);
    case CUBLASLT_MATMUL_DESC_D_SCALE_POINTER: return bytes_of(operation.d_scale);
    case CUBLASLT_MATMUL_DESC_D_OUT_SCALE_POINTER: return bytes_of(operation.d_out_scale);
    case CUBLASLT_MATMUL_DESC_AMAX_D_POINTER: return bytes_of(operation.d_amax);
    case CUBLASLT_MATMUL_DESC_A_SCALE_MODE: return bytes_of(operation.a_scale_mode);
    case CUBLASLT_MATMUL_DESC_B_SCALE_MODE: return bytes_of(operation.b_scale_mode);
    case CUBLASLT_MATMUL_DESC_C_SCALE_MODE: return bytes_of(operation.c_scale_mode);
    case CUBLASLT_MATMUL_DESC_D_SCALE_MODE: return bytes_of(operation.d_scale_mode);
    case CUBLASLT_MATMUL_DESC_D_OUT_SCALE_MODE: return bytes_of(operation.d_out_scale_mode);
    case CUBLASLT_MATMUL_DESC_FAST_ACCUM: return bytes_of(operation.fast_accumulation);
    case CUBLASLT_MATMUL_DESC_EMULATION_DESCRIPTOR: return bytes_of(operation.emulation);
    default: return {};
  }
}

std::span<std::byte> field(Preference& preference, int attribute) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_SEARCH_MODE: return bytes_of(preference.search_mode);
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return bytes_of(preference.most_workspace_bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return bytes_of(preference.reductions);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return bytes_of(preference.a_alignment);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return bytes_of(preference.b_alignment);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return bytes_of(preference.c_alignment);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return bytes_of(preference.d_alignment);
    case CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT: return bytes_of(preference.most_waves);
    case CUBLASLT_MATMUL_PREF_IMPL_MASK: return bytes_of(preference.implementations);
    default: return {};
  }
}

std::span<std::byte> field(TransformOperation& operation, int attribute) {
  switch (attribute) {
    case CUBLASLT_MATRIX_TRANSFORM_DESC_SCALE_TYPE: return bytes_of(operation.scale_type);
    case CUBLASLT_MATRIX_TRANSFORM_DESC_POINTER_MODE: return bytes_of(operation.pointer_mode);
    case CUBLASLT_MATRIX_TRANSFORM_DESC_TRANSA: return bytes_of(operation.transpose_a);
    case CUBLASLT_MATRIX_TRANSFORM_DESC_TRANSB: return bytes_of(operation.transpose_b);
    default: return {};
  }
}

template <typename Opaque, typename Value>
cublasStatus_t create(const char* function, Opaque** descriptor, const Value& value) {
  return guarded(function, [&] {
    if (descriptor == nullptr) throw invalid("nowhere to write the descriptor");
    *descriptor = new Opaque;
    pack(value, *descriptor);
  });
}

template <typename Opaque, typename Value>
cublasStatus_t initialize(const char* function, Opaque* descriptor, std::size_t bytes,
                          const Value& value) {
  return guarded(function, [&] {
    if (descriptor == nullptr) throw invalid("the descriptor is null");
    if (bytes < sizeof(Opaque)) {
      throw refusal(CUBLAS_STATUS_ALLOC_FAILED, bytes, " bytes do not hold the descriptor");
    }
    pack(value, descriptor);
  });
}

template <typename Value, typename Opaque>
cublasStatus_t set(const char* function, Opaque* descriptor, int attribute, const void* value,
                   std::size_t bytes) {
  return guarded(function, [&] {
    auto held = unpack<Value>(descriptor, "the descriptor");
    set_attribute(field(held, attribute), value, bytes);
    pack(held, descriptor);
  });
}

template <typename Value, typename Opaque>
cublasStatus_t get(const char* function, const Opaque* descriptor, int attribute, void* value,
                   std::size_t bytes, std::size_t* written) {
  return guarded(function, [&] {
    auto held = unpack<Value>(descriptor, "the descriptor");
    get_attribute(field(held, attribute), value, bytes, written);
  });
}

Layout layout_of(cudaDataType type, std::uint64_t rows, std::uint64_t cols, std::int64_t ld) {
  Layout layout;
  layout.type = type;
  layout.rows = rows;
  layout.cols = cols;
  layout.ld = ld;
  return layout;
}

Operation operation_of(cublasComputeType_t compute_type, cudaDataType_t scale_type) {
  Operation operation;
  operation.compute_type = compute_type;
  operation.scale_type = scale_type;
  return operation;
}

TransformOperation transform_of(cudaDataType scale_type) {
  TransformOperation operation;
  operation.scale_type = scale_type;
  return operation;
}

}  // namespace
}  // namespace emulator::cublaslt

using namespace emulator::cublaslt;

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, size_t size,
                                                 cudaDataType type, uint64_t rows, uint64_t cols,
                                                 int64_t ld) {
  return initialize(__func__, layout, size, layout_of(type, rows, cols, ld));
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld) {
  return create(__func__, layout, layout_of(type, rows, cols, ld));
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, size_t bytes) {
  return set<Layout>(__func__, layout, attribute, value, bytes);
}

cublasStatus_t cublasLtMatrixLayoutGetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                void* value, size_t bytes, size_t* written) {
  return get<Layout>(__func__, layout, attribute, value, bytes, written);
}

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t operation, size_t size,
                                               cublasComputeType_t compute_type,
                                               cudaDataType_t scale_type) {
  return initialize(__func__, operation, size, operation_of(compute_type, scale_type));
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* operation,
                                        cublasComputeType_t compute_type,
                                        cudaDataType_t scale_type) {
  return create(__func__, operation, operation_of(compute_type, scale_type));
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  delete operation;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  return set<Operation>(__func__, operation, attribute, value, bytes);
}

cublasStatus_t cublasLtMatmulDescGetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t attribute, void* value,
                                              size_t bytes, size_t* written) {
  return get<Operation>(__func__, operation, attribute, value, bytes, written);
}

cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t preference,
                                                     size_t size) {
  return initialize(__func__, preference, size, Preference{});
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return create(__func__, preference, Preference{});
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  return set<Preference>(__func__, preference, attribute, value, bytes);
}

cublasStatus_t cublasLtMatmulPreferenceGetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    void* value, size_t bytes, size_t* written) {
  return get<Preference>(__func__, preference, attribute, value, bytes, written);
}

cublasStatus_t cublasLtMatrixTransformDescInit_internal(cublasLtMatrixTransformDesc_t operation,
                                                        size_t size, cudaDataType scale_type) {
  return initialize(__func__, operation, size, transform_of(scale_type));
}

cublasStatus_t cublasLtMatrixTransformDescCreate(cublasLtMatrixTransformDesc_t* operation,
                                                 cudaDataType scale_type) {
  return create(__func__, operation, transform_of(scale_type));
}

cublasStatus_t cublasLtMatrixTransformDescDestroy(cublasLtMatrixTransformDesc_t operation) {
  delete operation;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixTransformDescSetAttribute(
    cublasLtMatrixTransformDesc_t operation, cublasLtMatrixTransformDescAttributes_t attribute,
    const void* value, size_t bytes) {
  return set<TransformOperation>(__func__, operation, attribute, value, bytes);
}

cublasStatus_t cublasLtMatrixTransformDescGetAttribute(
    cublasLtMatrixTransformDesc_t operation, cublasLtMatrixTransformDescAttributes_t attribute,
    void* value, size_t bytes, size_t* written) {
  return get<TransformOperation>(__func__, operation, attribute, value, bytes, written);
}
