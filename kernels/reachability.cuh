// Which ops of a tape have a backward that is needed: the one function that decides it, on the host
// and on the device.
//
// A node carries a bit for each source, 64 to a word. Forward, a node is reached by what its live
// edges bring from its operands; backward, whether a node leads to a target. An edge is live where
// it can carry a gradient and its operand was watched, or computed from something watched, when the
// op was recorded. A node's backward is needed for a source where both meet. forward_step visits a
// node after the operands of its live edges, backward_step before: on the host in tape order, on a
// device level by level.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define TENDON_HOST_DEVICE __host__ __device__
#else
#define TENDON_HOST_DEVICE
#endif

namespace tendon::kernels {

struct Adjacency {
  std::uint32_t node_count = 0;
  const std::uint32_t* operand_begin =
      nullptr;  // node_count + 1: a node's edges are [begin[i], begin[i + 1])
  const std::uint32_t* operands = nullptr;  // an edge's operand
  const std::uint8_t* live = nullptr;       // an edge's liveness, 0 or 1
};

// A node that stands for a source. Several may stand for one, and one for several.
struct SourceNode {
  std::uint32_t node = 0;
  std::uint32_t source = 0;

  TENDON_HOST_DEVICE std::uint32_t word() const { return source / 64; }
  TENDON_HOST_DEVICE std::uint64_t bit() const { return std::uint64_t{1} << (source % 64); }
};

struct Marks {
  std::uint32_t word_count = 0;  // words of source bits a node
  std::uint64_t* reached =
      nullptr;  // node_count x word_count; a source's own bits are set before the forward pass
  std::uint8_t* leads = nullptr;  // node_count; the targets are set before the backward pass

  TENDON_HOST_DEVICE std::uint64_t& word(std::uint32_t node, std::uint32_t at) const {
    return reached[std::uint64_t{node} * word_count + at];
  }
};

// Of one word of the node: the words do not depend on each other.
TENDON_HOST_DEVICE inline void forward_step(const Adjacency& graph, const Marks& marks,
                                            std::uint32_t node, std::uint32_t word) {
  std::uint64_t bits = marks.word(node, word);
  for (std::uint32_t edge = graph.operand_begin[node]; edge < graph.operand_begin[node + 1];
       ++edge) {
    if (graph.live[edge] != 0) bits |= marks.word(graph.operands[edge], word);
  }
  marks.word(node, word) = bits;
}

// Every writer writes the same 1, so no order and no atomic is needed.
TENDON_HOST_DEVICE inline void backward_step(const Adjacency& graph, const Marks& marks,
                                             std::uint32_t node) {
  if (marks.leads[node] == 0) return;
  for (std::uint32_t edge = graph.operand_begin[node]; edge < graph.operand_begin[node + 1];
       ++edge) {
    if (graph.live[edge] != 0) marks.leads[graph.operands[edge]] = 1;
  }
}

// After both passes: the bits of the sources for which the node's backward is needed, of one word.
TENDON_HOST_DEVICE inline std::uint64_t needed(const Marks& marks, std::uint32_t node,
                                               std::uint32_t word) {
  return marks.leads[node] == 0 ? 0 : marks.word(node, word);
}

}  // namespace tendon::kernels
