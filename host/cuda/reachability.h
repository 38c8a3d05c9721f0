// Runs the one reachability function of kernels/reachability.cuh on a device, level by level.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/cuda/memory.h"
#include "host/cuda/runtime.h"
#include "kernels/reachability.h"

namespace tendon::cuda {

class Reachability {
 public:
  // `memory`: of the device; gives up what it keeps where there is no other memory left.
  Reachability(int device, Memory& memory);

  // As plan::Backend::needed_backward. On a stream of its own.
  std::vector<std::uint64_t> needed_backward(const kernels::Adjacency& graph,
                                             std::uint32_t word_count,
                                             std::span<const kernels::SourceNode> sources,
                                             std::span<const std::uint32_t> targets);

 private:
  int device_;
  Memory& memory_;
  StreamHandle stream_;
};

}  // namespace tendon::cuda
