// Matrix products of cuBLASLt for tests: matrices in device memory with padding between their
// columns, the calls, and the same product by plain loops.
#pragma once

#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>

#include "support/device.h"

// GoogleTest prints statuses by their names.
inline void PrintTo(cublasStatus_t status, std::ostream* out) {
  *out << cublasLtGetStatusName(status);
}

namespace emulator_test {

inline void require(cublasStatus_t status,
                    std::source_location place = std::source_location::current()) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw std::runtime_error(std::string(place.file_name()) + ":" + std::to_string(place.line()) +
                           ": " + cublasLtGetStatusName(status));
}

// `use` with a value of the type that `type` names.
template <typename Use>
auto with_element(cudaDataType_t type, Use&& use) {
  switch (type) {
    case CUDA_R_16F: return use(__half());
    case CUDA_R_16BF: return use(__nv_bfloat16());
    case CUDA_R_32F: return use(float());
    default: return use(double());
  }
}

inline std::size_t bytes_of(cudaDataType_t type) {
  return with_element(type, [](auto element) { return sizeof element; });
}

inline double load_element(cudaDataType_t type, const std::byte* from) {
  return with_element(type, [&](auto element) {
    std::memcpy(static_cast<void*>(&element), from, sizeof element);
    if constexpr (sizeof element == 8) return element;
    return static_cast<double>(static_cast<float>(element));
  });
}

inline void store_element(cudaDataType_t type, double value, std::byte* to) {
  with_element(type, [&](auto element) {
    if constexpr (sizeof element == 8) {
      element = value;
    } else {
      element = decltype(element)(static_cast<float>(value));
    }
    std::memcpy(to, &element, sizeof element);
  });
}

// As it is after it was stored.
inline double rounded(cudaDataType_t type, double value) {
  std::byte stored[sizeof(double)];
  store_element(type, value, stored);
  return load_element(type, stored);
}

struct DestroyDescriptor {
  void operator()(cublasLtMatrixLayout_t layout) const { cublasLtMatrixLayoutDestroy(layout); }
  void operator()(cublasLtMatmulDesc_t operation) const { cublasLtMatmulDescDestroy(operation); }
  void operator()(cublasLtMatmulPreference_t wish) const { cublasLtMatmulPreferenceDestroy(wish); }
};
template <typename Opaque>
using Owned = std::unique_ptr<Opaque, DestroyDescriptor>;

struct Extents {
  std::int64_t rows = 1, cols = 1;
  cublasLtOrder_t order = CUBLASLT_ORDER_COL;
  std::int64_t padding = 0;  // elements between columns, or rows where it is row-major
  std::int32_t batch_count = 1;
  bool is_shared = false;  // one matrix for all of the batch
};

// A batch of matrices; its values are those of one column after the other, whatever its order.
class Matrix {
 public:
  // With these values; what lies between its columns is never written.
  Matrix(cudaDataType_t type, const Extents& extents, std::vector<double> values)
      : Matrix(type, extents) {
    write(std::move(values));
  }
  void write(std::vector<double> values) {
    host_ = std::move(values);
    std::vector<std::byte> bytes(memory_.count());
    for_each_element([&](std::size_t i, std::size_t offset) {
      store_element(type_, host_[i], bytes.data() + offset);
    });
    const auto line = static_cast<std::size_t>(line_length()) * bytes_of(type_);
    const auto pitch = static_cast<std::size_t>(ld_) * bytes_of(type_);
    for (std::size_t begin = 0; begin < bytes.size(); begin += pitch) {
      require(cudaMemcpy(get() + begin, bytes.data() + begin, line, cudaMemcpyHostToDevice));
    }
  }

  // For a result: every byte has one value that is known.
  static Matrix filled(cudaDataType_t type, const Extents& extents) {
    Matrix matrix(type, extents);
    matrix.fill();
    return matrix;
  }
  void fill() { require(cudaMemset(get(), kFilling, memory_.count())); }

  // Of a filled matrix.
  std::vector<double> values() const {
    const auto bytes = memory_.values();
    std::vector<double> values(element_count());
    for_each_element([&](std::size_t i, std::size_t offset) {
      values[i] = load_element(type_, bytes.data() + offset);
    });
    return values;
  }
  bool padding_is_untouched() const {
    auto bytes = memory_.values();
    for_each_element([&](std::size_t, std::size_t offset) {
      std::fill_n(bytes.data() + offset, bytes_of(type_), std::byte{kFilling});
    });
    return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{kFilling}; });
  }

  double at(std::int64_t batch, std::int64_t row, std::int64_t col) const {
    const auto matrix = extents_.is_shared ? 0 : batch;
    return host_[static_cast<std::size_t>((matrix * extents_.cols + col) * extents_.rows + row)];
  }

  template <typename Value>
  void set(cublasLtMatrixLayoutAttribute_t attribute, Value value) {
    require(cublasLtMatrixLayoutSetAttribute(layout(), attribute, &value, sizeof value));
  }

  std::byte* get() const { return memory_.get(); }
  cublasLtMatrixLayout_t layout() const { return layout_.get(); }
  std::int64_t ld() const { return ld_; }

 private:
  static constexpr int kFilling = 0x5B;

  Matrix(cudaDataType_t type, const Extents& extents)
      : type_(type),
        extents_(extents),
        ld_(line_length() + extents.padding),
        memory_(static_cast<std::size_t>(matrix_count() * stride() - extents.padding) *
                bytes_of(type)) {
    cublasLtMatrixLayout_t layout = nullptr;
    require(cublasLtMatrixLayoutCreate(&layout, type, static_cast<std::uint64_t>(extents.rows),
                                       static_cast<std::uint64_t>(extents.cols), ld_));
    layout_.reset(layout);
    set(CUBLASLT_MATRIX_LAYOUT_ORDER, static_cast<std::int32_t>(extents.order));
    set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, extents.batch_count);
    set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, extents.is_shared ? 0 : stride());
  }

  bool is_column_major() const { return extents_.order == CUBLASLT_ORDER_COL; }
  std::int64_t line_length() const { return is_column_major() ? extents_.rows : extents_.cols; }
  std::int64_t stride() const { return ld_ * (is_column_major() ? extents_.cols : extents_.rows); }
  std::int64_t matrix_count() const { return extents_.is_shared ? 1 : extents_.batch_count; }
  std::size_t element_count() const {
    return static_cast<std::size_t>(matrix_count() * extents_.rows * extents_.cols);
  }

  // visit(index among the values, offset in bytes)
  template <typename Visit>
  void for_each_element(Visit&& visit) const {
    std::size_t i = 0;
    for (std::int64_t matrix = 0; matrix < matrix_count(); ++matrix) {
      for (std::int64_t col = 0; col < extents_.cols; ++col) {
        for (std::int64_t row = 0; row < extents_.rows; ++row) {
          const auto place = is_column_major() ? row + col * ld_ : row * ld_ + col;
          visit(i++, static_cast<std::size_t>(matrix * stride() + place) * bytes_of(type_));
        }
      }
    }
  }

  cudaDataType_t type_;
  Extents extents_;
  std::int64_t ld_;
  DeviceArray<std::byte> memory_;
  Owned<cublasLtMatrixLayoutOpaque_t> layout_;
  std::vector<double> host_;
};

// The types of a product.
struct Types {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType_t scale = CUDA_R_32F, input = CUDA_R_32F, output = CUDA_R_32F;
  friend std::ostream& operator<<(std::ostream& out, const Types& types) {
    return out << "compute " << types.compute << ", scale " << types.scale << ", in " << types.input
               << ", out " << types.output;
  }
};

inline constexpr Types kTypes[] = {
    {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    {CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16F, CUDA_R_16F},
    {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16BF, CUDA_R_16BF},
    {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16F, CUDA_R_32F},
    {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16BF, CUDA_R_32F},
    {CUBLAS_COMPUTE_16F, CUDA_R_16F, CUDA_R_16F, CUDA_R_16F},
    {CUBLAS_COMPUTE_64F, CUDA_R_64F, CUDA_R_64F, CUDA_R_64F},
};

struct Shape {
  std::int64_t m = 1, n = 1, k = 1;
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  cublasLtOrder_t order_a = CUBLASLT_ORDER_COL, order_b = CUBLASLT_ORDER_COL;
  cublasLtOrder_t order_d = CUBLASLT_ORDER_COL;
  std::int64_t padding = 0;
  std::int32_t batch_count = 1;
  bool shares_b = false;
  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    return out << shape.m << " x " << shape.n << " x " << shape.k << ", transposes "
               << shape.transpose_a << shape.transpose_b << ", orders " << shape.order_a
               << shape.order_b << shape.order_d << ", batch " << shape.batch_count;
  }
};

// What a call takes beside the product itself.
struct Means {
  const cublasLtMatmulAlgo_t* algorithm = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
  cudaStream_t stream = nullptr;
};

// A product of small whole numbers, whose sums are exact in every type and every order.
class Product {
 public:
  Product(const Types& types_of, const Shape& shape_of, std::mt19937_64& random)
      : types(types_of),
        shape(shape_of),
        a(random_matrix(shape.m, shape.k, shape.transpose_a, shape.order_a, false, random)),
        b(random_matrix(shape.k, shape.n, shape.transpose_b, shape.order_b, shape.shares_b,
                        random)),
        c(types.output, result_extents(), numbers(result_count(), random)),
        d(Matrix::filled(types.output, result_extents())) {
    cublasLtMatmulDesc_t made = nullptr;
    require(cublasLtMatmulDescCreate(&made, types.compute, types.scale));
    operation.reset(made);
    set(CUBLASLT_MATMUL_DESC_TRANSA, static_cast<std::int32_t>(shape.transpose_a));
    set(CUBLASLT_MATMUL_DESC_TRANSB, static_cast<std::int32_t>(shape.transpose_b));
  }

  template <typename Value>
  void set(cublasLtMatmulDescAttributes_t attribute, Value value) {
    require(cublasLtMatmulDescSetAttribute(operation.get(), attribute, &value, sizeof value));
  }
  void set_epilogue(cublasLtEpilogue_t epilogue) { set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue); }

  cublasStatus_t run(cublasLtHandle_t handle, const Means& means = {}) const {
    return run(handle, means, c.get(), d.get());
  }
  cublasStatus_t run(cublasLtHandle_t handle, const Means& means, const void* from,
                     void* to) const {
    std::byte factors[2][sizeof(double)];
    store_element(types.scale, alpha, factors[0]);
    store_element(types.scale, beta, factors[1]);
    return cublasLtMatmul(handle, operation.get(), factors[0], a.get(), a.layout(), b.get(),
                          b.layout(), factors[1], from, c.layout(), to, d.layout(), means.algorithm,
                          means.workspace, means.workspace_bytes, means.stream);
  }

  // The algorithms that are offered, the first first; none where the status is another.
  std::vector<cublasLtMatmulHeuristicResult_t> algorithms(
      cublasLtHandle_t handle, std::uint64_t workspace_bytes,
      cublasStatus_t want = CUBLAS_STATUS_SUCCESS, std::uint32_t d_alignment = 256) const {
    cublasLtMatmulPreference_t made = nullptr;
    require(cublasLtMatmulPreferenceCreate(&made));
    const Owned<cublasLtMatmulPreferenceOpaque_t> wish(made);
    require(cublasLtMatmulPreferenceSetAttribute(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                 &workspace_bytes, sizeof workspace_bytes));
    require(cublasLtMatmulPreferenceSetAttribute(made, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
                                                 &d_alignment, sizeof d_alignment));
    std::vector<cublasLtMatmulHeuristicResult_t> results(8);
    int count = 0;
    EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(
                  handle, operation.get(), a.layout(), b.layout(), c.layout(), d.layout(), made,
                  static_cast<int>(results.size()), results.data(), &count),
              want);
    results.resize(static_cast<std::size_t>(count));
    return results;
  }

  // alpha op(A) op(B) + beta C, column after column, and matrix after matrix; not rounded.
  std::vector<double> exact() const {
    std::vector<double> values;
    for (std::int64_t batch = 0; batch < shape.batch_count; ++batch) {
      for (std::int64_t j = 0; j < shape.n; ++j) {
        for (std::int64_t i = 0; i < shape.m; ++i) {
          double sum = 0;
          for (std::int64_t p = 0; p < shape.k; ++p) {
            sum += op_a(batch, i, p) * op_b(batch, p, j);
          }
          values.push_back(alpha * sum + beta * c.at(batch, i, j));
        }
      }
    }
    return values;
  }
  double op_a(std::int64_t batch, std::int64_t i, std::int64_t p) const {
    return shape.transpose_a == CUBLAS_OP_N ? a.at(batch, i, p) : a.at(batch, p, i);
  }
  double op_b(std::int64_t batch, std::int64_t p, std::int64_t j) const {
    return shape.transpose_b == CUBLAS_OP_N ? b.at(batch, p, j) : b.at(batch, j, p);
  }
  std::vector<double> stored(std::vector<double> values) const {
    for (double& value : values) value = rounded(types.output, value);
    return values;
  }

  static std::vector<double> numbers(std::int64_t count, std::mt19937_64& random) {
    return whole_numbers<double>(static_cast<std::size_t>(count), random, 3);
  }
  std::int64_t result_count() const { return shape.m * shape.n * shape.batch_count; }

  Types types;
  Shape shape;
  double alpha = 2, beta = -1;
  Matrix a, b, c, d;
  Owned<cublasLtMatmulDescOpaque_t> operation;

 private:
  Extents result_extents() const {
    return {shape.m, shape.n, shape.order_d, shape.padding, shape.batch_count};
  }
  Matrix random_matrix(std::int64_t rows, std::int64_t cols, cublasOperation_t transpose,
                       cublasLtOrder_t order, bool is_shared, std::mt19937_64& random) const {
    if (transpose != CUBLAS_OP_N) std::swap(rows, cols);
    const Extents extents{rows, cols, order, shape.padding, shape.batch_count, is_shared};
    return {types.input, extents, numbers(rows * cols * shape.batch_count, random)};
  }
};

// A test with a handle.
template <typename Base>
class WithHandle : public Base {
 protected:
  void SetUp() override {
    Base::SetUp();
    if (!this->IsSkipped()) require(cublasLtCreate(&handle));
  }
  void TearDown() override {
    if (handle != nullptr) {
      EXPECT_EQ(cublasLtDestroy(handle), CUBLAS_STATUS_SUCCESS);
    }
    Base::TearDown();
  }
  cublasLtHandle_t handle = nullptr;
  std::mt19937_64 random{20240229};
};

}  // namespace emulator_test
