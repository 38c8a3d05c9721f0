// One call of a library a matrix: no oneDNN primitives, whose memory objects would have to be made
// anew for every run, and which cost 0.5 us a run more than dnnl_sgemm.
#include "host/cpu/contract.h"

#include <dnnl.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/cpu/loops.h"
#include "host/cpu/openblas.h"
#include "host/cpu/parallel.h"
#include "host/cpu/scratch.h"

// Of OpenMP's runtime; its header is the compiler's, and not every tool has it.
extern "C" int omp_get_max_threads();
extern "C" void omp_set_num_threads(int);

namespace tendon::cpu {
namespace {

// A matrix as the libraries see it: row-major with the rows `leading` elements apart, or the
// transpose of such a one.
struct Layout {
  bool transposed = false;
  std::int64_t leading = 1;
};

std::optional<Layout> layout(const Contraction::Operand& operand, std::int64_t rows,
                             std::int64_t columns) {
  constexpr std::int64_t kMost = std::numeric_limits<blasint>::max();
  // The stride over an axis of extent 1 is free, so it is taken to be the shortest allowed.
  const bool contiguous_rows = operand.column_stride == 1 || columns == 1;
  const std::int64_t row_stride = rows == 1 ? columns : operand.row_stride;
  if (contiguous_rows && row_stride >= columns && row_stride <= kMost)
    return Layout{false, row_stride};
  const bool contiguous_columns = operand.row_stride == 1 || rows == 1;
  const std::int64_t column_stride = columns == 1 ? rows : operand.column_stride;
  if (contiguous_columns && column_stride >= rows && column_stride <= kMost)
    return Layout{true, column_stride};
  return std::nullopt;
}

struct Extents {
  std::int64_t m, n, k;
};

// As the C interface of the libraries counts.
blasint extent(std::int64_t value) { return static_cast<blasint>(value); }
CBLAS_TRANSPOSE transpose(bool transposed) { return transposed ? CblasTrans : CblasNoTrans; }

void openblas_gemm(Extents e, const float* a, Layout in_a, const float* b, Layout in_b, float* c) {
  openblas().sgemm(CblasRowMajor, transpose(in_a.transposed), transpose(in_b.transposed),
                   extent(e.m), extent(e.n), extent(e.k), 1, a, extent(in_a.leading), b,
                   extent(in_b.leading), 0, c, extent(e.n));
}
void openblas_gemm(Extents e, const double* a, Layout in_a, const double* b, Layout in_b,
                   double* c) {
  openblas().dgemm(CblasRowMajor, transpose(in_a.transposed), transpose(in_b.transposed),
                   extent(e.m), extent(e.n), extent(e.k), 1, a, extent(in_a.leading), b,
                   extent(in_b.leading), 0, c, extent(e.n));
}

void onednn_gemm(Extents e, const float* a, Layout in_a, const float* b, Layout in_b, float* c) {
  dnnl_sgemm(in_a.transposed ? 'T' : 'N', in_b.transposed ? 'T' : 'N', e.m, e.n, e.k, 1, a,
             in_a.leading, b, in_b.leading, 0, c, e.n);
}

template <class T>
using Product = void (*)(Extents, const T*, Layout, const T*, Layout, T*);

// Elements between neighbours of a matrix that is one row (or one column).
std::int64_t step_along_row(Layout in) { return in.transposed ? in.leading : 1; }
std::int64_t step_along_column(Layout in) { return in.transposed ? 1 : in.leading; }

// What follows a product, while it is in the cache. NaN stays NaN, and -0 becomes 0, as in the op.
template <class T>
void finish(Extents e, const T* bias, bool relu, T* c) {
  for (std::int64_t i = 0; i < e.m; ++i, c += e.n) {
    if (bias != nullptr)
      for (std::int64_t j = 0; j < e.n; ++j) c[j] += bias[j];
    if (relu)
      for (std::int64_t j = 0; j < e.n; ++j) c[j] = c[j] > 0 || std::isnan(c[j]) ? c[j] : T{0};
  }
}

// Multiply-adds from which sharing a batch among threads pays for waking them.
constexpr std::int64_t kWorthThreads = std::int64_t{1} << 18;

// While it lives, the libraries use as many threads as the rest of the executor. The caller's
// OpenMP setting is as it was afterwards.
class Threads {
 public:
  Threads() : before_(omp_get_max_threads()) {
    omp_set_num_threads(std::min(before_, thread_count()));
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { omp_set_num_threads(before_); }

 private:
  int before_;
};

// A matrix by a vector, in our own loops: the libraries sum in another order where the matrix is
// transposed.
template <class T>
class VectorProduct final : public Contractor {
 public:
  explicit VectorProduct(const Contraction& c)
      : contraction_(c),
        is_column_(c.n == 1),
        rows_(is_column_ ? c.m : c.n),
        matrix_(is_column_ ? *layout(c.a, c.m, c.k) : *layout(c.b, c.k, c.n)),
        step_(is_column_ ? step_along_column(*layout(c.b, c.k, c.n))
                         : step_along_row(*layout(c.a, c.m, c.k))),
        loop_(loops().product(matrix_.transposed == is_column_, c.dtype)) {}

  void run(const void* a, const void* b, const void* bias, void* c) const override {
    const Contraction& of = contraction_;
    // Rows that a thread takes at once.
    constexpr std::int64_t kRows = 128;
    const std::int64_t ranges = (rows_ + kRows - 1) / kRows;
    const std::int64_t work = std::max<std::int64_t>(std::min(rows_, kRows) * of.k, 1);
    parallel_for(
        of.batch * ranges, std::max<std::int64_t>(kWorthThreads / 2 / work, 1),
        [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t unit = begin; unit < end; ++unit) {
            const std::int64_t i = unit / ranges, first = unit % ranges * kRows;
            const T* left = static_cast<const T*>(a) + i * of.a.batch_stride;
            const T* right = static_cast<const T*>(b) + i * of.b.batch_stride;
            T* into = static_cast<T*>(c) + i * rows_ + first;
            run(is_column_ ? left : right, is_column_ ? right : left, first,
                std::min(kRows, rows_ - first), into);
            finish(is_column_ ? Extents{std::min(kRows, rows_ - first), 1, of.k}
                              : Extents{1, std::min(kRows, rows_ - first), of.k},
                   of.has_bias ? static_cast<const T*>(bias) + (is_column_ ? 0 : first) : nullptr,
                   of.activation == Op::relu, into);
          }
        });
  }
  const char* library() const override { return "none"; }

 private:
  void run(const T* matrix, const T* vector, std::int64_t first, std::int64_t count,
           T* into) const {
    const bool has_contiguous_columns = matrix_.transposed == is_column_;
    matrix += has_contiguous_columns ? first : first * matrix_.leading;
    const std::int64_t k = contraction_.k;
    if (step_ != 1) {
      T* const gathered =
          reinterpret_cast<T*>(scratch().right(k * static_cast<std::int64_t>(sizeof(T))));
      for (std::int64_t i = 0; i < k; ++i) gathered[i] = vector[i * step_];
      vector = gathered;
    }
    loop_(matrix, matrix_.leading, vector, count, k, into);
  }

  Contraction contraction_;
  bool is_column_;     // the vector is
  std::int64_t rows_;  // of the matrix, or where the vector is a row columns
  Layout matrix_;
  std::int64_t step_;  // along the vector
  ProductLoop loop_;
};

// A matrix of so many rows and columns in the other layout, without gaps.
template <class T>
const T* other_layout(const T* from, Layout in, std::int64_t rows, std::int64_t columns, T* into) {
  const std::int64_t outer = in.transposed ? columns : rows;
  const std::int64_t inner = in.transposed ? rows : columns;
  for (std::int64_t i = 0; i < outer; ++i, from += in.leading) {
    for (std::int64_t j = 0; j < inner; ++j) into[j * outer + i] = from[j];
  }
  return into;
}
Layout other(Layout in, std::int64_t rows, std::int64_t columns) {
  return {!in.transposed, in.transposed ? columns : rows};
}

template <class T>
class LibraryProduct final : public Contractor {
 public:
  // `turns`: which operands get another layout first.
  struct Turns {
    bool a = false, b = false;
  };
  LibraryProduct(const Contraction& contraction, Product<T> product, Turns turns,
                 const char* library)
      : contraction_(contraction),
        in_a_(*layout(contraction.a, contraction.m, contraction.k)),
        in_b_(*layout(contraction.b, contraction.k, contraction.n)),
        turns_(turns),
        product_(product),
        library_(library) {}

  void run(const void* a, const void* b, const void* bias, void* c) const override {
    const Extents e{contraction_.m, contraction_.n, contraction_.k};
    const auto one = [&](std::int64_t i) {
      T* into = static_cast<T*>(c) + i * e.m * e.n;
      const T* left = static_cast<const T*>(a) + i * contraction_.a.batch_stride;
      const T* right = static_cast<const T*>(b) + i * contraction_.b.batch_stride;
      constexpr auto kBytes = static_cast<std::int64_t>(sizeof(T));
      if (turns_.a) {
        left = other_layout(left, in_a_, e.m, e.k,
                            reinterpret_cast<T*>(scratch().left(e.m * e.k * kBytes)));
      }
      if (turns_.b) {
        right = other_layout(right, in_b_, e.k, e.n,
                             reinterpret_cast<T*>(scratch().right(e.k * e.n * kBytes)));
      }
      product_(e, left, turns_.a ? other(in_a_, e.m, e.k) : in_a_, right,
               turns_.b ? other(in_b_, e.k, e.n) : in_b_, into);
      finish(e, contraction_.has_bias ? static_cast<const T*>(bias) : nullptr,
             contraction_.activation == Op::relu, into);
    };
    const std::int64_t batch = contraction_.batch;
    const Threads threads;
    // Inside a shared batch the libraries find that they are in parallel, and use one thread each.
    const std::int64_t work = e.m * e.n * e.k;
    const std::int64_t least = batch * work >= kWorthThreads ? 1 : batch;
    parallel_for(batch, least, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) one(i);
    });
  }
  const char* library() const override { return library_; }

 private:
  Contraction contraction_;
  Layout in_a_, in_b_;
  Turns turns_;
  Product<T> product_;
  const char* library_;
};

// Where OpenBLAS is the faster one for f32. In us, AMD Zen 3 with AVX2, oneDNN 2.6.3 (dnnl_sgemm)
// and OpenBLAS 0.3.21, m x k x n:
//                             1 thread            2 threads
//                         oneDNN  OpenBLAS    oneDNN  OpenBLAS
//     8 x    8 x    8       0.34      0.11      0.34      0.12
//    16 x   16 x   16       0.42      0.31      0.41      0.31
//    24 x   24 x   24       0.66      0.69      0.66      0.69
//    64 x   64 x   64       5.70      7.98      4.40      7.97
//   256 x  256 x  256        358       379       181       201
//   512 x  512 x  512       3004      2884      1498      1468
//    64 x  784 x  256        281       298       145       162
//    64 x  256 x   10       5.93      7.97      4.40      7.94
//     1 x  784 x  256       14.0      13.4      7.16      9.67  (OpenBLAS: gemv)
//   784 x   64 x  256       282       346       143       193  (a transposed)
//    64 x  256 x  784       279       315       144       168  (b transposed)
//    32 x 1000 x 1000       687       840       358       517
//   128 x  512 x  512      1000       754       498       402
// The last one is where the rule loses: few rows, a power of two to go from row to row of b.
bool openblas_is_faster(const Contraction& c) { return c.m * c.n <= (1 << 13) / c.k; }

// A product has the same bits whatever the layout of its operands. The libraries sum in another
// order where a kernel of theirs reads a layout as it is: OpenBLAS up to so many multiply-adds
// (interface/gemm.c, SMALL_MATRIX_OPT), where both operands get contiguous rows first, and oneDNN
// where rows of a are few and b is transposed, where a is transposed too.
constexpr std::int64_t kSmallProduct = 1'000'000;
constexpr std::int64_t kFewRows = 16;

bool is_transposed(const Contraction::Operand& operand, std::int64_t rows, std::int64_t columns) {
  return layout(operand, rows, columns)->transposed;
}

template <class T>
std::unique_ptr<Contractor> openblas_product(const Contraction& c) {
  openblas();  // what is missing is said where the plan is made
  const bool is_small = c.m * c.n <= kSmallProduct / c.k;
  const typename LibraryProduct<T>::Turns turns{is_small && is_transposed(c.a, c.m, c.k),
                                                is_small && is_transposed(c.b, c.k, c.n)};
  return std::make_unique<LibraryProduct<T>>(c, Product<T>{&openblas_gemm}, turns, "OpenBLAS");
}

std::unique_ptr<Contractor> onednn_product(const Contraction& c) {
  const bool turns_a =
      c.m < kFewRows && is_transposed(c.b, c.k, c.n) && !is_transposed(c.a, c.m, c.k);
  return std::make_unique<LibraryProduct<float>>(
      c, &onednn_gemm, LibraryProduct<float>::Turns{turns_a, false}, "oneDNN");
}

}  // namespace

bool takes(const Contraction& c) {
  constexpr std::int64_t kMost = std::numeric_limits<blasint>::max();
  if (c.dtype != DType::f32 && c.dtype != DType::f64) return false;
  for (const std::int64_t extent : {c.batch, c.m, c.n, c.k}) {
    if (extent <= 0 || extent > kMost) return false;
  }
  if (c.activation && !can_fuse(c.dtype, *c.activation)) return false;
  return layout(c.a, c.m, c.k) && layout(c.b, c.k, c.n);
}

// Our own loop, after the product. Of what oneDNN could append, only tanh stayed within its op's
// tolerance on all arguments that were tried: sigmoid and silu flush small results to zero, and
// gelu and elu cancel.
bool can_fuse(DType dtype, Op activation) {
  return activation == Op::relu && (dtype == DType::f32 || dtype == DType::f64);
}

std::unique_ptr<Contractor> make_contractor(const Contraction& c) {
  if (c.m == 1 || c.n == 1) {
    if (c.dtype == DType::f64) return std::make_unique<VectorProduct<double>>(c);
    return std::make_unique<VectorProduct<float>>(c);
  }
  if (c.dtype == DType::f64) return openblas_product<double>(c);  // oneDNN has no f64
  if (openblas_is_faster(c)) return openblas_product<float>(c);
  return onednn_product(c);
}

}  // namespace tendon::cpu
