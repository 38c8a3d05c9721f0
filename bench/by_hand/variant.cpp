#include "bench/by_hand/variant.h"

namespace tendon::bench::by_hand::TENDON_BY_HAND {

constinit const Loops kLoops = {
    .instructions = TENDON_BY_HAND_INSTRUCTIONS,
    .flags = TENDON_BY_HAND_FLAGS,
    .muscle_residual = {muscle_residual<float>, muscle_residual<double>},
    .black_scholes = {black_scholes<float>, black_scholes<double>},
    .gelu = {gelu<float>, gelu<double>},
    .silu_gate = {silu_gate<float>, silu_gate<double>},
    .cross_entropy = {cross_entropy<float>, cross_entropy<double>},
    .triad = triad,
    .scale = scale,
    .multiply_add_f32 = multiply_add<float>,
    .multiply_add_f64 = multiply_add<double>,
};

}  // namespace tendon::bench::by_hand::TENDON_BY_HAND
