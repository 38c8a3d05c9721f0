// cuBLASLt's descriptors and their attributes, versions and names: what needs no device.
#include "support/matmul.h"

namespace emulator_test {
namespace {

template <typename Value>
Value attribute(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t name) {
  Value value{};
  std::size_t written = 0;
  EXPECT_EQ(cublasLtMatmulDescGetAttribute(operation, name, &value, sizeof value, &written),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(written, sizeof value);
  return value;
}

TEST(CublasLtDescriptor, OfAnOperationBeginsWithTheDefaults) {
  cublasLtMatmulDesc_t operation = nullptr;
  require(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F));
  const Owned<cublasLtMatmulDescOpaque_t> owned(operation);
  const auto number = [&](auto name) { return attribute<std::int32_t>(operation, name); };
  EXPECT_EQ(number(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE), CUBLAS_COMPUTE_32F_FAST_TF32);
  EXPECT_EQ(number(CUBLASLT_MATMUL_DESC_SCALE_TYPE), CUDA_R_32F);
  EXPECT_EQ(number(CUBLASLT_MATMUL_DESC_POINTER_MODE), CUBLASLT_POINTER_MODE_HOST);
  EXPECT_EQ(number(CUBLASLT_MATMUL_DESC_TRANSA), CUBLAS_OP_N);
  EXPECT_EQ(number(CUBLASLT_MATMUL_DESC_FILL_MODE), CUBLAS_FILL_MODE_FULL);
  EXPECT_EQ(number(CUBLASLT_MATMUL_DESC_EPILOGUE), CUBLASLT_EPILOGUE_DEFAULT);
  EXPECT_EQ(number(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE), -1);
  EXPECT_EQ(number(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE), -1);
  EXPECT_EQ(attribute<void*>(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER), nullptr);
  EXPECT_EQ(attribute<std::int64_t>(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD), 0);
  EXPECT_EQ(attribute<std::int8_t>(operation, CUBLASLT_MATMUL_DESC_FAST_ACCUM), 0);
}

TEST(CublasLtDescriptor, KeepsWhatWasSet) {
  cublasLtMatmulDescOpaque_t operation;
  require(cublasLtMatmulDescInit(&operation, CUBLAS_COMPUTE_64F, CUDA_R_64F));
  const std::int64_t ld = 256;
  require(cublasLtMatmulDescSetAttribute(&operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &ld,
                                         sizeof ld));
  const auto copy = operation;
  auto other = copy;
  EXPECT_EQ(attribute<std::int64_t>(&other, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD), 256);
  EXPECT_EQ(attribute<std::int32_t>(&other, CUBLASLT_MATMUL_DESC_COMPUTE_TYPE), CUBLAS_COMPUTE_64F);
}

TEST(CublasLtDescriptor, OfAMatrixHoldsWhatItWasMadeWith) {
  cublasLtMatrixLayout_t layout = nullptr;
  require(cublasLtMatrixLayoutCreate(&layout, CUDA_R_16BF, 3, 4, 5));
  const Owned<cublasLtMatrixLayoutOpaque_t> owned(layout);
  const auto number = [&](cublasLtMatrixLayoutAttribute_t name, std::size_t bytes) {
    std::int64_t value = 0;
    EXPECT_EQ(cublasLtMatrixLayoutGetAttribute(layout, name, &value, bytes, nullptr),
              CUBLAS_STATUS_SUCCESS);
    return value;
  };
  EXPECT_EQ(number(CUBLASLT_MATRIX_LAYOUT_TYPE, 4), CUDA_R_16BF);
  EXPECT_EQ(number(CUBLASLT_MATRIX_LAYOUT_ORDER, 4), CUBLASLT_ORDER_COL);
  EXPECT_EQ(number(CUBLASLT_MATRIX_LAYOUT_ROWS, 8), 3);
  EXPECT_EQ(number(CUBLASLT_MATRIX_LAYOUT_COLS, 8), 4);
  EXPECT_EQ(number(CUBLASLT_MATRIX_LAYOUT_LD, 8), 5);
  EXPECT_EQ(number(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, 4), 1);
  EXPECT_EQ(number(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, 8), 0);
}

TEST(CublasLtDescriptor, OfAPreferenceBeginsWithTheDefaults) {
  cublasLtMatmulPreference_t preference = nullptr;
  require(cublasLtMatmulPreferenceCreate(&preference));
  const Owned<cublasLtMatmulPreferenceOpaque_t> owned(preference);
  const auto number = [&](cublasLtMatmulPreferenceAttributes_t name, std::size_t bytes) {
    std::uint64_t value = 0;
    EXPECT_EQ(cublasLtMatmulPreferenceGetAttribute(preference, name, &value, bytes, nullptr),
              CUBLAS_STATUS_SUCCESS);
    return value;
  };
  EXPECT_EQ(number(CUBLASLT_MATMUL_PREF_SEARCH_MODE, 4), 0U);
  EXPECT_EQ(number(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 8), 0U);
  EXPECT_EQ(number(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, 4), 7U);
  EXPECT_EQ(number(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, 4), 256U);
  EXPECT_EQ(number(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, 4), 256U);
  EXPECT_EQ(number(CUBLASLT_MATMUL_PREF_IMPL_MASK, 8), ~std::uint64_t{0});
}

TEST(CublasLtDescriptor, RefusesValuesOfAnotherSize) {
  cublasLtMatmulDescOpaque_t operation;
  require(cublasLtMatmulDescInit(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  const std::int64_t value = 0;
  const auto set = [&](cublasLtMatmulDescAttributes_t name, const void* from, std::size_t bytes) {
    return cublasLtMatmulDescSetAttribute(&operation, name, from, bytes);
  };
  EXPECT_EQ(set(CUBLASLT_MATMUL_DESC_TRANSA, &value, 4), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(set(CUBLASLT_MATMUL_DESC_TRANSA, &value, 8), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &value, 4), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(set(CUBLASLT_MATMUL_DESC_TRANSA, nullptr, 4), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(set(static_cast<cublasLtMatmulDescAttributes_t>(9), &value, 4),
            CUBLAS_STATUS_INVALID_VALUE);
}

TEST(CublasLtDescriptor, SaysTheSizeOfAnAttribute) {
  cublasLtMatmulDescOpaque_t operation;
  require(cublasLtMatmulDescInit(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  std::size_t bytes = 0;
  const auto get = [&](void* to, std::size_t room, std::size_t* written) {
    return cublasLtMatmulDescGetAttribute(&operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, to, room,
                                          written);
  };
  EXPECT_EQ(get(nullptr, 0, &bytes), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(bytes, sizeof(void*));
  EXPECT_EQ(get(nullptr, 0, nullptr), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(get(nullptr, 8, &bytes), CUBLAS_STATUS_INVALID_VALUE);
}

TEST(CublasLtDescriptor, NeedsRoomAndAPlace) {
  cublasLtMatmulDescOpaque_t operation;
  cublasLtMatrixLayoutOpaque_t layout;
  cublasLtMatmulPreferenceOpaque_t preference;
  EXPECT_EQ(cublasLtMatmulDescInit_internal(&operation, 8, CUBLAS_COMPUTE_32F, CUDA_R_32F),
            CUBLAS_STATUS_ALLOC_FAILED);
  EXPECT_EQ(cublasLtMatrixLayoutInit_internal(&layout, 1, CUDA_R_32F, 1, 1, 1),
            CUBLAS_STATUS_ALLOC_FAILED);
  EXPECT_EQ(cublasLtMatmulPreferenceInit_internal(&preference, 1), CUBLAS_STATUS_ALLOC_FAILED);
  EXPECT_EQ(cublasLtMatmulDescCreate(nullptr, CUBLAS_COMPUTE_32F, CUDA_R_32F),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtMatrixLayoutCreate(nullptr, CUDA_R_32F, 1, 1, 1), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtMatmulPreferenceCreate(nullptr), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtMatmulDescDestroy(nullptr), CUBLAS_STATUS_SUCCESS);
}

TEST(CublasLtLibrary, KnowsItsVersionAndTheNamesOfStatuses) {
  EXPECT_GE(cublasLtGetVersion(), 130000U);
  EXPECT_GE(cublasLtGetCudartVersion(), 13000U);
  int major = 0;
  EXPECT_EQ(cublasLtGetProperty(MAJOR_VERSION, &major), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(static_cast<std::size_t>(major), cublasLtGetVersion() / 10000);
  EXPECT_STREQ(cublasLtGetStatusName(CUBLAS_STATUS_NOT_SUPPORTED), "CUBLAS_STATUS_NOT_SUPPORTED");
  EXPECT_STREQ(cublasLtGetStatusString(CUBLAS_STATUS_SUCCESS), "success");
  EXPECT_STREQ(cublasLtGetStatusName(static_cast<cublasStatus_t>(2)), "unrecognized status");
  EXPECT_EQ(cublasLtLoggerSetLevel(0), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cublasLtLoggerSetLevel(9), CUBLAS_STATUS_INVALID_VALUE);
}

}  // namespace
}  // namespace emulator_test
