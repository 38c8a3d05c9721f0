// Matrix products by the CPU's libraries, oneDNN and OpenBLAS, and by a vector in our own loops:
// which one a product goes to, and what is added to its result. Broadcasting and dtypes that the
// libraries do not know are left to others.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace tendon::cpu {

// c[batch][m][n] = activation(sum_k a[..][m][k] * b[..][k][n] + bias[n]); c is contiguous.
struct Contraction {
  DType dtype = DType::f32;  // f32 or f64
  std::int64_t batch = 1, m = 0, n = 0, k = 0;

  // Elements to go for a step in each axis of the operand: m x k of a, k x n of b. The stride of an
  // axis of extent 1 does not matter; a batch stride of 0 broadcasts.
  struct Operand {
    std::int64_t batch_stride = 0, row_stride = 0, column_stride = 0;
    friend bool operator==(const Operand&, const Operand&) = default;
  };
  Operand a, b;
  bool has_bias = false;         // contiguous, n elements
  std::optional<Op> activation;  // one that can_fuse()
  friend bool operator==(const Contraction&, const Contraction&) = default;
};

// A product that is ready to run, from several threads at once. The same operands give the same
// bits on every run and in every layout. c overlaps no operand; bias is ignored where there is
// none. Keeps a thread's room for an operand in another layout; the libraries keep buffers of their
// own, and use as many threads as OpenMP grants.
class Contractor {
 public:
  virtual ~Contractor() = default;
  virtual void run(const void* a, const void* b, const void* bias, void* c) const = 0;
  virtual const char* library() const = 0;  // "oneDNN", "OpenBLAS" or "none"
};

// Whether the libraries know the product: its dtype, no empty extent, and operands of which one
// axis is contiguous and the other does not overlap itself.
bool takes(const Contraction& contraction);

// Whether the activation may be part of a contraction: its values are then bit-equal to the op's.
bool can_fuse(DType dtype, Op activation);

// Requires takes(contraction).
std::unique_ptr<Contractor> make_contractor(const Contraction& contraction);

}  // namespace tendon::cpu
