// The epilogues of cuBLASLt's products against plain loops: results, masks, inputs of activations,
// and the gradients of the bias.
#include <cmath>
#include <cstdlib>
#include <numbers>

#include "support/matmul.h"

namespace emulator_test {
namespace {

using CublasLtEpilogue = WithHandle<DeviceTest>;

bool has(cublasLtEpilogue_t epilogue, unsigned part) {
  return (static_cast<unsigned>(epilogue) & part) == part;
}
bool is_relu(cublasLtEpilogue_t e) { return has(e, CUBLASLT_EPILOGUE_RELU); }
bool is_gelu(cublasLtEpilogue_t e) { return has(e, CUBLASLT_EPILOGUE_GELU); }
bool is_relu_gradient(cublasLtEpilogue_t e) { return has(e, CUBLASLT_EPILOGUE_DRELU); }
bool is_gelu_gradient(cublasLtEpilogue_t e) { return has(e, CUBLASLT_EPILOGUE_DGELU); }
bool has_aux(cublasLtEpilogue_t e) { return has(e, 128); }
bool has_bias(cublasLtEpilogue_t e) { return has(e, CUBLASLT_EPILOGUE_BIAS); }
bool has_bias_gradient(cublasLtEpilogue_t e) { return has(e, 16); }

double gelu(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
double gelu_derivative(double x) {
  const double step = 1e-5;
  return (gelu(x + step) - gelu(x - step)) / (2 * step);
}

// What is known to be exact must be equal; GELU is near.
void expect_near(const std::vector<double>& got, const std::vector<double>& want,
                 cudaDataType_t type, bool is_exact) {
  ASSERT_EQ(got.size(), want.size());
  const double allowed = is_exact              ? 0
                         : type == CUDA_R_16BF ? 2e-2
                         : type == CUDA_R_16F  ? 4e-3
                         : type == CUDA_R_32F  ? 1e-4
                                               : 1e-8;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double value = rounded(type, want[i]);
    ASSERT_NEAR(got[i], value, allowed * std::max(1.0, std::abs(value))) << "element " << i;
  }
}

// The buffer of an epilogue's second matrix: D's extents, its own leading dimension and stride.
class Aux {
 public:
  Aux(const Product& product, bool is_mask)
      : shape_(product.shape),
        type_(product.types.output),
        ld_(is_mask ? (shape_.m + 127) / 128 * 128 + 128 : (shape_.m + 7) / 8 * 8 + 8),
        stride_(ld_ * shape_.n),
        memory_(static_cast<std::size_t>(stride_ * shape_.batch_count) *
                (is_mask ? 1 : 8 * bytes_of(type_)) / 8) {
    require(cudaMemset(memory_.get(), 0, memory_.count()));
  }

  void attach(Product& product) const {
    product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<void*>(memory_.get()));
    product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, ld_);
    product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, stride_);
  }

  void write(const std::vector<double>& values) {
    auto bytes = memory_.values();
    for_each_element([&](std::size_t i, std::size_t place) {
      store_element(type_, values[i], bytes.data() + place * bytes_of(type_));
    });
    upload(bytes);
  }
  void write_mask(const std::vector<bool>& mask) {
    auto bytes = memory_.values();
    for_each_element([&](std::size_t i, std::size_t place) {
      if (mask[i]) bytes[place / 8] |= std::byte{1} << (place % 8);
    });
    upload(bytes);
  }
  std::vector<double> values() const {
    const auto bytes = memory_.values();
    std::vector<double> values;
    for_each_element([&](std::size_t, std::size_t place) {
      values.push_back(load_element(type_, bytes.data() + place * bytes_of(type_)));
    });
    return values;
  }
  std::vector<bool> mask() const {
    const auto bytes = memory_.values();
    std::vector<bool> mask;
    for_each_element([&](std::size_t, std::size_t place) {
      mask.push_back((bytes[place / 8] >> (place % 8) & std::byte{1}) != std::byte{0});
    });
    return mask;
  }

 private:
  void upload(const std::vector<std::byte>& bytes) {
    require(cudaMemcpy(memory_.get(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice));
  }
  template <typename Visit>
  void for_each_element(Visit&& visit) const {
    std::size_t i = 0;
    for (std::int64_t batch = 0; batch < shape_.batch_count; ++batch) {
      for (std::int64_t col = 0; col < shape_.n; ++col) {
        for (std::int64_t row = 0; row < shape_.m; ++row) {
          visit(i++, static_cast<std::size_t>(batch * stride_ + col * ld_ + row));
        }
      }
    }
  }

  Shape shape_;
  cudaDataType_t type_;
  std::int64_t ld_, stride_;
  DeviceArray<std::byte> memory_;
};

// Runs the product with the epilogue and compares all that comes of it.
void expect_epilogue(Product& product, cublasLtEpilogue_t epilogue, cublasLtHandle_t handle,
                     std::mt19937_64& random, const Means& means = {}) {
  SCOPED_TRACE(testing::Message() << "epilogue " << epilogue << ", " << product.types << "; "
                                  << product.shape);
  const auto& shape = product.shape;
  const auto type = product.types.output;
  const bool of_a = epilogue == CUBLASLT_EPILOGUE_BGRADA,
             of_b = epilogue == CUBLASLT_EPILOGUE_BGRADB;
  const bool is_mask = is_relu(epilogue) || is_relu_gradient(epilogue);
  // Where GELU is at work the inputs are near zero, where it bends.
  const bool is_exact = !is_gelu(epilogue) && !is_gelu_gradient(epilogue);
  if (!is_exact) {
    product.alpha = 1.0 / 32;
    product.beta = 1.0 / 4;
  }
  product.set_epilogue(epilogue);

  const std::int64_t bias_length = of_b ? shape.n : shape.m;
  const Extents bias_extents{bias_length, 1, CUBLASLT_ORDER_COL, 0, shape.batch_count};
  Matrix bias(type, bias_extents, Product::numbers(bias_length * shape.batch_count, random));
  const bool writes_bias = has_bias_gradient(epilogue) || of_a || of_b;
  if (writes_bias) bias.fill();
  if (writes_bias || has_bias(epilogue)) {
    product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(bias.get()));
    product.set(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, bias_length);
  }
  Aux aux(product, is_mask);
  if (has_aux(epilogue)) aux.attach(product);

  auto inputs = product.exact();
  std::vector<double> results;
  std::vector<double> row_sums(static_cast<std::size_t>(shape.m * shape.batch_count));
  std::vector<double> given = Product::numbers(product.result_count(), random);
  std::vector<bool> mask;
  for (const double value : given) mask.push_back(value > 0);
  if (is_relu_gradient(epilogue)) aux.write_mask(mask);
  if (is_gelu_gradient(epilogue)) aux.write(given);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    const auto row = place % shape.m, batch = place / (shape.m * shape.n);
    if (has_bias(epilogue)) inputs[i] += bias.at(batch, row, 0);
    const double x = inputs[i];
    results.push_back(is_relu(epilogue)            ? std::max(x, 0.0)
                      : is_gelu(epilogue)          ? gelu(x)
                      : is_relu_gradient(epilogue) ? (mask[i] ? x : 0.0)
                      : is_gelu_gradient(epilogue) ? x * gelu_derivative(given[i])
                                                   : x);
    row_sums[static_cast<std::size_t>(batch * shape.m + row)] += results.back();
  }

  ASSERT_EQ(product.run(handle, means), CUBLAS_STATUS_SUCCESS);
  require(cudaDeviceSynchronize());
  expect_near(product.d.values(), results, type, is_exact);
  EXPECT_TRUE(product.d.padding_is_untouched());
  if (has_bias_gradient(epilogue)) expect_near(bias.values(), row_sums, type, is_exact);
  if (of_a || of_b) {
    std::vector<double> sums;
    for (std::int64_t batch = 0; batch < shape.batch_count; ++batch) {
      for (std::int64_t i = 0; i < bias_length; ++i) {
        double sum = 0;
        for (std::int64_t p = 0; p < shape.k; ++p) {
          sum += of_a ? product.op_a(batch, i, p) : product.op_b(batch, p, i);
        }
        sums.push_back(sum);
      }
    }
    expect_near(bias.values(), sums, type, true);
  }
  if (has_aux(epilogue) && is_gelu(epilogue)) expect_near(aux.values(), inputs, type, false);
  if (has_aux(epilogue) && is_relu(epilogue)) {
    const auto bits = aux.mask();
    for (std::size_t i = 0; i < bits.size(); ++i) {
      // Nothing is said of the bit of an input of zero.
      if (inputs[i] == 0) continue;
      ASSERT_EQ(bits[i], inputs[i] > 0) << "bit " << i;
    }
  }
}

constexpr cublasLtEpilogue_t kEpilogues[] = {
    CUBLASLT_EPILOGUE_DEFAULT,       CUBLASLT_EPILOGUE_BIAS,        CUBLASLT_EPILOGUE_RELU,
    CUBLASLT_EPILOGUE_RELU_AUX,      CUBLASLT_EPILOGUE_RELU_BIAS,   CUBLASLT_EPILOGUE_RELU_AUX_BIAS,
    CUBLASLT_EPILOGUE_GELU,          CUBLASLT_EPILOGUE_GELU_AUX,    CUBLASLT_EPILOGUE_GELU_BIAS,
    CUBLASLT_EPILOGUE_GELU_AUX_BIAS, CUBLASLT_EPILOGUE_DRELU,       CUBLASLT_EPILOGUE_DRELU_BGRAD,
    CUBLASLT_EPILOGUE_DGELU,         CUBLASLT_EPILOGUE_DGELU_BGRAD, CUBLASLT_EPILOGUE_BGRADA,
    CUBLASLT_EPILOGUE_BGRADB,
};

// The transposes that the epilogue has kernels for.
std::vector<Shape> shapes_for(cublasLtEpilogue_t epilogue, const Shape& shape) {
  std::vector<Shape> shapes;
  for (const auto a : {CUBLAS_OP_N, CUBLAS_OP_T}) {
    for (const auto b : {CUBLAS_OP_N, CUBLAS_OP_T}) {
      if (epilogue == CUBLASLT_EPILOGUE_BGRADA && a != CUBLAS_OP_N) continue;
      if (epilogue == CUBLASLT_EPILOGUE_BGRADB && b == CUBLAS_OP_N) continue;
      shapes.push_back(shape);
      shapes.back().transpose_a = a;
      shapes.back().transpose_b = b;
    }
  }
  return shapes;
}

TEST_F(CublasLtEpilogue, OfAllKindsTypesAndTransposesIsThatOfLoops) {
  for (const auto epilogue : kEpilogues) {
    for (const Types& types : kTypes) {
      for (const Shape& shape : shapes_for(epilogue, {.m = 24, .n = 10, .k = 6})) {
        Product product(types, shape, random);
        expect_epilogue(product, epilogue, handle, random);
      }
    }
  }
}

TEST_F(CublasLtEpilogue, OfBatchesWithPaddingIsThatOfLoops) {
  for (const auto epilogue : kEpilogues) {
    const Shape shape{.m = 130, .n = 3, .k = 5, .padding = 6, .batch_count = 3};
    for (const Shape& one : shapes_for(epilogue, shape)) {
      Product product({}, one, random);
      expect_epilogue(product, epilogue, handle, random);
    }
  }
}

TEST_F(CublasLtEpilogue, OfOddSizesIsThatOfLoops) {
  for (const auto epilogue : kEpilogues) {
    for (const auto m : {1, 7, 129}) {
      for (const Shape& shape : shapes_for(epilogue, {.m = m, .n = 2, .k = 3})) {
        Product product({}, shape, random);
        expect_epilogue(product, epilogue, handle, random);
      }
    }
  }
}

TEST_F(CublasLtEpilogue, FollowsTheSumOfASplitProduct) {
  constexpr std::size_t kPlenty = std::size_t{1} << 20;
  const DeviceArray<std::byte> workspace(kPlenty);
  for (const auto epilogue : {CUBLASLT_EPILOGUE_RELU_AUX_BIAS, CUBLASLT_EPILOGUE_DRELU_BGRAD}) {
    const Shape shape{.m = 16, .n = 16, .k = 128};
    const Product plain({}, shape, random);
    for (const auto& result : plain.algorithms(handle, kPlenty)) {
      Product product({}, shape, random);
      expect_epilogue(product, epilogue, handle, random,
                      {&result.algo, workspace.get(), result.workspaceSize});
    }
  }
}

TEST_F(CublasLtEpilogue, ReluAndGeluTakeARowMajorResult) {
  for (const auto epilogue : {CUBLASLT_EPILOGUE_RELU, CUBLASLT_EPILOGUE_GELU}) {
    Product product({}, {.m = 8, .n = 5, .k = 4, .order_d = CUBLASLT_ORDER_ROW}, random);
    expect_epilogue(product, epilogue, handle, random);
  }
}

TEST_F(CublasLtEpilogue, BiasMayBeOneForAllOfTheBatch) {
  Product product({}, {.m = 4, .n = 3, .k = 2, .batch_count = 2}, random);
  const auto values = Product::numbers(4, random);
  const Matrix bias(CUDA_R_32F, {4, 1}, values);
  product.set_epilogue(CUBLASLT_EPILOGUE_BIAS);
  product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(bias.get()));
  ASSERT_EQ(product.run(handle), CUBLAS_STATUS_SUCCESS);
  auto want = product.exact();
  for (std::size_t i = 0; i < want.size(); ++i) want[i] += values[i % 4];
  EXPECT_TRUE(same(product.d.values(), want));
}

// As in the forward and the backward pass of a layer.
TEST_F(CublasLtEpilogue, MaskOfReluIsTheOneThatItsGradientTakes) {
  const Shape shape{.m = 20, .n = 6, .k = 8};
  Product forward({}, shape, random), backward({}, shape, random);
  const Aux aux(forward, true);
  forward.set_epilogue(CUBLASLT_EPILOGUE_RELU_AUX);
  backward.set_epilogue(CUBLASLT_EPILOGUE_DRELU);
  for (Product* product : {&forward, &backward}) {
    aux.attach(*product);
    ASSERT_EQ(product->run(handle), CUBLAS_STATUS_SUCCESS);
  }
  const auto activations = forward.d.values(), gradients = backward.d.values();
  const auto inputs = forward.exact(), exact = backward.exact();
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (inputs[i] == 0) continue;
    EXPECT_EQ(gradients[i], activations[i] > 0 ? exact[i] : 0);
  }
}

}  // namespace
}  // namespace emulator_test
