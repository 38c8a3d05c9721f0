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

Mask reachability(const Tape& tape, std::span<const std::uint8_t> live,
                  std::span<const SourceValue> sources, std::size_t source_count,
                  std::span<const Ref> targets) {
  const kernels::Adjacency graph{tape.size(), tape.operand_begin().data(),
                                 reinterpret_cast<const std::uint32_t*>(tape.operand_ids().data()),
                                 live.data()};
  const auto word_count = static_cast<std::uint32_t>((source_count + 63) / 64);
  std::vector<std::uint64_t> reached(std::size_t{tape.size()} * word_count);
  std::vector<std::uint8_t> leads(tape.size());
  const kernels::Marks marks{word_count, reached.data(), leads.data()};

  for (const SourceValue& source : sources) {
    reached[std::size_t{source.value.id} * word_count + source.source / 64] |=
        std::uint64_t{1} << (source.source % 64);
  }
  for (const Ref target : targets) {
    if (is_floating(tape.dtype(target))) leads[target.id] = 1;
  }
  for (std::uint32_t node = 0; node < tape.size(); ++node)
    kernels::forward_step(graph, marks, node);
  for (std::uint32_t node = tape.size(); node-- > 0;) kernels::backward_step(graph, marks, node);
  std::vector<std::uint64_t> words(reached.size());
  for (std::uint32_t node = 0; node < tape.size(); ++node) {
    for (std::uint32_t word = 0; word < word_count; ++word) {
      words[std::size_t{node} * word_count + word] = kernels::needed(marks, node, word);
    }
  }
  return {std::move(words), word_count};
}

}  // namespace tendon::autodiff
