// Runs the one reachability function of reachability.cuh on a device: what its steps are launched
// with. Every pointer is to memory of the device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/reachability.cuh"

namespace tendon::kernels {

// The nodes by level: those of level i are nodes[begin[i], begin[i + 1]). A node's level is greater
// than those of its live edges' operands.
struct Levels {
  const std::uint32_t* nodes = nullptr;
  const std::uint32_t* begin = nullptr;
};

// How a stretch of levels [first, last) is launched. Several levels take one block, since only its
// threads can wait for each other between them.
struct LevelLaunch {
  std::uint32_t first = 0, last = 0;
  std::uint32_t blocks = 1, threads = 32;
};

// Each enqueues on the stream and waits for nothing. The marks begin as zeros.
cudaError_t mark_ends(const Marks& marks, const SourceNode* sources, std::uint32_t source_count,
                      const std::uint32_t* targets, std::uint32_t target_count,
                      cudaStream_t stream);
cudaError_t forward_levels(const Adjacency& graph, const Marks& marks, const Levels& levels,
                           const LevelLaunch& launch, cudaStream_t stream);
// From the last to the first.
cudaError_t backward_levels(const Adjacency& graph, const Marks& marks, const Levels& levels,
                            const LevelLaunch& launch, cudaStream_t stream);
// After both passes: each of marks.reached becomes what needed() gives.
cudaError_t keep_needed(const Marks& marks, std::uint32_t node_count, cudaStream_t stream);

}  // namespace tendon::kernels
