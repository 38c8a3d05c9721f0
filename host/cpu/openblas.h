// OpenBLAS, opened at the first product that needs it: it takes address space for each thread as it
// is loaded, and tries for ever where there is none. A program without a product is spared both.
#pragma once

#include <cblas.h>

namespace tendon::cpu {

struct OpenBlas {
  decltype(&cblas_sgemm) sgemm = nullptr;
  decltype(&cblas_dgemm) dgemm = nullptr;
};

// Opened once, and never closed. Error where it is not found, OutOfMemory where the address space
// is not enough; the next call tries again.
const OpenBlas& openblas();

}  // namespace tendon::cpu
