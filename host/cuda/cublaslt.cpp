// The library's matrices are column-major, ours row-major, so c = a b is computed as c^T = b^T a^T:
// what lies row by row here is its own transpose there, with nothing to be done. The library's bias
// runs along the rows of its result, which here is along n.
#include "host/cuda/cublaslt.h"

#include <algorithm>
#include <array>
#include <compare>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>

#include "host/cuda/cublaslt_library.h"
#include "host/cuda/runtime.h"
#include "host/support/text.h"

namespace tendon::cuda {
namespace {

constexpr std::uint64_t kMostWorkspaceBytes = std::uint64_t{32} << 20;
// What the widest loads ask for, and a multiprocessor's copy engine.
constexpr std::size_t kWideBytes = 16;

struct Types {
  cudaDataType_t element;
  cublasComputeType_t compute;
  cudaDataType_t scale;
};
// TF32 is asked for once, so that a product is the same as long as the process lives.
cublasComputeType_t compute_f32() {
  static const bool is_tf32 = [] {
    const char* asked = std::getenv("TENDON_TF32");
    return asked != nullptr && std::string_view(asked) == "1";
  }();
  return is_tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}
Types types_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return {CUDA_R_16F, CUBLAS_COMPUTE_32F, CUDA_R_32F};
    case DType::bf16: return {CUDA_R_16BF, CUBLAS_COMPUTE_32F, CUDA_R_32F};
    case DType::f32: return {CUDA_R_32F, compute_f32(), CUDA_R_32F};
    case DType::f64: return {CUDA_R_64F, CUBLAS_COMPUTE_64F, CUDA_R_64F};
    default: throw DeviceError(fmt::format("cuBLASLt multiplies no matrices of {}", dtype));
  }
}

// A factor of the product, in the host's memory.
const void* scale(DType dtype, bool is_one) {
  static constexpr float kF32[] = {0, 1};
  static constexpr double kF64[] = {0, 1};
  return dtype == DType::f64 ? static_cast<const void*>(&kF64[is_one ? 1 : 0])
                             : &kF32[is_one ? 1 : 0];
}

cublasLtEpilogue_t epilogue_of(const Product& product) {
  if (product.has_bias)
    return product.has_relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
  return product.has_relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
}

cublasOperation_t transposition(Layout in) { return in.is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N; }

Layout known_layout(const Matrix& matrix, const Product& product) {
  const std::optional<Layout> known = layout_of(matrix);
  if (!known) {
    throw DeviceError(fmt::format("{}: cuBLASLt knows no {} x {} matrix with strides {} and {}",
                                  product.text, matrix.rows, matrix.columns, matrix.row_stride,
                                  matrix.column_stride));
  }
  return *known;
}

bool are_wide(std::initializer_list<const void*> pointers) {
  return std::ranges::all_of(pointers, [](const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % kWideBytes == 0;
  });
}

// What the library chooses a kernel by.
struct KernelKind {
  int device;
  DType dtype;
  bool is_a_transposed, is_b_transposed, has_bias, has_relu;
  std::array<std::uint64_t, std::extent_v<decltype(cublasLtMatmulAlgo_t::data)>> algorithm;
  friend auto operator<=>(const KernelKind&, const KernelKind&) = default;
};

// Those that the process has run, and the library so has loaded.
class WarmKinds {
 public:
  bool has(const KernelKind& kind) {
    const std::scoped_lock lock(mutex_);
    return kinds_.contains(kind);
  }
  void add(const KernelKind& kind) {
    const std::scoped_lock lock(mutex_);
    kinds_.insert(kind);
  }

 private:
  std::mutex mutex_;
  std::set<KernelKind> kinds_;
};
WarmKinds& warm_kinds() {
  static auto* kinds = new WarmKinds;
  return *kinds;
}

KernelKind kind_of(const Product& product, int device, Layout a, Layout b,
                   const cublasLtMatmulAlgo_t& algorithm) {
  return {device,
          product.dtype,
          a.is_transposed,
          b.is_transposed,
          product.has_bias,
          product.has_relu,
          std::to_array(algorithm.data)};
}

constexpr std::size_t kScratchAlignment = 256;
std::size_t aligned(std::size_t bytes) {
  return (bytes + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
}

}  // namespace

std::optional<Layout> layout_of(const Matrix& matrix) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  const auto& [rows, columns, row_stride, column_stride] = matrix;
  if (rows > kMost || columns > kMost) return std::nullopt;
  // The stride over an axis of extent 1 is free, so it is taken to be the shortest allowed.
  const std::int64_t row_step = rows == 1 ? columns : row_stride;
  if ((column_stride == 1 || columns == 1) && row_step >= columns && row_step <= kMost)
    return Layout{false, row_step};
  const std::int64_t column_step = columns == 1 ? rows : column_stride;
  if ((row_stride == 1 || rows == 1) && column_step >= rows && column_step <= kMost)
    return Layout{true, column_step};
  return std::nullopt;
}

LibraryProduct::LibraryProduct(Product product, int device)
    : product_(std::move(product)),
      device_(device),
      in_a_(known_layout(product_.a, product_)),
      in_b_(known_layout(product_.b, product_)),
      handle_(handle_of(device)),
      a_(make_layout(product_.a, in_a_, {product_.batch.extent, product_.batch.step.a})),
      b_(make_layout(product_.b, in_b_, {product_.batch.extent, product_.batch.step.b})),
      c_(make_result_layout({product_.batch.extent, product_.batch.step.c})) {
  if (find_algorithms()) return;
  const bool is_plain = !product_.has_bias && !product_.has_relu;
  product_.has_bias = product_.has_relu = false;
  if (is_plain || !find_algorithms())
    check(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulAlgoGetHeuristic");
}

std::size_t LibraryProduct::workspace_bytes() const {
  return std::max(wide_.workspaceSize, narrow_.workspaceSize);
}

bool LibraryProduct::is_warm() const {
  return std::ranges::all_of(std::array{&wide_, &narrow_}, [this](const auto* found) {
    return warm_kinds().has(kind_of(product_, device_, in_a_, in_b_, found->algo));
  });
}

std::size_t LibraryProduct::operand_bytes() const {
  const auto elements = [](const Matrix& matrix, Layout in) {
    return in.leading * (in.is_transposed ? matrix.columns : matrix.rows);
  };
  return static_cast<std::size_t>(
      bytes(std::max({elements(product_.a, in_a_), elements(product_.b, in_b_),
                      product_.has_bias ? product_.b.columns : 0})));
}

std::size_t LibraryProduct::warm_up_bytes() const {
  if (is_warm()) return 0;
  const auto result = static_cast<std::size_t>(bytes(product_.a.rows * product_.b.columns));
  return aligned(operand_bytes()) + aligned(result) + workspace_bytes();
}

// One product of a batch: the others take the same kernel. The operands, of which nothing is asked
// but that they can be read, share their memory.
void LibraryProduct::warm_up(void* scratch, cudaStream_t stream) const {
  const LayoutHandle a = make_layout(product_.a, in_a_, {});
  const LayoutHandle b = make_layout(product_.b, in_b_, {});
  const LayoutHandle c = make_result_layout({});
  const void* one = scale(product_.dtype, true);
  const void* zero = scale(product_.dtype, false);
  std::byte* const result = static_cast<std::byte*>(scratch) + aligned(operand_bytes());
  std::byte* const workspace =
      result + aligned(static_cast<std::size_t>(bytes(product_.a.rows * product_.b.columns)));
  cublasLtMatmulDescOpaque_t operation = describe(scratch);
  const std::scoped_lock lock(capture_mutex());
  for (const auto* found : {&wide_, &narrow_}) {
    const KernelKind kind = kind_of(product_, device_, in_a_, in_b_, found->algo);
    if (warm_kinds().has(kind)) continue;
    check(cublaslt().matmul(handle_, &operation, one, scratch, b.get(), scratch, a.get(), zero,
                            result, c.get(), result, c.get(), &found->algo, workspace,
                            found->workspaceSize, stream),
          "cublasLtMatmul");
    warm_kinds().add(kind);
  }
}

void LibraryProduct::run(const void* a, const void* b, const void* bias, void* c, void* workspace,
                         cudaStream_t stream) const {
  const void* one = scale(product_.dtype, true);
  const void* zero = scale(product_.dtype, false);
  cublasLtMatmulDescOpaque_t operation = describe(bias);
  for (const Elements& place : product_.places) {
    const void* from_a = static_cast<const std::byte*>(a) + bytes(place.a);
    const void* from_b = static_cast<const std::byte*>(b) + bytes(place.b);
    void* into = static_cast<std::byte*>(c) + bytes(place.c);
    const auto& found = are_wide({from_a, from_b, bias, into}) ? wide_ : narrow_;
    check(cublaslt().matmul(handle_, &operation, one, from_b, b_.get(), from_a, a_.get(), zero,
                            into, c_.get(), into, c_.get(), &found.algo, workspace,
                            found.workspaceSize, stream),
          "cublasLtMatmul");
  }
}

void LibraryProduct::check(cublasStatus_t status, const char* call) const {
  check_status(status, call, product_.text);
}

std::ptrdiff_t LibraryProduct::bytes(std::int64_t elements) const {
  return elements * static_cast<std::int64_t>(size_bytes(product_.dtype));
}

LibraryProduct::LayoutHandle LibraryProduct::make_layout(std::int64_t rows, std::int64_t columns,
                                                         std::int64_t leading, Batch batch) const {
  const CublasLt& lt = cublaslt();
  cublasLtMatrixLayout_t made = nullptr;
  check(lt.create_layout(&made, types_of(product_.dtype).element, static_cast<std::uint64_t>(rows),
                         static_cast<std::uint64_t>(columns), leading),
        "cublasLtMatrixLayoutCreate");
  LayoutHandle layout(made, lt.destroy_layout);
  const auto set = [&](cublasLtMatrixLayoutAttribute_t attribute, auto value) {
    check(lt.set_layout(made, attribute, &value, sizeof(value)),
          "cublasLtMatrixLayoutSetAttribute");
  };
  set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(batch.count));
  set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, batch.stride);
  return layout;
}
LibraryProduct::LayoutHandle LibraryProduct::make_layout(const Matrix& matrix, Layout in,
                                                         Batch batch) const {
  if (in.is_transposed) return make_layout(matrix.rows, matrix.columns, in.leading, batch);
  return make_layout(matrix.columns, matrix.rows, in.leading, batch);
}
LibraryProduct::LayoutHandle LibraryProduct::make_result_layout(Batch batch) const {
  return make_layout(product_.b.columns, product_.a.rows, product_.b.columns, batch);
}

// Made for every run, on the stack: the place of the bias is part of it, and runs share the
// product.
cublasLtMatmulDescOpaque_t LibraryProduct::describe(const void* bias) const {
  const CublasLt& lt = cublaslt();
  const Types types = types_of(product_.dtype);
  cublasLtMatmulDescOpaque_t operation;
  check(lt.init_operation(&operation, sizeof(operation), types.compute, types.scale),
        "cublasLtMatmulDescInit");
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, auto value) {
    check(lt.set_operation(&operation, attribute, &value, sizeof(value)),
          "cublasLtMatmulDescSetAttribute");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, transposition(in_b_));
  set(CUBLASLT_MATMUL_DESC_TRANSB, transposition(in_a_));
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(product_));
  if (product_.has_bias) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  return operation;
}

// Whether there are some.
bool LibraryProduct::find_algorithms() {
  return find_algorithm(kWideBytes, wide_) && find_algorithm(size_bytes(product_.dtype), narrow_);
}

// For pointers that are aligned to so many bytes.
bool LibraryProduct::find_algorithm(std::size_t alignment,
                                    cublasLtMatmulHeuristicResult_t& found) const {
  const CublasLt& lt = cublaslt();
  cublasLtMatmulPreferenceOpaque_t preference;
  check(lt.init_preference(&preference, sizeof(preference)), "cublasLtMatmulPreferenceInit");
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    check(lt.set_preference(&preference, attribute, &value, sizeof(value)),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspaceBytes);
  // The parts of a split sum are kept in the precision of the sum and added in order.
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(attribute, static_cast<std::uint32_t>(alignment));
  }
  // Of the bias the search reads only how the pointer is aligned: to that and to no more.
  alignas(2 * kWideBytes) static constexpr std::byte kPlaces[kWideBytes + 1]{};
  cublasLtMatmulDescOpaque_t operation = describe(kPlaces + alignment);
  int count = 0;
  const std::scoped_lock lock(capture_mutex());
  cublasStatus_t status = lt.find_algorithm(handle_, &operation, b_.get(), a_.get(), c_.get(),
                                            c_.get(), &preference, 1, &found, &count);
  if (status == CUBLAS_STATUS_SUCCESS && count > 0) status = found.state;
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return false;
  check(status, "cublasLtMatmulAlgoGetHeuristic");
  return count > 0;
}

}  // namespace tendon::cuda
