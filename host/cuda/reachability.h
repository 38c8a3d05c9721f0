// Runs the one reachability function of kernels/reachability.cuh on a device, level by level.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/cuda/runtime.h"
#include "kernels/reachability.h"

namespace tendon::cuda {

class Reachability {
 public:
  explicit Reachability(int device);

  // As plan::Backend::needed_backward. On a stream of its own; OutOfMemory where there is too
  // little memory.
  std::vector<std::uint64_t> needed_backward(const kernels::Adjacency& graph,
                                             std::uint32_t word_count,
                                             std::span<const kernels::SourceNode> sources,
                                             std::span<const std::uint32_t> targets);

 private:
  int device_;
  StreamHandle stream_;
};

}  // namespace tendon::cuda
