// The loops over elements that the CPU's executors are made of, compiled for several processors.
// Pointwise values are the same bits in whichever executor: only these loops compute them.
#pragma once

#include <tendon/backend.h>

#include <cstdint>

namespace tendon::cpu {

// Buffers that pointwise loops touch are 64-byte aligned, and readable and writable up to the next
// multiple of kLoopPadding elements. Loops run over whole vectors, since a scalar remainder would
// differ in bits; what lies in the padding may be anything.
inline constexpr std::int64_t kLoopPadding = 16;

// Element i of the result from element i of each operand, for i in [0, count rounded up to
// kLoopPadding). Operands the op does not have are not read. The result may be one of the operands
// where both have elements of one size; else it overlaps none.
using Loop = void (*)(const void* a, const void* b, const void* c, void* result, std::int64_t count,
                      double parameter);
// into[r] = the reduction of row r, of `length` contiguous elements at x + r * length. Neither
// aligned nor padded; x and into do not overlap.
using RowLoop = void (*)(const void* x, void* into, std::int64_t rows, std::int64_t length);
// into[i] = combine(into[i], x[i]) for i in [0, count). Neither aligned nor padded; x and into do
// not overlap.
using AccumulateLoop = void (*)(const void* x, void* into, std::int64_t count);

// into[i] = the sum over k of matrix element (i, k) times x[k], for i in [0, rows) and k in
// [0, columns). Neither aligned nor padded; into overlaps nothing.
using ProductLoop = void (*)(const void* matrix, std::int64_t leading, const void* x,
                             std::int64_t rows, std::int64_t columns, void* into);

// All the loops, compiled for one processor. Each function gives nullptr where there is no such
// loop.
struct Loops {
  const char* name;  // of the processor, as g++'s -march has it

  // The rows of the op table, and where; the dtype is that of the operands (of where: a and b; its
  // operand a here is the condition). The 16-bit dtypes are computed in f32; where takes them.
  Loop (*pointwise)(Op op, DType operands);
  // second(first(a, b), c), or second(c, first(a, b)) where the first's is the second operand: with
  // the bits of the two loops one after the other. For the ops that most bodies are made of; a neg
  // in front has b = a.
  Loop (*pair)(Op first, Op second, bool is_second_operand, DType operands);
  // A floating value that an integer cannot hold gives the nearest that it can, NaN gives 0.
  Loop (*cast)(DType from, DType to);
  // f32 to f32: rounded to a 16-bit dtype, as by a cast there and back.
  Loop (*round)(DType to);

  // reduce_sum, reduce_max, reduce_min, to the dtype; argmax, argmin, to i64. A NaN is the extreme,
  // the first of several extremes the arg. A floating sum is taken in the dtype in blocks of at
  // most 4096, and those are added in f64; its order depends on the length alone. A row without
  // elements sums to 0, and has no extreme: length >= 1.
  RowLoop (*reduce)(Op op, DType dtype);
  // reduce_sum: `into` is f64 for the floating dtypes, i64 (wrapping) for the integers. reduce_max,
  // reduce_min: of the dtype; a NaN wins.
  AccumulateLoop (*accumulate)(Op op, DType dtype);
  // Of f32 and f64. Element (i, k) lies at i * leading + k, or where columns are contiguous at
  // i + k * leading: with the same bits. Products are rounded and summed as `reduce` sums.
  ProductLoop (*product)(bool has_contiguous_columns, DType dtype);
};

// The best variant that this machine runs, or the one that TENDON_CPU names (x86-64-v2, x86-64-v3,
// x86-64-v4) if the machine runs that. Chosen once.
const Loops& loops();

}  // namespace tendon::cpu
