// The library's kernels, which it loads where a product first needs them: inside of a capture that
// is not relaxed that is refused, and the capture is lost.
#pragma once

#include "cublaslt/algorithm.h"

namespace emulator::cublaslt {

// Loads the kernels of the algorithm for such problems, unless the process has them on the device.
// Throws a Refusal.
void load_kernels(int device, const Problem& problem, const Algorithm& algorithm);

}  // namespace emulator::cublaslt
