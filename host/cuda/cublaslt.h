// Matrix products by cuBLASLt. The library is opened on first use: a process without products does
// not need it.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <tendon/dtype.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tendon::cuda {

struct Matrix {
  std::int64_t rows = 0, columns = 0;
  std::int64_t row_stride = 0, column_stride = 0;  // elements; over an extent of 1 any
};

// How the library sees a matrix: column-major, `leading` elements from column to column.
struct Layout {
  bool is_transposed = false;  // it lies column by column; else what the library sees is
  std::int64_t leading = 1;
};
// None where it cannot: no axis is contiguous, the other overlaps itself or goes backward, or it
// takes more than 32 bits to count.
std::optional<Layout> layout_of(const Matrix& matrix);

// Elements of the two operands and of the result.
struct Elements {
  std::int64_t a = 0, b = 0, c = 0;
  friend bool operator==(const Elements&, const Elements&) = default;
};
inline Elements operator+(const Elements& x, const Elements& y) {
  return {x.a + y.a, x.b + y.b, x.c + y.c};
}
inline Elements operator*(const Elements& x, std::int64_t count) {
  return {x.a * count, x.b * count, x.c * count};
}

// So many matrices; an operand with a step of 0 is the same for all.
struct Run {
  std::int64_t extent = 1;
  Elements step = {};
};

// Of more matrices a call cuBLASLt was seen to fail: a grid has so many layers.
inline constexpr std::int64_t kMostMatrices = 65535;

// c = relu(a b + bias), where c lies row-major.
struct Product {
  DType dtype = DType::f32;           // floating
  Matrix a = {}, b = {};              // of which there are layouts
  Run batch = {};                     // no step is negative
  std::vector<Elements> places = {};  // where batches begin; a call each
  bool has_bias = false;              // a row, added to every row of every matrix
  bool has_relu = false;
  std::string text = {};  // what an error names: "matmul at fit.cpp:41"
};

// A product with what the library wants to know of it. TENDON_TF32=1 in the environment allows the
// factors of f32 to be rounded to TF32.
//
// The same operands give the same bits on every run if on all of them the pointers are aligned to
// 16 bytes, or on none.
class LibraryProduct {
 public:
  // Where the library knows the product but not with bias and relu, it is made without: `product`
  // tells. Throws DeviceError where the library is missing or does not know the product.
  LibraryProduct(Product product, int device);

  const Product& product() const { return product_; }
  std::size_t workspace_bytes() const;

  // Runs its kernels once over scratch memory on the stream, so that the library loads them now and
  // not inside of a capture. What is needed of it, zeros, aligned to 256 bytes; 0 where the process
  // has run such kernels on the device, and there is nothing to do.
  std::size_t warm_up_bytes() const;
  void warm_up(void* scratch, cudaStream_t stream) const;

  // Enqueues it; from several threads at once, and allocates nothing. The device is current, the
  // workspace aligned to 256 bytes, and c overlaps no operand. Throws DeviceError.
  void run(const void* a, const void* b, const void* bias, void* c, void* workspace,
           cudaStream_t stream) const;

 private:
  using LayoutHandle =
      std::unique_ptr<cublasLtMatrixLayoutOpaque_t, decltype(&cublasLtMatrixLayoutDestroy)>;

  void check(cublasStatus_t status, const char* call) const;
  std::ptrdiff_t bytes(std::int64_t elements) const;
  // Matrices so far apart.
  struct Batch {
    std::int64_t count = 1, stride = 0;
  };
  LayoutHandle make_layout(std::int64_t rows, std::int64_t columns, std::int64_t leading,
                           Batch batch) const;
  LayoutHandle make_layout(const Matrix& matrix, Layout in, Batch batch) const;
  LayoutHandle make_result_layout(Batch batch) const;
  cublasLtMatmulDescOpaque_t describe(const void* bias) const;
  std::size_t operand_bytes() const;  // of one of the first matrices, or of the bias
  bool is_warm() const;
  bool find_algorithms();
  bool find_algorithm(std::size_t alignment, cublasLtMatmulHeuristicResult_t& found) const;

  Product product_;
  int device_;
  Layout in_a_, in_b_;
  cublasLtHandle_t handle_;
  LayoutHandle a_, b_, c_;
  cublasLtMatmulHeuristicResult_t wide_{}, narrow_{};  // for aligned pointers, and for any
};

}  // namespace tendon::cuda
