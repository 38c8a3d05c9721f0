// The variants of the loops: one on other processors than x86-64.
#pragma once

#include <span>

#include "host/cpu/loops.h"

namespace tendon::cpu {

#if defined(__x86_64__)
extern const Loops kLoopsV2;
extern const Loops kLoopsV3;
extern const Loops kLoopsV4;
#else
extern const Loops kLoopsPlain;
#endif

// Those that this machine runs, the best last.
std::span<const Loops* const> available_loops();

}  // namespace tendon::cpu
