// Runs the one reachability function of kernels/reachability.cuh over a tape's adjacency, in order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/reachability.cuh"

namespace tendon::cpu {

// As plan::Backend::needed_backward.
std::vector<std::uint64_t> needed_backward(const kernels::Adjacency& graph,
                                           std::uint32_t word_count,
                                           std::span<const kernels::SourceNode> sources,
                                           std::span<const std::uint32_t> targets);

}  // namespace tendon::cpu
