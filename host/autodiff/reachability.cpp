#include "host/autodiff/reachability.h"

#include "host/ops/op_row.h"
#include "kernels/reachability.cuh"

namespace tendon::autodiff {

static_assert(sizeof(Ref) ==
              sizeof(std::uint32_t));  // the adjacency of a tape is read as plain ids

std::vector<std::uint8_t> differentiable_edges(const Tape& tape) {
  std::vector<std::uint8_t> live(tape.operand_ids().size());
  for (std::uint32_t id = 0; id < tape.size(); ++id) {
    const ops::OpRow& op = ops::row(tape.op(Ref{id}));
    const std::uint32_t begin = tape.operand_begin()[id];
    const auto operands = tape.operands(Ref{id});
    for (std::size_t i = 0; i < operands.size(); ++i) {
      live[begin + i] = op.carries(static_cast<int>(i)) && is_floating(tape.dtype(Ref{id})) &&
                        is_floating(tape.dtype(operands[i]));
    }
  }
  return live;
}

Mask reachability(plan::Backend& device, const Tape& tape, std::span<const std::uint8_t> live,
                  std::span<const SourceValue> sources, std::size_t source_count,
                  std::span<const Ref> targets) {
  const kernels::Adjacency graph{tape.size(), tape.operand_begin().data(),
                                 reinterpret_cast<const std::uint32_t*>(tape.operand_ids().data()),
                                 live.data()};
  const auto word_count = static_cast<std::uint32_t>((source_count + 63) / 64);
  std::vector<kernels::SourceNode> source_nodes;
  for (const SourceValue& source : sources)
    source_nodes.push_back({source.value.id, source.source});
  std::vector<std::uint32_t> target_nodes;
  for (const Ref target : targets) {
    if (is_floating(tape.dtype(target))) target_nodes.push_back(target.id);
  }
  return {device.needed_backward(graph, word_count, source_nodes, target_nodes), word_count};
}

Mask reachability_of_any(plan::Backend& device, const Tape& tape,
                         std::span<const std::uint8_t> live, std::span<const SourceValue> sources,
                         std::span<const Ref> targets) {
  std::vector<SourceValue> as_one;
  for (const SourceValue& source : sources) as_one.push_back({source.value, 0});
  return reachability(device, tape, live, as_one, sources.empty() ? 0 : 1, targets);
}

}  // namespace tendon::autodiff
