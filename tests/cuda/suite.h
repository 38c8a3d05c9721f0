// The tapes of the bench suite, for tests of the kernels that are generated for them.
#pragma once

#include <tendon/backend.h>

#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "host/cuda/precompile.h"

namespace tendon::cuda {

struct SuiteCase {
  const char* name;
  Tape (*tape)();
};
std::span<const SuiteCase> suite();

// A kernel of a case; where the case has several, "name.0" and so on, in the order they run.
struct SuiteKernel {
  std::string name;
  GeneratedKernel kernel;
};
inline void PrintTo(const SuiteKernel& kernel, std::ostream* stream) { *stream << kernel.name; }
std::vector<SuiteKernel> kernels_of(const SuiteCase& of);

}  // namespace tendon::cuda
