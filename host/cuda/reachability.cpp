#include "host/cuda/reachability.h"

#include <algorithm>
#include <cstring>
#include <ranges>
#include <utility>

namespace tendon::cuda {
namespace {

constexpr std::uint32_t kThreads = 256;
// Steps of a level that one block does sooner than a launch of many blocks begins.
constexpr std::uint64_t kStepsOfOneBlock = std::uint64_t{4} * kThreads;
// Levels of a launch, so that none holds the device for long.
constexpr std::uint32_t kMostLevels = 1 << 16;

// The nodes by level, each as low as its live edges let it be.
struct NodesByLevel {
  explicit NodesByLevel(const kernels::Adjacency& graph) : nodes(graph.node_count) {
    std::vector<std::uint32_t> level(graph.node_count);
    begin.push_back(0);
    for (std::uint32_t node = 0; node < graph.node_count; ++node) {
      for (std::uint32_t edge = graph.operand_begin[node]; edge < graph.operand_begin[node + 1];
           ++edge) {
        if (graph.live[edge] != 0)
          level[node] = std::max(level[node], level[graph.operands[edge]] + 1);
      }
      begin.resize(std::max<std::size_t>(begin.size(), level[node] + 2));
      ++begin[level[node] + 1];
    }
    for (std::size_t i = 1; i < begin.size(); ++i) begin[i] += begin[i - 1];
    std::vector<std::uint32_t> next = begin;
    for (std::uint32_t node = 0; node < graph.node_count; ++node) nodes[next[level[node]]++] = node;
  }
  std::vector<std::uint32_t> nodes, begin;
};

// Levels with few steps, as many as follow each other, take one block; one with many is a launch of
// its own.
std::vector<kernels::LevelLaunch> launches(const NodesByLevel& levels, std::uint32_t steps_a_node) {
  std::vector<kernels::LevelLaunch> launches;
  bool is_open = false;  // the last one takes more levels
  for (std::uint32_t level = 0; level + 1 < levels.begin.size(); ++level) {
    const std::uint64_t steps =
        std::uint64_t{levels.begin[level + 1] - levels.begin[level]} * steps_a_node;
    if (steps > kStepsOfOneBlock) {
      launches.push_back({level, level + 1,
                          static_cast<std::uint32_t>((steps + kThreads - 1) / kThreads), kThreads});
      is_open = false;
      continue;
    }
    if (!is_open || level - launches.back().first == kMostLevels)
      launches.push_back({level, level, 1, 32});
    is_open = true;
    kernels::LevelLaunch& last = launches.back();
    last.last = level + 1;
    last.threads = std::max(last.threads,
                            std::min(kThreads, static_cast<std::uint32_t>(steps + 31) / 32 * 32));
  }
  return launches;
}

// Memory for work on its stream, which has ended when it goes: before the host's side of copies
// does, where an error is thrown and some are under way.
class Scratch {
 public:
  Scratch(Memory& memory, std::size_t bytes)
      : stream_(memory.stream()),
        block_(memory, bytes, "finding which gradients are connected", Place()) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { forget(cudaStreamSynchronize(stream_)); }
  std::byte* data() const { return static_cast<std::byte*>(block_.data()); }

 private:
  cudaStream_t stream_;
  Block block_;
};

// Arrays side by side, which are copied as one.
class Package {
 public:
  template <class T>
  std::size_t add(const T* values, std::size_t count) {
    const std::size_t offset = (bytes_.size() + alignof(T) - 1) / alignof(T) * alignof(T);
    bytes_.resize(offset + count * sizeof(T));
    if (count > 0) std::memcpy(bytes_.data() + offset, values, count * sizeof(T));
    return offset;
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace

Reachability::Reachability(Memory& values)
    : values_(values),
      stream_(make_stream(values.device())),
      memory_(values.device(), stream_.get()) {
  values_.add(*this);
}
Reachability::~Reachability() { values_.remove(*this); }

std::vector<std::uint64_t> Reachability::needed_backward(
    const kernels::Adjacency& graph, std::uint32_t word_count,
    std::span<const kernels::SourceNode> sources, std::span<const std::uint32_t> targets) {
  std::vector<std::uint64_t> needed(std::size_t{graph.node_count} * word_count);
  if (needed.empty() || sources.empty() || targets.empty()) return needed;

  const NodesByLevel by_level(graph);
  Package package;
  const std::size_t operand_begin = package.add(graph.operand_begin, graph.node_count + 1);
  const std::uint32_t edge_count = graph.operand_begin[graph.node_count];
  const std::size_t operands = package.add(graph.operands, edge_count);
  const std::size_t nodes = package.add(by_level.nodes.data(), by_level.nodes.size());
  const std::size_t level_begin = package.add(by_level.begin.data(), by_level.begin.size());
  const std::size_t source_nodes = package.add(sources.data(), sources.size());
  const std::size_t target_nodes = package.add(targets.data(), targets.size());
  const std::size_t live = package.add(graph.live, edge_count);

  const DeviceScope scope(memory_.device());
  auto* const stream = stream_.get();
  const std::size_t needed_bytes = needed.size() * sizeof(std::uint64_t);
  const std::size_t marks_bytes = (needed_bytes + graph.node_count + 7) / 8 * 8;
  const Scratch memory(memory_, marks_bytes + package.bytes().size());
  const auto given = [&]<class T>(const T*, std::size_t offset) {
    return reinterpret_cast<const T*>(memory.data() + marks_bytes + offset);
  };
  const kernels::Adjacency device_graph{graph.node_count, given(graph.operand_begin, operand_begin),
                                        given(graph.operands, operands), given(graph.live, live)};
  const kernels::Marks marks{word_count, reinterpret_cast<std::uint64_t*>(memory.data()),
                             reinterpret_cast<std::uint8_t*>(memory.data() + needed_bytes)};
  const kernels::Levels levels{given(by_level.nodes.data(), nodes),
                               given(by_level.begin.data(), level_begin)};

  TENDON_CUDA_CHECK(cudaMemsetAsync(memory.data(), 0, marks_bytes, stream));
  TENDON_CUDA_CHECK(cudaMemcpyAsync(memory.data() + marks_bytes, package.bytes().data(),
                                    package.bytes().size(), cudaMemcpyHostToDevice, stream));
  TENDON_CUDA_CHECK(kernels::mark_ends(
      marks, given(sources.data(), source_nodes), static_cast<std::uint32_t>(sources.size()),
      given(targets.data(), target_nodes), static_cast<std::uint32_t>(targets.size()), stream));
  for (const kernels::LevelLaunch& launch : launches(by_level, word_count))
    TENDON_CUDA_CHECK(kernels::forward_levels(device_graph, marks, levels, launch, stream));
  const std::vector<kernels::LevelLaunch> backward = launches(by_level, 1);
  for (const kernels::LevelLaunch& launch : std::views::reverse(backward))
    TENDON_CUDA_CHECK(kernels::backward_levels(device_graph, marks, levels, launch, stream));
  TENDON_CUDA_CHECK(kernels::keep_needed(marks, graph.node_count, stream));
  TENDON_CUDA_CHECK(
      cudaMemcpyAsync(needed.data(), marks.reached, needed_bytes, cudaMemcpyDeviceToHost, stream));
  TENDON_CUDA_CHECK(cudaStreamSynchronize(stream));
  return needed;
}

}  // namespace tendon::cuda
