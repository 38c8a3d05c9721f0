// The loops of one variant: each file of them is compiled once for each set of instructions, with
// TENDON_BY_HAND the name of its namespace. T is float or double.
#pragma once

#include "bench/by_hand/by_hand.h"

namespace tendon::bench::by_hand::TENDON_BY_HAND {

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

void triad(float* out, const float* left, const float* right, std::int64_t size);
void scale(float* in_place, std::int64_t size);
template <class T>
double multiply_add(std::int64_t steps);

extern const Loops kLoops;

}  // namespace tendon::bench::by_hand::TENDON_BY_HAND
