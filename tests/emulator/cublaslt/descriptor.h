// What the opaque descriptors hold. They are plain values: a caller may keep them on its stack and
// copy them, so they are read out of their bytes and written back whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cublaslt/api.h"
#include "cublaslt/refusal.h"

namespace emulator::cublaslt {

struct Layout {
  std::int32_t type = CUDA_R_32F;
  std::int32_t order = CUBLASLT_ORDER_COL;
  std::uint64_t rows = 0, cols = 0;
  std::int64_t ld = 0;
  std::int32_t batch_count = 1;
  std::uint32_t batch_mode = CUBLASLT_BATCH_MODE_STRIDED;
  std::int64_t batch_stride = 0;
  std::int64_t plane_offset = 0;
  bool operator==(const Layout&) const = default;
};

struct Operation {
  std::int32_t compute_type = CUBLAS_COMPUTE_32F;
  std::int32_t scale_type = CUDA_R_32F;
  std::int32_t pointer_mode = CUBLASLT_POINTER_MODE_HOST;
  std::int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N, transpose_c = CUBLAS_OP_N;
  std::int32_t fill_mode = CUBLAS_FILL_MODE_FULL;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  std::int32_t bias_type = -1;
  std::int32_t aux_type = -1;
  std::int32_t multiprocessors = 0;
  std::int32_t a_scale_mode = 0, b_scale_mode = 0, c_scale_mode = 0, d_scale_mode = 0;
  std::int32_t aux_scale_mode = 0, d_out_scale_mode = 0;
  std::int8_t fast_accumulation = 0;
  void* bias = nullptr;  // read or written, as the epilogue says
  std::int64_t bias_batch_stride = 0;
  void* aux = nullptr;  // likewise
  std::int64_t aux_ld = 0, aux_batch_stride = 0;
  std::int64_t alpha_batch_stride = 0;
  void *a_scale = nullptr, *b_scale = nullptr, *c_scale = nullptr, *d_scale = nullptr;
  void *d_out_scale = nullptr, *d_amax = nullptr;
  void *aux_scale = nullptr, *aux_amax = nullptr;
  void* emulation = nullptr;
};

struct Preference {
  std::uint32_t search_mode = CUBLASLT_SEARCH_BEST_FIT;
  std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint64_t most_workspace_bytes = 0;
  std::uint32_t a_alignment = 256, b_alignment = 256, c_alignment = 256, d_alignment = 256;
  float most_waves = 0;
  std::uint64_t implementations = ~std::uint64_t{0};
};

struct TransformOperation {
  std::int32_t scale_type = CUDA_R_32F;
  std::int32_t pointer_mode = CUBLASLT_POINTER_MODE_HOST;
  std::int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
};

template <typename Value, typename Opaque>
void pack(const Value& value, Opaque* opaque) {
  static_assert(sizeof(Value) <= sizeof(Opaque) && std::is_trivially_copyable_v<Value>);
  std::memset(opaque, 0, sizeof(Opaque));
  std::memcpy(opaque, &value, sizeof(Value));
}

// `what` names the argument for the refusal of a null pointer.
template <typename Value, typename Opaque>
Value unpack(const Opaque* opaque, const char* what) {
  static_assert(sizeof(Value) <= sizeof(Opaque) && std::is_trivially_copyable_v<Value>);
  if (opaque == nullptr) throw invalid(what, " is null");
  Value value;
  std::memcpy(static_cast<void*>(&value), opaque, sizeof(Value));
  return value;
}

}  // namespace emulator::cublaslt
