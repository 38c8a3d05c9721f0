#include "host/record/backward.h"

#include <algorithm>
#include <unordered_map>

#include "host/autodiff/differentiate.h"
#include "host/record/cell.h"
#include "host/record/recorder.h"

namespace tendon::record {
namespace {

// The ops of a GradientTape that lead to its targets, as a Tape; what they take from outside is
// input or constant.
class Extract {
 public:
  // Requires graph_mutex() while it lives.
  Extract(const detail::TapeState& tape, std::span<const Tensor> targets)
      : tape_(tape), walk_(next_walk()) {
    collect(targets);
    // What is taken from outside first. Then by id: what connects was made by the tape's thread,
    // whose ids ascend, so operands come before what uses them.
    std::ranges::sort(nodes_, {},
                      [this](const Node* node) { return std::pair(is_on_tape(*node), node->id); });
    for (Node* node : nodes_) append(*node);
  }

  TapeBuilder& builder() { return builder_; }
  std::vector<std::uint8_t>& live() { return live_; }
  std::optional<Ref> find(const Node& node) const {
    return node.visit == walk_ ? std::optional(Ref{node.visit_ref}) : std::nullopt;
  }
  const std::vector<Node*>& nodes() const { return nodes_; }  // node i is value i

 private:
  bool is_on_tape(const Node& node) const { return node.tapes.contains(tape_.id()); }

  void collect(std::span<const Tensor> targets) {
    std::vector<Node*> stack;
    for (const Tensor& target : targets) visit(*target.node(), stack);
    while (!stack.empty()) {
      const Node* node = stack.back();
      stack.pop_back();
      for (Node* operand : node->operands()) visit(*operand, stack);
    }
  }
  void visit(Node& node, std::vector<Node*>& stack) {
    if (node.visit == walk_) return;
    node.visit = walk_;
    nodes_.push_back(&node);
    if (is_on_tape(node)) stack.push_back(&node);
  }
  void append(Node& node) {
    Ref value;
    if (!is_on_tape(node)) {
      value = node.op == Op::constant
                  ? record::append(node, {}, builder_)
                  : builder_.input(node.type.dtype, node.type.shape, {}, node.place);
    } else {
      operands_.clear();
      for (Node* operand : node.operands()) operands_.push_back(Ref{operand->visit_ref});
      value = record::append(node, operands_, builder_);
      const ops::OpRow& row = ops::row(node.op);
      for (std::size_t i = 0; i < operands_.size(); ++i) {
        const Node& operand = *node.operands()[i];
        live_.push_back(
            row.carries(static_cast<int>(i)) && is_floating(operand.type.dtype) &&
            (is_on_tape(operand) || (operand.watched.load(std::memory_order_relaxed) &&
                                     tape_.watches(operand, static_cast<std::uint64_t>(node.id)))));
      }
    }
    node.visit_ref = value.id;
  }

  const detail::TapeState& tape_;
  std::uint64_t walk_;
  TapeBuilder builder_;
  std::vector<Node*> nodes_;
  std::vector<Ref> operands_;
  std::vector<std::uint8_t> live_;  // one an operand of the tape, in its order
};

// The nodes of the tape that stand for each source.
std::vector<autodiff::SourceValue> source_values(const Extract& extract,
                                                 std::span<const Source> sources) {
  std::vector<autodiff::SourceValue> values;
  std::unordered_multimap<std::uint64_t, std::uint32_t> of_cell;
  for (std::uint32_t i = 0; i < sources.size(); ++i) {
    if (const Variable* variable = sources[i].variable()) {
      of_cell.emplace(variable->cell()->id(), i);
    } else if (const auto value = extract.find(*sources[i].tensor()->node())) {
      values.push_back({*value, i});
    }
  }
  if (of_cell.empty()) return values;
  for (std::uint32_t id = 0; id < extract.nodes().size(); ++id) {
    const Node& node = *extract.nodes()[id];
    if (node.cell == 0) continue;
    const auto [first, last] = of_cell.equal_range(node.cell);
    for (auto at = first; at != last; ++at) values.push_back({Ref{id}, at->second});
  }
  return values;
}

// The backward part of a differentiated tape, as nodes.
class Replay {
 public:
  Replay(const Tape& tape, const std::vector<Node*>& forward,
         std::span<const std::optional<Tensor>> seeds)
      : tape_(tape), made_(tape.size()) {
    for (std::size_t i = 0; i < forward.size(); ++i) made_[i] = handle(forward[i]);
    std::size_t next = forward.size();
    for (const std::optional<Tensor>& seed : seeds) {
      if (seed) made_[next++] = *seed;
    }
    first_ = static_cast<std::uint32_t>(next);
  }

  // Makes the nodes that the gradients depend on, in the order of the tape.
  void make(std::span<const std::optional<Ref>> gradients) {
    std::vector<bool> wanted(tape_.size());
    for (const std::optional<Ref>& gradient : gradients) {
      if (gradient) wanted[gradient->id] = true;
    }
    for (std::uint32_t id = tape_.size(); id-- > first_;) {
      if (!wanted[id]) continue;
      for (const Ref operand : tape_.operands(Ref{id})) wanted[operand.id] = true;
    }
    std::vector<Node*> operands;
    for (std::uint32_t id = first_; id < tape_.size(); ++id) {
      if (!wanted[id]) continue;
      const Ref value{id};
      const Attributes& attributes = tape_.attributes(value);
      if (tape_.op(value) == Op::constant) {
        made_[id] = recorder().constant(attributes.number, attributes.dtype, attributes.shape,
                                        tape_.place(value));
        continue;
      }
      operands.clear();
      for (const Ref operand : tape_.operands(value)) operands.push_back(made_[operand.id].node());
      made_[id] =
          recorder().apply(tape_.op(value), operands,
                           attributes == Attributes() ? nullptr : &attributes, tape_.place(value));
    }
  }
  const Tensor& operator[](Ref value) const { return made_[value.id]; }

 private:
  const Tape& tape_;
  std::vector<Tensor> made_;
  std::uint32_t first_ = 0;
};

// A target's value now. A variable's is the one that reading it gives, which is also its cell's
// source.
Tensor value_of(const Target& target) {
  const Suspend suspend;
  return target.tensor() != nullptr ? *target.tensor() : target.variable()->read();
}

}  // namespace

std::vector<std::optional<Tensor>> backward(const detail::TapeState& tape,
                                            std::span<const Target> targets,
                                            std::span<const Source> sources,
                                            std::span<const std::optional<Tensor>> seeds) {
  std::vector<Tensor> values;
  for (const Target& target : targets) values.push_back(value_of(target));

  std::vector<Node*> forward;
  std::vector<std::optional<Ref>> seed_values(seeds.size());
  autodiff::Differentiated differentiated;
  {
    const std::scoped_lock lock(graph_mutex());
    Extract extract(tape, values);
    const std::vector<autodiff::SourceValue> found = source_values(extract, sources);
    std::vector<Ref> target_values;
    for (const Tensor& value : values) target_values.push_back(*extract.find(*value.node()));
    forward = extract.nodes();
    const autodiff::Mask mask = autodiff::reachability(extract.builder().tape(), extract.live(),
                                                       found, sources.size(), target_values);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      if (seeds[i]) seed_values[i] = extract.builder().input(seeds[i]->dtype(), seeds[i]->shape());
    }
    std::vector<std::uint8_t> live = std::move(extract.live());
    differentiated = autodiff::differentiate(std::move(extract.builder()).finish(target_values),
                                             seed_values, found, sources.size(), live, mask);
  }
  Replay replay(differentiated.tape, forward, seeds);
  replay.make(differentiated.gradients);

  std::vector<std::optional<Tensor>> gradients;
  for (const std::optional<Ref>& gradient : differentiated.gradients) {
    gradients.push_back(gradient ? std::optional(replay[*gradient]) : std::nullopt);
  }
  return gradients;
}

}  // namespace tendon::record
