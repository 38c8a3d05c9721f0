// The workloads as a C++ programmer writes them who has time: forward and backward in one pass over
// memory, derivatives by hand, vectorised, on all threads that OMP_NUM_THREADS grants. Inputs and
// outputs are those of the tape of the same name: its targets, then its gradients for seeds of one.
// Compiled for the same processors as the library's own loops, and chosen as those are.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/array.h"

namespace tendon::bench::by_hand {

using Arrays = std::vector<Array>;
using Loop = void (*)(const Arrays& inputs, const Arrays& outputs);

struct Pair {
  Loop f32, f64;
};

struct Loops {
  const char* instructions;  // "x86-64-v3"
  const char* flags;         // of the compiler
  Pair muscle_residual, black_scholes, gelu, silu_gate, cross_entropy;

  // What bench/machine.h measures: passes over float arrays of `size`, and multiplications and
  // additions in registers. On all threads.
  void (*triad)(float* out, const float* left, const float* right, std::int64_t size);
  void (*scale)(float* in_place, std::int64_t size);
  double (*multiply_add_f32)(std::int64_t steps);  // the operations that it has done
  double (*multiply_add_f64)(std::int64_t steps);
};

// For the instructions that TENDON_CPU names, else for the best that this processor has.
const Loops& loops();
const Loops& best_loops();

}  // namespace tendon::bench::by_hand
