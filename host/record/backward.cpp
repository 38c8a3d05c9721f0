#include "host/record/backward.h"

#include <algorithm>
#include <map>
#include <ranges>

#include "host/autodiff/derivative.h"
#include "host/record/cell.h"
#include "host/record/evaluate.h"
#include "host/record/recorder.h"
#include "host/record/why.h"
#include "host/support/spare.h"
#include "host/tape/tape_arrays.h"

namespace tendon::record {
namespace {

using detail::TapeArrays;

// The ops of a GradientTape that lead to its targets, as a Tape, and what is asked of them. What
// they take from outside comes first, as inputs and constants.
class Extract {
 public:
  // Requires graph_mutex().
  void take(const detail::TapeState& tape, std::span<const Tensor> targets,
            std::span<const Source> sources, std::span<const std::optional<Tensor>> seeds) {
    walk_ = next_walk();
    collect(tape, targets);
    for (Node* node : nodes_) append(tape, *node);
    find_sources(sources);
    for (const Tensor& target : targets) targets_.push_back(Ref{target.node()->visit_ref});
    TapeArrays::set_targets(tape_, targets_);
    for (const std::optional<Tensor>& seed : seeds) {
      seeds_.push_back(
          seed ? std::optional(TapeArrays::input(tape_, seed->dtype(), seed->shape(), Place()))
               : std::nullopt);
      if (seed) nodes_.push_back(seed->node());
    }
    source_count_ = sources.size();
  }

  autodiff::Question question() const {
    return {tape_,         seeds_, sources_,
            source_count_, live_,  [this](Ref value) { return origin_of(*nodes_[value.id]); }};
  }
  // Node i is value i of the tape.
  std::span<Node* const> nodes() const { return nodes_; }
  // Where the first target lies.
  Device device() const {
    return targets_.empty() ? Device::cpu() : nodes_[targets_[0].id]->device;
  }
  bool is_on_one_device() const {
    return std::ranges::all_of(
        nodes_, [this](const Node* node) { return node->device == nodes_[0]->device; });
  }

  void clear() {
    TapeArrays::clear(tape_);
    nodes_.clear();
    live_.clear();
    sources_.clear();
    targets_.clear();
    seeds_.clear();
    cells_.clear();
  }
  std::size_t held_bytes() const {
    return TapeArrays::held_bytes(tape_) + nodes_.capacity() * 2 * sizeof(Node*);
  }

 private:
  void collect(const detail::TapeState& tape, std::span<const Tensor> targets) {
    inside_.clear();
    const auto meet = [&](Node& node) {
      if (node.visit == walk_) return;
      node.visit = walk_;
      if (!node.tapes.contains(tape.id())) nodes_.push_back(&node);
    };
    for (const Tensor& target : targets) meet(*target.node());
    for (const NodePtr& held : std::views::reverse(tape.held())) {
      if (held->visit != walk_) continue;
      inside_.push_back(held.get());
      for (Node* operand : held->operands()) meet(*operand);
    }
    outside_count_ = nodes_.size();
    nodes_.insert(nodes_.end(), inside_.rbegin(), inside_.rend());
  }

  void append(const detail::TapeState& tape, Node& node) {
    const ops::Type& type = node.type;
    const std::uint32_t id = tape_.size();
    node.visit_ref = id;
    if (id < outside_count_) {
      if (node.op == Op::constant) {
        TapeArrays::constant(tape_, node.number, type.dtype, type.shape, node.place);
      } else {
        TapeArrays::input(tape_, type.dtype, type.shape, node.place);
      }
      return;
    }
    operands_.clear();
    const ops::OpRow& row = ops::row(node.op);
    for (std::size_t i = 0; i < node.operand_count; ++i) {
      const Node& operand = *node.operands()[i];
      operands_.push_back(Ref{operand.visit_ref});
      live_.push_back(row.carries(static_cast<int>(i)) && is_floating(operand.type.dtype) &&
                      (operand.visit_ref >= outside_count_ ||
                       (operand.watched.load(std::memory_order_relaxed) &&
                        tape.watches(operand, static_cast<std::uint64_t>(node.id)))));
    }
    TapeArrays::append(tape_, node.op, operands_, node.attributes, type.dtype, type.shape,
                       node.place);
  }

  // The values of the tape that stand for each source.
  void find_sources(std::span<const Source> sources) {
    for (std::uint32_t i = 0; i < sources.size(); ++i) {
      if (const Variable* variable = sources[i].variable()) {
        cells_.emplace_back(variable->cell()->id(), i);
      } else if (const Node& node = *sources[i].tensor()->node(); node.visit == walk_) {
        sources_.push_back({Ref{node.visit_ref}, i});
      }
    }
    if (cells_.empty()) return;
    std::ranges::sort(cells_);
    // A variable's values are readings and assigns, which connect on no tape.
    for (std::uint32_t id = 0; id < outside_count_; ++id) {
      const std::uint64_t cell = nodes_[id]->cell;
      if (cell == 0) continue;
      auto at = std::ranges::lower_bound(cells_, cell, {},
                                         &std::pair<std::uint64_t, std::uint32_t>::first);
      for (; at != cells_.end() && at->first == cell; ++at) {
        sources_.push_back({Ref{id}, at->second});
      }
    }
  }

  std::uint64_t walk_ = 0;
  Tape tape_;
  std::size_t outside_count_ = 0;
  std::vector<Node*> nodes_;
  std::vector<Node*> inside_;
  std::vector<Ref> operands_;
  std::vector<std::uint8_t> live_;  // one an operand of the tape, in its order
  std::vector<std::pair<std::uint64_t, std::uint32_t>> cells_;  // of the sources, with their index
  std::size_t source_count_ = 0;
  std::vector<autodiff::SourceValue> sources_;
  std::vector<Ref> targets_;
  std::vector<std::optional<Ref>> seeds_;
};

// Makes the nodes that the gradients depend on, in the order of the tape, as if they were called.
// Each lies where the op does that it belongs to; what it reads from elsewhere is copied there.
class Replay {
 public:
  Replay(const autodiff::Derivative& derivative, std::span<Node* const> nodes)
      : derivative_(derivative), tape_(derivative.backward().tape()), made_(tape_.size()) {
    const Named named(explain::kGradientCall);
    for (std::size_t i = 0; i < nodes.size(); ++i) made_[i] = handle(nodes[i]);
    support::PoolVector<bool> wanted(tape_.size());
    for (const std::optional<Ref>& gradient : derivative.gradients()) {
      if (gradient) wanted[gradient->id] = true;
    }
    const std::uint32_t begin = derivative.backward().begin();
    for (std::uint32_t id = tape_.size(); id-- > begin;) {
      if (!wanted[id]) continue;
      for (const Ref operand : tape_.operands(Ref{id})) wanted[operand.id] = true;
    }
    for (std::uint32_t id = begin; id < tape_.size(); ++id) {
      if (wanted[id]) make(Ref{id});
    }
  }
  const Tensor& operator()(Ref value, Device device) {
    const Tensor& made = made_[value.id];
    if (made.node()->device == device) return made;
    Tensor& copy = copies_[{value.id, device.is_cpu() ? -1 : device.index()}];
    if (copy.is_empty_handle()) {
      copy = tape_.op(value) == Op::constant
                 ? constant(value, device)
                 : recorder().copy(*made.node(), device, tape_.place(value));
    }
    return copy;
  }

 private:
  Tensor constant(Ref value, Device device) const {
    return recorder().constant(tape_.attributes(value).number, tape_.dtype(value),
                               tape_.shape(value), device, tape_.place(value));
  }
  void make(Ref value) {
    const Device device = made_[derivative_.owner(value).id].node()->device;
    if (tape_.op(value) == Op::constant) {
      made_[value.id] = constant(value, device);
      return;
    }
    operands_.clear();
    for (const Ref operand : tape_.operands(value))
      operands_.push_back((*this)(operand, device).node());
    made_[value.id] = recorder().apply(
        tape_.op(value), operands_, TapeArrays::own_attributes(tape_, value), tape_.place(value));
    Node& node = *made_[value.id].node();
    node.derivative_of = derivative_.origin(value).name;
    node.derivative_order = derivative_.origin(value).order;
  }

  const autodiff::Derivative& derivative_;
  const Tape& tape_;
  support::PoolVector<Tensor> made_;
  std::map<std::pair<std::uint32_t, int>, Tensor> copies_;  // by value and device; the CPU: -1
  support::PoolVector<Node*> operands_;
};

// The backward pass as one node. All of it lies on one device.
class OneNode {
 public:
  OneNode(const std::shared_ptr<const autodiff::Derivative>& derivative,
          std::span<Node* const> nodes, std::span<const Tensor> targets, Place place)
      : ops_(derivative, &derivative->backward()),
        nodes_(nodes),
        targets_(targets),
        place_(place),
        made_(ops_->tape().size() - ops_->begin()) {}
  // A value that was there before the backward pass is itself; one that two sources share is made
  // once.
  const Tensor& operator()(Ref value, Device) {
    const std::uint32_t begin = ops_->begin();
    if (value.id < begin) return given_ = handle(nodes_[value.id]);
    Tensor& made = made_[value.id - begin];
    if (made.is_empty_handle()) made = make(value);
    return made;
  }

 private:
  Tensor make(Ref value) {
    const Tape& tape = ops_->tape();
    if (tape.op(value) == Op::constant) {
      return recorder().constant(tape.attributes(value).number, tape.dtype(value),
                                 tape.shape(value), device(), tape.place(value));
    }
    if (macro_.is_empty_handle()) {
      support::PoolVector<Node*> operands;
      for (const Ref operand : ops_->operands()) operands.push_back(nodes_[operand.id]);
      macro_ = recorder().macro(ops_, operands, device(), explain::kGradientCall, place_);
      add_targets();
    }
    return recorder().macro_output(*macro_.node(), value);
  }

  Device device() const { return nodes_[0]->device; }

  void add_targets() {
    const std::scoped_lock lock(graph_mutex());
    for (const Tensor& target : targets_) {
      Node& node = *target.node();
      if (node.event != explain::Event::op || node.type.shape.size() != 1) continue;
      MacroPart& part = macro_part(node);
      if (!part.self) {
        part.self = std::allocate_shared<WeakNode>(support::PoolAllocator<WeakNode>());
        part.self->node = &node;
      }
      macro_.node()->macro->targets.push_back(part.self);
    }
  }

  std::shared_ptr<const detail::Macro> ops_;
  std::span<Node* const> nodes_;
  std::span<const Tensor> targets_;
  Place place_;
  Tensor macro_;
  Tensor given_;
  support::PoolVector<Tensor> made_;
};

// A target's value now. A variable's is the one that reading it gives, which is also its cell's
// source.
Tensor value_of(const Target& target) {
  const Suspend suspend;
  return target.tensor() != nullptr ? *target.tensor() : target.variable()->read();
}

}  // namespace

support::PoolVector<std::optional<Tensor>> backward(const detail::TapeState& tape,
                                                    std::span<const Target> targets,
                                                    std::span<const Source> sources,
                                                    std::span<const std::optional<Tensor>> seeds,
                                                    Place place) {
  support::PoolVector<Tensor> values;
  for (const Target& target : targets) values.push_back(value_of(target));

  const support::Spare<Extract> extract;
  {
    const std::scoped_lock lock(graph_mutex());
    extract->take(tape, values, sources, seeds);
  }
  const std::shared_ptr<const autodiff::Derivative> derivative =
      autodiff::derivative_of(extract->question(), backend_of(extract->device()));

  support::PoolVector<std::optional<Tensor>> gradients(sources.size());
  const auto fill = [&](auto&& tensor_of) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (const std::optional<Ref>& gradient = derivative->gradients()[i]) {
        gradients[i] = tensor_of(*gradient, kind_of(sources[i]).device);
      }
    }
  };
  if (recorder().records() || !extract->is_on_one_device()) {
    fill(Replay(*derivative, extract->nodes()));
  } else {
    fill(OneNode(derivative, extract->nodes(), values, place));
  }
  if (recorder().records()) {
    // A gradient that is a value of the forward pass is a result of this call all the same: an
    // explanation can tell that it is a derivative.
    const Named named(explain::kGradientCall);
    for (std::optional<Tensor>& gradient : gradients) {
      if (!gradient || gradient->node()->called == explain::kGradientCall) continue;
      Node* const operand = gradient->node();
      gradient = recorder().apply(Op::identity, {&operand, 1}, nullptr, place);
    }
  }
  return gradients;
}

}  // namespace tendon::record
