#include "host/cpu/reachability.h"

namespace tendon::cpu {

std::vector<std::uint64_t> needed_backward(const kernels::Adjacency& graph,
                                           std::uint32_t word_count,
                                           std::span<const kernels::SourceNode> sources,
                                           std::span<const std::uint32_t> targets) {
  std::vector<std::uint64_t> reached(std::size_t{graph.node_count} * word_count);
  std::vector<std::uint8_t> leads(graph.node_count);
  const kernels::Marks marks{word_count, reached.data(), leads.data()};
  for (const kernels::SourceNode& source : sources)
    marks.word(source.node, source.word()) |= source.bit();
  for (const std::uint32_t target : targets) leads[target] = 1;
  for (std::uint32_t node = 0; node < graph.node_count; ++node) {
    for (std::uint32_t word = 0; word < word_count; ++word)
      kernels::forward_step(graph, marks, node, word);
  }
  for (std::uint32_t node = graph.node_count; node-- > 0;)
    kernels::backward_step(graph, marks, node);
  for (std::uint32_t node = 0; node < graph.node_count; ++node) {
    for (std::uint32_t word = 0; word < word_count; ++word)
      marks.word(node, word) = kernels::needed(marks, node, word);
  }
  return reached;
}

}  // namespace tendon::cpu
