// The workloads as a C++ programmer writes them who has time: forward and backward in one pass over
// memory, derivatives by hand, vectorised, on all threads that OMP_NUM_THREADS grants. Inputs and
// outputs are those of the tape of the same name: its targets, then its gradients for seeds of one.
// T is float or double.
#pragma once

#include <vector>

#include "bench/array.h"

namespace tendon::bench::by_hand {

using Arrays = std::vector<Array>;

template <class T>
void muscle_residual(const Arrays& inputs, const Arrays& outputs);
template <class T>
void black_scholes(const Arrays& inputs, const Arrays& outputs);
template <class T>
void gelu(const Arrays& inputs, const Arrays& outputs);
template <class T>
void silu_gate(const Arrays& inputs, const Arrays& outputs);
template <class T>
void cross_entropy(const Arrays& inputs, const Arrays& outputs);

}  // namespace tendon::bench::by_hand
