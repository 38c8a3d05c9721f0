// Products by cuBLASLt against plain loops: types, layouts, batches, algorithms, streams, graphs.
#include <array>
#include <cmath>
#include <limits>

#include "support/matmul.h"

namespace emulator_test {
namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 22;  // bytes of workspace

using CublasLt = WithHandle<DeviceTest>;
using CublasLtEmulated = WithHandle<EmulatedTest>;

void expect_product(const Product& product, cublasStatus_t status) {
  ASSERT_EQ(status, CUBLAS_STATUS_SUCCESS) << product.types << "; " << product.shape;
  require(cudaDeviceSynchronize());
  EXPECT_TRUE(same(product.d.values(), product.stored(product.exact())))
      << product.types << "; " << product.shape;
  EXPECT_TRUE(product.d.padding_is_untouched());
}

TEST_F(CublasLt, ProductsOfAllTypesAndTransposesAreThoseOfLoops) {
  constexpr std::array kTransposes = {CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_OP_C};
  for (const Types& types : kTypes) {
    for (const auto transpose_a : kTransposes) {
      for (const auto transpose_b : kTransposes) {
        const Product product(types, {7, 5, 19, transpose_a, transpose_b}, random);
        expect_product(product, product.run(handle));
      }
    }
  }
}

TEST_F(CublasLt, OrdersOfTheMatricesAndPaddingDoNotMatter) {
  constexpr std::array kOrders = {CUBLASLT_ORDER_COL, CUBLASLT_ORDER_ROW};
  for (const auto order_a : kOrders) {
    for (const auto order_b : kOrders) {
      for (const auto order_d : kOrders) {
        for (const auto transpose : {CUBLAS_OP_N, CUBLAS_OP_T}) {
          const Product product({}, {6, 9, 4, transpose, CUBLAS_OP_N, order_a, order_b, order_d, 3},
                                random);
          expect_product(product, product.run(handle));
        }
      }
    }
  }
}

TEST_F(CublasLt, SizesMayBeOneOrOddAndTheInnerOneNothing) {
  for (const auto m : {1, 2, 33, 300}) {
    for (const auto n : {1, 17}) {
      for (const auto k : {0, 1, 3, 40}) {
        const Product product({}, {m, n, k}, random);
        expect_product(product, product.run(handle));
      }
    }
  }
}

TEST_F(CublasLt, ResultMayTakeThePlaceOfC) {
  for (const Types& types : kTypes) {
    Product product(types, {8, 6, 5}, random);
    ASSERT_EQ(product.run(handle, {}, product.c.get(), product.c.get()), CUBLAS_STATUS_SUCCESS);
    EXPECT_TRUE(same(product.c.values(), product.stored(product.exact()))) << types;
  }
}

TEST_F(CublasLt, MatrixOfAZeroFactorIsNotRead) {
  Product product({}, {4, 3, 2}, random);
  product.beta = 0;
  const std::vector<double> nans(12, std::numeric_limits<double>::quiet_NaN());
  product.c.write(nans);
  ASSERT_EQ(product.run(handle), CUBLAS_STATUS_SUCCESS);
  for (const double value : product.d.values()) EXPECT_TRUE(std::isfinite(value));
  product.c.write(Product::numbers(12, random));
  expect_product(product, product.run(handle, {}, nullptr, product.d.get()));
  product.alpha = 0;
  product.beta = 1;
  product.a.write(std::vector<double>(8, nans[0]));
  ASSERT_EQ(product.run(handle), CUBLAS_STATUS_SUCCESS);
  for (const double value : product.d.values()) EXPECT_TRUE(std::isfinite(value));
}

TEST_F(CublasLt, BatchesAreProductsOfTheirOwn) {
  for (const bool shares_b : {false, true}) {
    for (const auto order : {CUBLASLT_ORDER_COL, CUBLASLT_ORDER_ROW}) {
      const Shape shape{5, 4, 6, CUBLAS_OP_N, CUBLAS_OP_T, order, order, order, 2, 3, shares_b};
      const Product product({}, shape, random);
      expect_product(product, product.run(handle));
    }
  }
}

TEST_F(CublasLt, ColumnOfLeadingDimensionZeroStandsForAllOfC) {
  Product product({}, {5, 3, 2}, random);
  const auto column = Product::numbers(5, random);
  std::vector<double> repeated;
  for (int j = 0; j < 3; ++j) repeated.insert(repeated.end(), column.begin(), column.end());
  const Matrix memory(CUDA_R_32F, {5, 1}, column);
  product.c.write(repeated);
  product.c.set(CUBLASLT_MATRIX_LAYOUT_LD, std::int64_t{0});
  expect_product(product, product.run(handle, {}, memory.get(), product.d.get()));
}

TEST_F(CublasLt, FactorsMayLieOnTheDevice) {
  for (const Types& types : kTypes) {
    Product product(types, {4, 3, 5}, random);
    product.set(CUBLASLT_MATMUL_DESC_POINTER_MODE, CUBLASLT_POINTER_MODE_DEVICE);
    const Matrix alpha(types.scale, {}, {product.alpha}), beta(types.scale, {}, {product.beta});
    const auto status = cublasLtMatmul(
        handle, product.operation.get(), alpha.get(), product.a.get(), product.a.layout(),
        product.b.get(), product.b.layout(), beta.get(), product.c.get(), product.c.layout(),
        product.d.get(), product.d.layout(), nullptr, nullptr, 0, nullptr);
    expect_product(product, status);
  }
}

TEST_F(CublasLt, EveryAlgorithmThatIsOfferedComputesTheSame) {
  for (const Types& types : kTypes) {
    for (const Shape& shape : {Shape{16, 16, 64}, Shape{7, 5, 40}, Shape{64, 48, 16},
                               Shape{.m = 8, .n = 8, .k = 48, .batch_count = 2}}) {
      Product product(types, shape, random);
      const DeviceArray<std::byte> workspace(kPlenty);
      const auto algorithms = product.algorithms(handle, kPlenty);
      ASSERT_FALSE(algorithms.empty());
      for (const auto& result : algorithms) {
        EXPECT_EQ(result.state, CUBLAS_STATUS_SUCCESS);
        EXPECT_LE(result.workspaceSize, kPlenty);
        product.d.fill();
        expect_product(product,
                       product.run(handle, {&result.algo, workspace.get(), result.workspaceSize}));
      }
    }
  }
}

TEST_F(CublasLt, WithoutWorkspaceNoAlgorithmIsOfferedThatNeedsIt) {
  const Product product({}, {16, 16, 256}, random);
  for (const auto& result : product.algorithms(handle, 0)) EXPECT_EQ(result.workspaceSize, 0U);
}

TEST_F(CublasLt, AlgorithmsForLessAlignedMatricesTakeThem) {
  const Product product({}, {16, 16, 8}, random);
  const DeviceArray<float> memory(16 * 16 + 1);
  for (const auto& result : product.algorithms(handle, 0, CUBLAS_STATUS_SUCCESS, 4)) {
    require(cudaMemset(memory.get(), 0, memory.count() * sizeof(float)));
    ASSERT_EQ(product.run(handle, {&result.algo}, product.c.get(), memory.get() + 1),
              CUBLAS_STATUS_SUCCESS);
    const auto values = memory.values();
    EXPECT_TRUE(same(std::vector<double>(values.begin() + 1, values.end()), product.exact()));
  }
}

TEST_F(CublasLtEmulated, AlgorithmForAlignedMatricesRefusesOthers) {
  const Product product({}, {16, 16, 8}, random);
  const DeviceArray<float> memory(16 * 16 + 1);
  const auto algorithms = product.algorithms(handle, 0);
  ASSERT_FALSE(algorithms.empty());
  EXPECT_EQ(product.run(handle, {&algorithms[0].algo}, product.c.get(), memory.get() + 1),
            CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST_F(CublasLt, CheckOfAnAlgorithmSaysWhatTheHeuristicSaid) {
  const Product product({}, {16, 16, 256}, random);
  for (const auto& result : product.algorithms(handle, kPlenty)) {
    cublasLtMatmulHeuristicResult_t checked{};
    ASSERT_EQ(cublasLtMatmulAlgoCheck(handle, product.operation.get(), product.a.layout(),
                                      product.b.layout(), product.c.layout(), product.d.layout(),
                                      &result.algo, &checked),
              CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(checked.workspaceSize, result.workspaceSize);
    EXPECT_EQ(checked.state, CUBLAS_STATUS_SUCCESS);
  }
}

TEST_F(CublasLt, AlgorithmMayBeMadeOfItsId) {
  const Product product({}, {16, 16, 16}, random);
  int ids[64], count = 0;
  require(cublasLtMatmulAlgoGetIds(handle, CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F,
                                   CUDA_R_32F, CUDA_R_32F, 64, ids, &count));
  ASSERT_GT(count, 0);
  cublasLtMatmulAlgo_t algorithm{};
  require(cublasLtMatmulAlgoInit(handle, CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F,
                                 CUDA_R_32F, CUDA_R_32F, ids[0], &algorithm));
  std::int32_t id = -1;
  require(cublasLtMatmulAlgoConfigGetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_ID, &id, sizeof id,
                                               nullptr));
  EXPECT_EQ(id, ids[0]);
}

TEST_F(CublasLt, CallKeepsNothingOfItsDescriptors) {
  cudaStream_t stream = nullptr;
  require(cudaStreamCreate(&stream));
  Product product({}, {4, 3, 2}, random);
  ASSERT_EQ(product.run(handle, {.stream = stream}), CUBLAS_STATUS_SUCCESS);
  product.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  product.a.set(CUBLASLT_MATRIX_LAYOUT_ROWS, std::uint64_t{0});
  product.operation.reset();
  expect_product(product, CUBLAS_STATUS_SUCCESS);
  require(cudaStreamDestroy(stream));
}

TEST_F(CublasLt, ProductInAGraphRunsWithEveryLaunch) {
  cudaStream_t stream = nullptr;
  require(cudaStreamCreate(&stream));
  Product product({}, {16, 16, 64}, random);
  const DeviceArray<std::byte> workspace(kPlenty);
  const auto algorithms = product.algorithms(handle, kPlenty);
  ASSERT_FALSE(algorithms.empty());
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(product.run(handle, {&algorithms[0].algo, workspace.get(), kPlenty, stream}),
            CUBLAS_STATUS_SUCCESS)
      << "the first one loads kernels";
  require(cudaStreamSynchronize(stream));
  product.d.fill();
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  EXPECT_EQ(product.run(handle, {&algorithms[0].algo, workspace.get(), kPlenty, stream}),
            CUBLAS_STATUS_SUCCESS);
  require(cudaStreamEndCapture(stream, &graph));
  require(cudaGraphInstantiate(&executable, graph, 0));
  EXPECT_FALSE(same(product.d.values(), product.stored(product.exact())));
  for (int launch = 0; launch < 2; ++launch) {
    product.d.fill();
    require(cudaGraphLaunch(executable, stream));
    require(cudaStreamSynchronize(stream));
    EXPECT_TRUE(same(product.d.values(), product.stored(product.exact())));
  }
  require(cudaGraphExecDestroy(executable));
  require(cudaGraphDestroy(graph));
  require(cudaStreamDestroy(stream));
}

TEST_F(CublasLtEmulated, FirstProductOfAKindSpoilsACaptureThatIsNotRelaxed) {
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  require(cudaStreamCreate(&stream));
  // A kind that no other test has.
  const Types types{CUBLAS_COMPUTE_32F_FAST_16BF, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F};
  const Product product(types, {3, 2, 5, CUBLAS_OP_T, CUBLAS_OP_C}, random);
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  EXPECT_EQ(product.run(handle, {.stream = stream}), CUBLAS_STATUS_INTERNAL_ERROR);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  cudaGetLastError();
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  EXPECT_EQ(product.run(handle, {.stream = stream}), CUBLAS_STATUS_SUCCESS);
  require(cudaStreamEndCapture(stream, &graph));
  require(cudaGraphDestroy(graph));
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  EXPECT_EQ(product.run(handle, {.stream = stream}), CUBLAS_STATUS_SUCCESS) << "it is loaded now";
  require(cudaStreamEndCapture(stream, &graph));
  require(cudaGraphDestroy(graph));
  require(cudaStreamDestroy(stream));
}

TEST_F(CublasLt, SumOfRealNumbersIsNearTheExactOne) {
  std::normal_distribution<double> normal;
  const auto numbers = [&](std::size_t count) {
    std::vector<double> values(count);
    for (double& value : values) value = rounded(CUDA_R_32F, normal(random));
    return values;
  };
  Product product({}, {20, 30, 500}, random);
  product.a.write(numbers(20 * 500));
  product.b.write(numbers(500 * 30));
  ASSERT_EQ(product.run(handle), CUBLAS_STATUS_SUCCESS);
  const auto got = product.d.values(), want = product.exact();
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-3);
}

TEST_F(CublasLt, LargeProductIsQuick) {
  const Product product({}, {512, 512, 512}, random);
  ASSERT_EQ(product.run(handle), CUBLAS_STATUS_SUCCESS);
  require(cudaDeviceSynchronize());
  const auto got = product.d.values();
  for (const std::int64_t i : {0, 255, 256, 511}) {
    double sum = -product.c.at(0, i, 300);
    for (std::int64_t p = 0; p < 512; ++p)
      sum += 2 * product.op_a(0, i, p) * product.op_b(0, p, 300);
    EXPECT_EQ(got[static_cast<std::size_t>(300 * 512 + i)], sum);
  }
}

TEST_F(CublasLtEmulated, Tf32RoundsInputsToTheNearestAndTiesToEven) {
  Product product({CUBLAS_COMPUTE_32F_FAST_TF32}, {4, 1, 1}, random);
  product.alpha = 1;
  product.beta = 0;
  const double unit = std::ldexp(1, -10);
  product.a.write({1 + unit / 2, 1 + unit * 3 / 2, 1 + unit * 0.75, 1 + unit / 4});
  product.b.write({1});
  ASSERT_EQ(product.run(handle), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(product.d.values(), (std::vector<double>{1, 1 + 2 * unit, 1 + unit, 1}));
}

TEST_F(CublasLtEmulated, MatrixBeyondItsMemoryIsReported) {
  Product product({}, {8, 8, 8}, random);
  const DeviceArray<float> shorter(std::vector<float>(63));
  ASSERT_EQ(product.run(handle, {}, shorter.get(), product.d.get()), CUBLAS_STATUS_SUCCESS);
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].fault, "out of bounds");
  EXPECT_TRUE(mentions(findings[0], "cublasLtMatmul"));
}

TEST_F(CublasLtEmulated, MatrixThatNothingWroteIsReported) {
  const Product product({}, {8, 8, 8}, random);
  const DeviceArray<float> unwritten(64);
  ASSERT_EQ(product.run(handle, {}, unwritten.get(), product.d.get()), CUBLAS_STATUS_SUCCESS);
  const auto findings = take_findings();
  ASSERT_FALSE(findings.empty());
  EXPECT_TRUE(mentions(findings[0], "cublasLtMatmul"));
}

TEST_F(CublasLtEmulated, WorkspaceSmallerThanSaidIsReported) {
  const Product product({}, {16, 16, 256}, random);
  const auto algorithms = product.algorithms(handle, kPlenty);
  ASSERT_FALSE(algorithms.empty());
  ASSERT_GT(algorithms[0].workspaceSize, 256U);
  const DeviceArray<std::byte> workspace(256);
  ASSERT_EQ(product.run(handle, {&algorithms[0].algo, workspace.get(), kPlenty}),
            CUBLAS_STATUS_SUCCESS);
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].fault, "out of bounds");
}

TEST_F(CublasLtEmulated, ProductsOfTwoStreamsInOneWorkspaceAreReported) {
  const Product product({}, {16, 16, 256}, random), other({}, {16, 16, 256}, random);
  const DeviceArray<std::byte> workspace(kPlenty);
  const auto algorithms = product.algorithms(handle, kPlenty);
  ASSERT_GT(algorithms.at(0).workspaceSize, 0U);
  cudaStream_t streams[2];
  for (auto& stream : streams) {
    require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  }
  const Means means{&algorithms[0].algo, workspace.get(), kPlenty};
  require(cudaDeviceSynchronize());
  ASSERT_EQ(product.run(handle, {means.algorithm, means.workspace, kPlenty, streams[0]}),
            CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(other.run(handle, {means.algorithm, means.workspace, kPlenty, streams[1]}),
            CUBLAS_STATUS_SUCCESS);
  const auto findings = take_findings();
  ASSERT_FALSE(findings.empty());
  EXPECT_TRUE(mentions(findings[0], "cublasLtMatmul"));
  for (auto& stream : streams) require(cudaStreamDestroy(stream));
}

TEST_F(CublasLtEmulated, TheCallThatIsToFailFails) {
  const Product product({}, {4, 4, 4}, random);
  constexpr const char* kFunction = "cublasLtMatmulAlgoGetHeuristic";
  ASSERT_EQ(emulator()->fail_call(kFunction, 2, CUBLAS_STATUS_NOT_SUPPORTED), 0);
  EXPECT_FALSE(product.algorithms(handle, kPlenty).empty());
  EXPECT_TRUE(product.algorithms(handle, kPlenty, CUBLAS_STATUS_NOT_SUPPORTED).empty());
  EXPECT_FALSE(product.algorithms(handle, kPlenty).empty());
  EXPECT_EQ(emulator()->fail_call("cublasLtNothing", 1, 1), 1) << "there is no such function";
}

TEST_F(CublasLt, MatrixTransformScalesTransposesAndAdds) {
  const Matrix a(CUDA_R_32F, {4, 6, CUBLASLT_ORDER_ROW, 1}, Product::numbers(24, random));
  const Matrix b(CUDA_R_32F, {6, 4, CUBLASLT_ORDER_COL, 2}, Product::numbers(24, random));
  const Matrix c = Matrix::filled(CUDA_R_32F, {4, 6, CUBLASLT_ORDER_COL, 3});
  cublasLtMatrixTransformDesc_t operation = nullptr;
  require(cublasLtMatrixTransformDescCreate(&operation, CUDA_R_32F));
  const std::int32_t transpose = CUBLAS_OP_T;
  require(cublasLtMatrixTransformDescSetAttribute(operation, CUBLASLT_MATRIX_TRANSFORM_DESC_TRANSB,
                                                  &transpose, sizeof transpose));
  const float alpha = 2, beta = 3;
  EXPECT_EQ(cublasLtMatrixTransform(handle, operation, &alpha, a.get(), a.layout(), &beta, b.get(),
                                    b.layout(), c.get(), c.layout(), nullptr),
            CUBLAS_STATUS_SUCCESS);
  const auto values = c.values();
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t j = 0; j < 6; ++j) {
      EXPECT_EQ(values[static_cast<std::size_t>(i + 4 * j)], 2 * a.at(0, i, j) + 3 * b.at(0, j, i));
    }
  }
  EXPECT_TRUE(c.padding_is_untouched());
  require(cublasLtMatrixTransformDescDestroy(operation));
}

}  // namespace
}  // namespace emulator_test
