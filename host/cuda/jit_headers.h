// The headers that generated kernels include: the files of kernels/jit/ and the op table, built
// into the library by cmake/TendonEmbed.cmake.
#pragma once

#include <span>

namespace tendon::cuda {

struct JitHeader {
  const char* name;  // as kernels include it: "tendon/ops.cuh"
  const char* text;
};

std::span<const JitHeader> jit_headers();

}  // namespace tendon::cuda
