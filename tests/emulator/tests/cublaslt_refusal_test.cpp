// What cuBLASLt refuses, a test a rule: each changes one thing of a call that is right.
#include <limits>

#include "support/matmul.h"

namespace emulator_test {
namespace {

using CublasLtRefusal = WithHandle<DeviceTest>;

constexpr std::size_t kPlenty = std::size_t{1} << 20;

// Which of the two it is the documentation often leaves open.
testing::AssertionResult is_refused(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_INVALID_VALUE || status == CUBLAS_STATUS_NOT_SUPPORTED) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "the status is " << testing::PrintToString(status);
}

template <typename Change>
testing::AssertionResult is_refused(cublasLtHandle_t handle, std::mt19937_64& random, Shape shape,
                                    Change&& change) {
  Product product({}, shape, random);
  if (product.run(handle) != CUBLAS_STATUS_SUCCESS) {
    return testing::AssertionFailure() << "even before the change";
  }
  change(product);
  return is_refused(product.run(handle));
}

constexpr Shape kShape{.m = 8, .n = 6, .k = 4};
constexpr Shape kBatch{.m = 8, .n = 6, .k = 4, .batch_count = 2};

TEST_F(CublasLtRefusal, OfNullHandle) {
  const Product product({}, kShape, random);
  EXPECT_EQ(product.run(nullptr), CUBLAS_STATUS_NOT_INITIALIZED);
  EXPECT_TRUE(product.algorithms(nullptr, 0, CUBLAS_STATUS_NOT_INITIALIZED).empty());
  EXPECT_EQ(cublasLtCreate(nullptr), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(CublasLtRefusal, OfNullDescriptors) {
  const Product product({}, kShape, random);
  const float one = 1;
  const auto run = [&](cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t a,
                       cublasLtMatrixLayout_t d) {
    return cublasLtMatmul(handle, operation, &one, product.a.get(), a, product.b.get(),
                          product.b.layout(), &one, product.c.get(), product.c.layout(),
                          product.d.get(), d, nullptr, nullptr, 0, nullptr);
  };
  auto* operation = product.operation.get();
  auto *a = product.a.layout(), *d = product.d.layout();
  EXPECT_EQ(run(operation, a, d), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(run(nullptr, a, d), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(run(operation, nullptr, d), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(run(operation, a, nullptr), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(CublasLtRefusal, OfNullMatrices) {
  const Product product({}, kShape, random);
  EXPECT_EQ(product.run(handle, {}, nullptr, product.d.get()), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(product.run(handle, {}, product.c.get(), nullptr), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(CublasLtRefusal, OfExtentsThatDoNotFit) {
  for (const auto attribute : {CUBLASLT_MATRIX_LAYOUT_ROWS, CUBLASLT_MATRIX_LAYOUT_COLS}) {
    for (const auto matrix : {&Product::a, &Product::b, &Product::c, &Product::d}) {
      EXPECT_TRUE(is_refused(handle, random, kShape, [&](Product& product) {
        (product.*matrix).set(attribute, std::uint64_t{3});
      }));
    }
  }
}

TEST_F(CublasLtRefusal, OfLeadingDimensionsThatAreTooSmall) {
  for (const auto matrix : {&Product::a, &Product::b, &Product::c, &Product::d}) {
    for (const std::int64_t ld : {-8, 1}) {
      EXPECT_TRUE(is_refused(handle, random, kShape, [&](Product& product) {
        (product.*matrix).set(CUBLASLT_MATRIX_LAYOUT_LD, ld);
      }));
    }
  }
}

TEST_F(CublasLtRefusal, OfExtentsBeyondAnInt) {
  EXPECT_TRUE(is_refused(handle, random, {}, [](Product& product) {
    const std::uint64_t rows = std::uint64_t{1} << 31;
    for (const auto matrix : {&Product::a, &Product::c, &Product::d}) {
      (product.*matrix).set(CUBLASLT_MATRIX_LAYOUT_ROWS, rows);
      (product.*matrix).set(CUBLASLT_MATRIX_LAYOUT_LD, static_cast<std::int64_t>(rows));
    }
  }));
}

TEST_F(CublasLtRefusal, OfBatchesOfDifferentCounts) {
  for (const auto matrix : {&Product::a, &Product::b, &Product::c, &Product::d}) {
    EXPECT_TRUE(is_refused(handle, random, kBatch, [&](Product& product) {
      (product.*matrix).set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, std::int32_t{1});
    }));
  }
}

TEST_F(CublasLtRefusal, OfTypesThatNoKernelHas) {
  const auto change_type = [&](Matrix Product::*matrix, std::int32_t type) {
    return is_refused(handle, random, kShape, [&](Product& product) {
      (product.*matrix).set(CUBLASLT_MATRIX_LAYOUT_TYPE, type);
    });
  };
  EXPECT_TRUE(change_type(&Product::a, CUDA_R_16F));
  EXPECT_TRUE(change_type(&Product::b, CUDA_R_64F));
  EXPECT_TRUE(change_type(&Product::c, CUDA_R_16BF));
  EXPECT_TRUE(change_type(&Product::d, CUDA_R_16F));
  EXPECT_TRUE(change_type(&Product::d, 999));
}

TEST_F(CublasLtRefusal, OfComputeAndScaleTypesThatNoKernelHas) {
  for (const auto& [compute, scale] : {std::pair{CUBLAS_COMPUTE_64F, CUDA_R_64F},
                                       {CUBLAS_COMPUTE_16F, CUDA_R_16F},
                                       {CUBLAS_COMPUTE_32F, CUDA_R_64F},
                                       {CUBLAS_COMPUTE_32F, CUDA_R_16F}}) {
    EXPECT_TRUE(is_refused(handle, random, kShape, [&](Product& product) {
      product.set(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, static_cast<std::int32_t>(compute));
      product.set(CUBLASLT_MATMUL_DESC_SCALE_TYPE, static_cast<std::int32_t>(scale));
    }));
  }
}

TEST_F(CublasLtRefusal, OfTransposedC) {
  EXPECT_TRUE(is_refused(handle, random, {.m = 4, .n = 4, .k = 4}, [](Product& product) {
    product.set(CUBLASLT_MATMUL_DESC_TRANSC, CUBLAS_OP_T);
  }));
}

TEST_F(CublasLtRefusal, OfOrdersOfCAndDThatDiffer) {
  EXPECT_TRUE(is_refused(handle, random, {.m = 4, .n = 4, .k = 4}, [](Product& product) {
    product.c.set(CUBLASLT_MATRIX_LAYOUT_ORDER, std::int32_t{CUBLASLT_ORDER_ROW});
  }));
}

TEST_F(CublasLtRefusal, OfResultInPlaceWithAnotherLayout) {
  Product product({}, kShape, random);
  product.d.set(CUBLASLT_MATRIX_LAYOUT_LD, std::int64_t{9});
  EXPECT_EQ(product.run(handle, {}, product.c.get(), product.c.get()), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(CublasLtRefusal, OfMisalignedElements) {
  const Product product({}, {.m = 2, .n = 2, .k = 2}, random);
  EXPECT_TRUE(is_refused(product.run(handle, {}, product.c.get(), product.d.get() + 2)));
}

TEST_F(CublasLtRefusal, OfWorkspaceThatIsTooSmallOrMisalignedOrNull) {
  const Product product({}, {.m = 16, .n = 16, .k = 512}, random);
  const DeviceArray<std::byte> workspace(kPlenty);
  for (const auto& result : product.algorithms(handle, kPlenty)) {
    const auto bytes = result.workspaceSize;
    if (bytes == 0) continue;
    const auto run = [&](std::byte* memory, std::size_t size) {
      return product.run(handle, {&result.algo, memory, size});
    };
    EXPECT_EQ(run(workspace.get(), bytes), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(run(workspace.get(), bytes - 1), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(run(nullptr, bytes), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_TRUE(is_refused(run(workspace.get() + 8, bytes)));
  }
}

TEST_F(CublasLtRefusal, OfAnAlgorithmForOtherTypes) {
  const Product product({}, kShape, random);
  const Product other({CUBLAS_COMPUTE_64F, CUDA_R_64F, CUDA_R_64F, CUDA_R_64F}, kShape, random);
  const auto algorithms = other.algorithms(handle, 0);
  ASSERT_FALSE(algorithms.empty());
  EXPECT_TRUE(is_refused(product.run(handle, {.algorithm = &algorithms[0].algo})));
}

TEST_F(CublasLtRefusal, OfAnAlgorithmThatNobodyMade) {
  const Product product({}, kShape, random);
  const cublasLtMatmulAlgo_t algorithm{{~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}}};
  EXPECT_TRUE(is_refused(product.run(handle, {.algorithm = &algorithm})));
}

TEST_F(CublasLtRefusal, OfAHeuristicForNoAlgorithms) {
  const Product product({}, kShape, random);
  cublasLtMatmulPreference_t wish = nullptr;
  require(cublasLtMatmulPreferenceCreate(&wish));
  cublasLtMatmulHeuristicResult_t result{};
  int count = -1;
  EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(handle, product.operation.get(), product.a.layout(),
                                           product.b.layout(), product.c.layout(),
                                           product.d.layout(), wish, 0, &result, &count),
            CUBLAS_STATUS_INVALID_VALUE);
  require(cublasLtMatmulPreferenceDestroy(wish));
}

TEST_F(CublasLtRefusal, OfABiasThatIsMissing) {
  EXPECT_TRUE(is_refused(handle, random, kShape,
                         [](Product& product) { product.set_epilogue(CUBLASLT_EPILOGUE_BIAS); }));
}

TEST_F(CublasLtRefusal, OfABiasThatTheEpilogueHasNot) {
  EXPECT_TRUE(is_refused(handle, random, kShape, [](Product& product) {
    product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(product.c.get()));
  }));
}

// The same for a call with an epilogue; one buffer holds its bias and its auxiliary matrix.
template <typename Change>
testing::AssertionResult is_refused_with(cublasLtEpilogue_t epilogue, cublasLtHandle_t handle,
                                         std::mt19937_64& random, Shape shape, Change&& change) {
  const DeviceArray<std::byte> memory(kPlenty);
  require(cudaMemset(memory.get(), 0, kPlenty));
  const auto prepare = [&](Product& product) {
    const auto value = static_cast<unsigned>(epilogue);
    product.set_epilogue(epilogue);
    if ((value & 128U) != 0) {
      product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<void*>(memory.get()));
      product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t{128});
      product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, std::int64_t{128 * 128});
    }
    if ((value & (4U | 16U | 256U | 512U)) != 0) {
      product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                  static_cast<void*>(memory.get() + kPlenty / 2));
      product.set(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, std::int64_t{64});
    }
  };
  Product right({}, shape, random);
  prepare(right);
  if (right.run(handle) != CUBLAS_STATUS_SUCCESS) {
    return testing::AssertionFailure() << "even before the change";
  }
  Product wrong({}, shape, random);
  prepare(wrong);
  change(wrong);
  return is_refused(wrong.run(handle));
}

TEST_F(CublasLtRefusal, OfABiasThatIsMisaligned) {
  EXPECT_TRUE(is_refused_with(CUBLASLT_EPILOGUE_BIAS, handle, random, kShape, [](Product& product) {
    product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(product.c.get() + 1));
  }));
}

TEST_F(CublasLtRefusal, OfABiasOfAnotherType) {
  EXPECT_TRUE(is_refused_with(CUBLASLT_EPILOGUE_BIAS, handle, random, kShape, [](Product& product) {
    product.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, std::int32_t{CUDA_R_64F});
  }));
}

TEST_F(CublasLtRefusal, OfARowMajorResultWithABiasOrAnAuxiliaryBuffer) {
  for (const auto epilogue : {CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_RELU_AUX,
                              CUBLASLT_EPILOGUE_GELU_AUX, CUBLASLT_EPILOGUE_DRELU}) {
    EXPECT_TRUE(
        is_refused_with(epilogue, handle, random, {.m = 4, .n = 4, .k = 4}, [](Product& product) {
          for (const auto matrix : {&Product::c, &Product::d}) {
            (product.*matrix).set(CUBLASLT_MATRIX_LAYOUT_ORDER, std::int32_t{CUBLASLT_ORDER_ROW});
          }
        }));
  }
}

TEST_F(CublasLtRefusal, OfAnAuxiliaryBufferThatIsMissing) {
  for (const auto epilogue : {CUBLASLT_EPILOGUE_RELU_AUX, CUBLASLT_EPILOGUE_GELU_AUX,
                              CUBLASLT_EPILOGUE_DRELU, CUBLASLT_EPILOGUE_DGELU}) {
    EXPECT_TRUE(is_refused_with(epilogue, handle, random, kShape, [](Product& product) {
      product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, std::int64_t{0});
      product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<void*>(nullptr));
    }));
  }
}

TEST_F(CublasLtRefusal, OfAnAuxiliaryLeadingDimensionThatIsNoMultiple) {
  for (const auto epilogue : {CUBLASLT_EPILOGUE_RELU_AUX, CUBLASLT_EPILOGUE_DRELU,
                              CUBLASLT_EPILOGUE_GELU_AUX, CUBLASLT_EPILOGUE_DGELU}) {
    const bool is_mask =
        (epilogue & CUBLASLT_EPILOGUE_RELU) != 0 || epilogue == CUBLASLT_EPILOGUE_DRELU;
    EXPECT_TRUE(is_refused_with(epilogue, handle, random, kShape, [&](Product& product) {
      product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t{is_mask ? 64 : 12});
    }));
  }
}

TEST_F(CublasLtRefusal, OfAnAuxiliaryLeadingDimensionThatIsTooSmall) {
  const Shape shape{.m = 16, .n = 6, .k = 4};
  EXPECT_TRUE(
      is_refused_with(CUBLASLT_EPILOGUE_GELU_AUX, handle, random, shape, [](Product& product) {
        product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t{8});
      }));
}

TEST_F(CublasLtRefusal, OfAuxiliaryBuffersThatOverlap) {
  for (const auto epilogue : {CUBLASLT_EPILOGUE_RELU_AUX, CUBLASLT_EPILOGUE_GELU_AUX}) {
    EXPECT_TRUE(is_refused_with(epilogue, handle, random, kBatch, [](Product& product) {
      product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, std::int64_t{128});
    }));
  }
}

TEST_F(CublasLtRefusal, OfGradientsOfABiasThatOverlap) {
  for (const auto epilogue : {CUBLASLT_EPILOGUE_DRELU_BGRAD, CUBLASLT_EPILOGUE_BGRADA}) {
    EXPECT_TRUE(is_refused_with(epilogue, handle, random, kBatch, [](Product& product) {
      product.set(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, std::int64_t{4});
    }));
  }
}

TEST_F(CublasLtRefusal, OfAGradientOfTheBiasFromATransposedAOrAPlainB) {
  const Shape square{.m = 4, .n = 4, .k = 4, .transpose_b = CUBLAS_OP_T};
  EXPECT_TRUE(is_refused_with(
      CUBLASLT_EPILOGUE_BGRADA, handle, random, square,
      [](Product& product) { product.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T); }));
  EXPECT_TRUE(is_refused_with(
      CUBLASLT_EPILOGUE_BGRADB, handle, random, square,
      [](Product& product) { product.set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N); }));
}

TEST_F(CublasLtRefusal, OfEpiloguesThatDoNotGoTogether) {
  for (const int epilogue : {0, 128, CUBLASLT_EPILOGUE_RELU | CUBLASLT_EPILOGUE_GELU,
                             CUBLASLT_EPILOGUE_BGRADA | CUBLASLT_EPILOGUE_BGRADB}) {
    EXPECT_TRUE(is_refused(handle, random, kShape, [&](Product& product) {
      product.set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    }));
  }
}

TEST_F(CublasLtRefusal, OfScalesOfTypesThatHaveNone) {
  EXPECT_TRUE(is_refused(handle, random, kShape, [](Product& product) {
    product.set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, static_cast<void*>(product.c.get()));
  }));
}

}  // namespace
}  // namespace emulator_test
