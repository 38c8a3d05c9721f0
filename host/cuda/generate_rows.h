// Kernels of parts that reduce.
#pragma once

#include <string>
#include <vector>

#include "host/cuda/generate.h"

namespace tendon::cuda {

// Whether neighbouring elements are neighbours in memory, from its begin.
bool is_contiguous(const plan::View& view);

// A row by a warp or a block, its elements in registers while it is reduced.
GeneratedKernel generate_resident(const plan::Plan& plan, const plan::Part& part, bool is_aligned,
                                  const std::string& comment);

// Rows in chunks: a kernel that reduces each chunk to the arena, and one that puts a row's
// together; one alone where a row is one chunk.
std::vector<GeneratedKernel> generate_chunked(const plan::Plan& plan, const plan::Part& part,
                                              bool is_aligned, const std::string& comment);

// A reduction's type, what it begins with, and how two results become one.
struct Reduction {
  std::string type, initial, combine;
  bool is_arg = false;
};
Reduction reduction_of(const plan::Plan& plan, const plan::Part& part, plan::Local local);

}  // namespace tendon::cuda
