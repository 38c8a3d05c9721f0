// The price of a European call. F. Black, M. Scholes (1973), Journal of Political Economy 81.
#pragma once

#include <tendon/backend.h>

namespace tendon::workloads {

// Inputs, each (options): spot, strike, time to expiry, rate, volatility. Target, (options): the
// price, whose gradients are the Greeks delta, dual delta, theta (with its sign turned), rho and
// vega.
Tape black_scholes_tape(DType dtype, std::int64_t options);

}  // namespace tendon::workloads
