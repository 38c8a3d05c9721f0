#include "host/record/evaluate.h"

#include <tendon/error.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <unordered_map>

#include "host/cpu/cpu_backend.h"
#include "host/plan/plan.h"
#include "host/record/recorder.h"
#include "host/support/text.h"

namespace tendon {
namespace record {
namespace {

// Memory of a value that a node is to get.
struct Output {
  NodePtr node;
  Ref value;
};

// A walk over the graph that turns what has no value yet into a tape. Requires graph_mutex() while
// it walks.
class Flattening {
 public:
  // Requires graph_mutex(), like the walk. `keeps`: also note the values that are worth keeping.
  explicit Flattening(bool keeps) : keeps_(keeps), walk_(next_walk()) {}

  void want(Node* node) {
    Node* made = resolve(node);
    const Ref value = flatten(made);
    if (!node->ready.load(std::memory_order_relaxed)) add_output(made, value);
  }
  Tape finish() {
    targets_.reserve(outputs_.size());
    for (const Output& output : outputs_) targets_.push_back(output.value);
    return std::move(builder_).finish(targets_);
  }
  const std::vector<Output>& outputs() const { return outputs_; }
  std::span<const std::shared_ptr<Storage>> inputs() const { return inputs_; }
  // Reads and assigns without a value: each gets that of the node it stands for.
  const std::vector<std::pair<NodePtr, NodePtr>>& aliases() const { return aliases_; }

 private:
  struct Frame {
    Node* node;
    std::size_t next = 0;  // operand to look at
  };

  // The node whose value an alias has.
  Node* resolve(Node* node) {
    Node* const asked = node;
    while (is_alias(*node)) node = node->operands()[0];
    for (Node* alias = asked; alias != node; alias = alias->operands()[0]) {
      if (alias->visit == walk_) break;
      alias->visit = walk_;
      aliases_.emplace_back(alias, node);
      alias_roots_.push_back(node);
    }
    return node;
  }
  static bool is_alias(const Node& node) {
    return (node.event == explain::Event::read || node.event == explain::Event::assign) &&
           !node.ready.load(std::memory_order_relaxed);
  }
  bool is_done(const Node& node) const { return node.visit == walk_; }

  Ref flatten(Node* root) {
    if (!is_done(*root)) stack_.push_back({root});
    while (!stack_.empty()) {
      Frame& frame = stack_.back();
      Node* node = frame.node;
      const auto operands = node->operands();
      if (is_done(*node)) {
        stack_.pop_back();
      } else if (node->ready.load(std::memory_order_relaxed)) {
        done(*node, input(*node));
        stack_.pop_back();
      } else if (frame.next < operands.size()) {
        Node* operand = resolve(operands[frame.next++]);
        if (!is_done(*operand)) stack_.push_back({operand});
      } else {
        done(*node, apply(*node));
        stack_.pop_back();
        if (keeps_ && worth_keeping(*node)) add_output(node, Ref{node->visit_ref});
      }
    }
    // The values of variables met on the way are kept: what is assigned next is made from them.
    for (Node* node : alias_roots_) {
      if (keeps_ && is_done(*node) && !node->ready.load(std::memory_order_relaxed)) {
        add_output(node, Ref{node->visit_ref});
      }
    }
    alias_roots_.clear();
    return Ref{root->visit_ref};
  }

  void done(Node& node, Ref value) const {
    node.visit = walk_;
    node.visit_ref = value.id;
  }
  Ref input(Node& node) {
    const auto [found, is_new] = input_of_.try_emplace(node.value.get());
    if (is_new) {
      found->second = builder_.input(node.type.dtype, node.type.shape, {}, node.place);
      inputs_.push_back(node.value);
    }
    return found->second;
  }
  Ref apply(Node& node) {
    operands_.clear();
    for (Node* operand : node.operands()) {
      while (is_alias(*operand)) operand = operand->operands()[0];
      operands_.push_back(Ref{operand->visit_ref});
    }
    return append(node, operands_, builder_);
  }
  static bool worth_keeping(const Node& node) {
    if (node.event != explain::Event::op) return false;
    const ops::OpKind kind = ops::row(node.op).kind;
    if (kind == ops::OpKind::leaf) return false;
    const bool costly = kind == ops::OpKind::reduce || kind == ops::OpKind::contract ||
                        kind == ops::OpKind::irregular;
    if (costly && node.tape_holds > 0) return true;
    return has_handle(node) && (costly || node.type.shape.size() == 1);
  }
  void add_output(Node* node, Ref value) {
    if (output_of_.try_emplace(value.id, outputs_.size()).second) {
      outputs_.push_back({NodePtr(node), value});
    }
  }

  bool keeps_;
  std::uint64_t walk_;
  TapeBuilder builder_;
  std::vector<Frame> stack_;
  std::vector<Ref> operands_;
  std::vector<Ref> targets_;
  std::vector<Output> outputs_;
  std::unordered_map<std::uint32_t, std::size_t> output_of_;
  std::vector<std::shared_ptr<Storage>> inputs_;
  std::unordered_map<const Storage*, Ref> input_of_;
  std::vector<std::pair<NodePtr, NodePtr>> aliases_;
  std::vector<Node*> alias_roots_;
};

// Gives a node its value. Requires graph_mutex().
void publish(Node& node, std::shared_ptr<Storage> value, std::vector<Node*>& dropped) {
  if (node.ready.load(std::memory_order_relaxed)) return;  // another thread was first
  node.value = std::move(value);
  node.ready.store(true, std::memory_order_release);
  if (node.tape_holds == 0) take_operands(node, dropped);
}

}  // namespace

plan::Backend& backend_of(Device device) {
  if (!device.is_cpu()) {
    throw DeviceError(fmt::format(
        "cuda:{} is not available: this build of tendon has no CUDA executor", device.index()));
  }
  return cpu::backend();
}

void evaluate(std::span<Node* const> nodes) {
  if (std::ranges::all_of(nodes,
                          [](const Node* n) { return n->ready.load(std::memory_order_acquire); })) {
    return;
  }
  plan::Backend& backend = backend_of(Device::cpu());
  std::optional<Flattening> flattening;  // what it holds is released after the graph is unlocked
  std::unique_ptr<plan::Program> program;
  {
    const std::scoped_lock lock(graph_mutex());
    flattening.emplace(true);
    for (Node* node : nodes) flattening->want(node);
    program = backend.prepare(plan::make_plan(flattening->finish()));
  }
  const Tape& tape = program->plan().tape;
  backend.count_plan_built();

  std::vector<const void*> inputs;
  for (const std::shared_ptr<Storage>& input : flattening->inputs())
    inputs.push_back(input->data());
  std::vector<std::shared_ptr<Storage>> values;
  std::vector<void*> outputs;
  for (const Output& output : flattening->outputs()) {
    const auto bytes = static_cast<std::size_t>(tape.bytes(output.value));
    values.push_back(std::allocate_shared<Storage>(support::PoolAllocator<Storage>(), backend,
                                                   bytes, name(output.node->op),
                                                   output.node->place));
    outputs.push_back(values.back()->data());
  }
  if (!outputs.empty()) backend.execute(*program, tape, inputs, outputs, Stream());

  std::vector<Node*> dropped;
  {
    const std::scoped_lock lock(graph_mutex());
    for (std::size_t i = 0; i < values.size(); ++i) {
      publish(*flattening->outputs()[i].node, std::move(values[i]), dropped);
    }
    for (const auto& [alias, node] : flattening->aliases()) publish(*alias, node->value, dropped);
  }
  for (Node* node : dropped) release(node);
}

PlanSummary describe(std::span<Node* const> nodes) {
  const std::scoped_lock lock(graph_mutex());
  Flattening flattening(false);
  for (Node* node : nodes) flattening.want(node);
  return plan::summarize(plan::make_plan(flattening.finish()));
}

namespace {

std::vector<Node*> nodes_of(std::span<const Tensor> tensors, const char* call) {
  std::vector<Node*> nodes;
  for (const Tensor& tensor : tensors) nodes.push_back(&node_of(tensor, call, Place()));
  return nodes;
}

}  // namespace
}  // namespace record

void run(std::initializer_list<Tensor> tensors) {
  record::evaluate(record::nodes_of({tensors.begin(), tensors.size()}, "run"));
}
void run(const detail::List<Tensor>& tensors) {
  record::evaluate(record::nodes_of(tensors, "run"));
}

PlanSummary describe(std::initializer_list<Tensor> tensors) {
  return record::describe(record::nodes_of({tensors.begin(), tensors.size()}, "describe"));
}
PlanSummary describe(const detail::List<Tensor>& tensors) {
  return record::describe(record::nodes_of(tensors, "describe"));
}

std::ostream& operator<<(std::ostream& stream, const PlanSummary& summary) {
  stream << fmt::format("{} ops in {} launches, {} read, {} written, floor {}, peak {}, {} flops\n",
                        summary.ops, summary.launches, support::text_bytes(summary.bytes_read),
                        support::text_bytes(summary.bytes_written),
                        support::text_bytes(summary.floor_bytes),
                        support::text_bytes(summary.peak_bytes), summary.flops);
  for (const std::string& kernel : summary.kernels) stream << "  " << kernel << '\n';
  return stream;
}

}  // namespace tendon
