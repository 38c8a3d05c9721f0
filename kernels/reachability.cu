#include "kernels/reachability.h"

namespace tendon::kernels {
namespace {

constexpr unsigned kThreads = 256;

__device__ std::uint64_t first_thread() {
  return std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}
__device__ std::uint64_t thread_count() { return std::uint64_t{gridDim.x} * blockDim.x; }

__global__ void mark_ends_kernel(Marks marks, const SourceNode* sources, std::uint32_t source_count,
                                 const std::uint32_t* targets, std::uint32_t target_count) {
  for (std::uint64_t i = first_thread(); i < source_count; i += thread_count()) {
    auto& word =
        reinterpret_cast<unsigned long long&>(marks.word(sources[i].node, sources[i].word()));
    atomicOr(&word, static_cast<unsigned long long>(sources[i].bit()));
  }
  for (std::uint64_t i = first_thread(); i < target_count; i += thread_count()) {
    marks.leads[targets[i]] = 1;
  }
}

// A thread for each word of each node of a level.
__global__ void forward_kernel(Adjacency graph, Marks marks, Levels levels, std::uint32_t first,
                               std::uint32_t last) {
  for (std::uint32_t level = first; level < last; ++level) {
    const std::uint32_t begin = levels.begin[level];
    const std::uint64_t words = std::uint64_t{levels.begin[level + 1] - begin} * marks.word_count;
    for (std::uint64_t i = first_thread(); i < words; i += thread_count()) {
      forward_step(graph, marks, levels.nodes[begin + i / marks.word_count],
                   static_cast<std::uint32_t>(i % marks.word_count));
    }
    __syncthreads();
  }
}

__global__ void backward_kernel(Adjacency graph, Marks marks, Levels levels, std::uint32_t first,
                                std::uint32_t last) {
  for (std::uint32_t level = last; level-- > first;) {
    const std::uint32_t end = levels.begin[level + 1];
    for (std::uint64_t i = levels.begin[level] + first_thread(); i < end; i += thread_count()) {
      backward_step(graph, marks, levels.nodes[i]);
    }
    __syncthreads();
  }
}

__global__ void keep_needed_kernel(Marks marks, std::uint32_t node_count) {
  const std::uint64_t words = std::uint64_t{node_count} * marks.word_count;
  for (std::uint64_t i = first_thread(); i < words; i += thread_count()) {
    marks.reached[i] = needed(marks, static_cast<std::uint32_t>(i / marks.word_count),
                              static_cast<std::uint32_t>(i % marks.word_count));
  }
}

template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), std::uint32_t blocks, std::uint32_t threads,
                   cudaStream_t stream, const Arguments&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(blocks);
  config.blockDim = dim3(threads);
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

std::uint32_t blocks_for(std::uint64_t count) {
  constexpr std::uint64_t kMost = 1u << 16;
  const std::uint64_t blocks = (count + kThreads - 1) / kThreads;
  return static_cast<std::uint32_t>(blocks < 1 ? 1 : blocks > kMost ? kMost : blocks);
}

}  // namespace

cudaError_t mark_ends(const Marks& marks, const SourceNode* sources, std::uint32_t source_count,
                      const std::uint32_t* targets, std::uint32_t target_count,
                      cudaStream_t stream) {
  return launch(mark_ends_kernel,
                blocks_for(source_count > target_count ? source_count : target_count), kThreads,
                stream, marks, sources, source_count, targets, target_count);
}

cudaError_t forward_levels(const Adjacency& graph, const Marks& marks, const Levels& levels,
                           const LevelLaunch& given, cudaStream_t stream) {
  return launch(forward_kernel, given.blocks, given.threads, stream, graph, marks, levels,
                given.first, given.last);
}

cudaError_t backward_levels(const Adjacency& graph, const Marks& marks, const Levels& levels,
                            const LevelLaunch& given, cudaStream_t stream) {
  return launch(backward_kernel, given.blocks, given.threads, stream, graph, marks, levels,
                given.first, given.last);
}

cudaError_t keep_needed(const Marks& marks, std::uint32_t node_count, cudaStream_t stream) {
  return launch(keep_needed_kernel, blocks_for(std::uint64_t{node_count} * marks.word_count),
                kThreads, stream, marks, node_count);
}

}  // namespace tendon::kernels
