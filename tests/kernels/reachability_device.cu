// Compiled, not run: the reachability function as device code, a thread a node of one level.
#include "kernels/reachability.cuh"

__global__ void forward_level(tendon::kernels::Adjacency graph, tendon::kernels::Marks marks,
                              const std::uint32_t* nodes, std::uint32_t count) {
  const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) tendon::kernels::forward_step(graph, marks, nodes[i]);
}

__global__ void backward_level(tendon::kernels::Adjacency graph, tendon::kernels::Marks marks,
                               const std::uint32_t* nodes, std::uint32_t count) {
  const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) tendon::kernels::backward_step(graph, marks, nodes[i]);
}
