#include "host/record/flatten.h"

#include <algorithm>
#include <limits>

#include "host/tape/tape_arrays.h"

namespace tendon::record {
namespace {

using detail::TapeArrays;

// Of an op of a macro, beside the value that it has become.
constexpr std::uint32_t kUnmet = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kWanted = kUnmet - 1;

bool is_ready(const Node& node) { return node.ready.load(std::memory_order_relaxed); }

bool is_alias(const Node& node) {
  return (node.event == explain::Event::read || node.event == explain::Event::assign) &&
         !is_ready(node);
}

const Node& made_of(const Node* node) {
  while (is_alias(*node)) node = node->operands()[0];
  return *node;
}

bool worth_keeping(const Node& node) {
  if (node.event != explain::Event::op) return false;
  const bool handle = has_handle(node);
  if (!handle && node.tape_holds == 0) return false;
  const ops::OpKind kind = ops::row(node.op).kind;
  if (kind == ops::OpKind::leaf) return false;
  const bool costly = kind == ops::OpKind::reduce || kind == ops::OpKind::contract ||
                      kind == ops::OpKind::irregular;
  return costly || (handle && node.type.shape.size() == 1);
}

}  // namespace

void Flattening::start(Keeps keeps) {
  keeps_ = keeps;
  walk_ = next_walk();
}

void Flattening::want(Node* node) {
  Node* made = resolve(node);
  const Ref value = flatten(made);
  if (!is_ready(*made) && !is_copy(*made)) add_output(made, value);
}

const Tape& Flattening::finish() {
  targets_.clear();
  for (const Output& output : outputs_) targets_.push_back(output.value);
  TapeArrays::set_targets(tape_, targets_);
  return tape_;
}

void Flattening::clear() {
  TapeArrays::clear(tape_);
  stack_.clear();
  outputs_.clear();
  is_output_.clear();
  companions_.clear();
  inputs_.clear();
  copies_.clear();
  aliases_.clear();
  alias_roots_.clear();
  expanded_.clear();
  to_mark_.clear();
}

std::size_t Flattening::held_bytes() const {
  return TapeArrays::held_bytes(tape_) + stack_.capacity() * sizeof(Frame) +
         outputs_.capacity() * sizeof(Output) + expanded_.capacity() * sizeof(std::uint32_t);
}

// The node whose value an alias has.
Node* Flattening::resolve(Node* node) {
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

void Flattening::push(Node* operand) {
  Node* node = resolve(operand);
  if (node->visit != walk_) stack_.push_back({node});
}

Ref Flattening::flatten(Node* root) {
  push(root);
  while (!stack_.empty()) {
    Frame& frame = stack_.back();
    Node& node = *frame.node;
    if (node.visit == walk_) {
      stack_.pop_back();
    } else if (is_ready(node)) {
      stack_.pop_back();
      finish_node(node, input(node));
    } else if (is_copy(node)) {
      stack_.pop_back();
      copies_.emplace_back(&node);
      node.visit = walk_;
      node.visit_ref = TapeArrays::input(tape_, node.type.dtype, node.type.shape, node.place).id;
    } else if (node.macro_output != 0) {
      if (frame.next == 0) {
        const std::size_t at = stack_.size() - 1;
        const std::uint32_t first = open_output(node);  // pushes: the frame may move
        stack_[at].next = first;
        continue;
      }
      const std::uint32_t first = frame.next;
      stack_.pop_back();
      finish_node(node, append_output(node, first));
    } else if (frame.next < node.operand_count) {
      push(node.operands()[frame.next++]);
    } else {
      stack_.pop_back();
      finish_node(node, apply(node));
    }
  }
  // The values of variables met on the way are kept: what is assigned next is made from them.
  for (Node* node : alias_roots_) {
    if (keeps_ != Keeps::nothing && node->visit == walk_ && !is_ready(*node) && !is_copy(*node))
      add_output(node, Ref{node->visit_ref});
  }
  alias_roots_.clear();
  return Ref{root->visit_ref};
}

void Flattening::finish_node(Node& node, Ref value) {
  node.visit = walk_;
  node.visit_ref = value.id;
  if (keeps_ != Keeps::nothing && !is_ready(node) && worth_keeping(node)) add_output(&node, value);
}

// Nodes that share their memory are one input.
Ref Flattening::input(Node& node) {
  Storage& storage = *node.value;
  if (storage.visit != walk_) {
    storage.visit = walk_;
    storage.visit_ref = TapeArrays::input(tape_, node.type.dtype, node.type.shape, node.place).id;
    inputs_.push_back(node.value);
  }
  return Ref{storage.visit_ref};
}

Ref Flattening::apply(const Node& node) {
  if (node.op == Op::constant) {
    return TapeArrays::constant(tape_, node.number, node.type.dtype, node.type.shape, node.place);
  }
  operands_.clear();
  for (const Node* operand : node.operands()) {
    operands_.push_back(Ref{made_of(operand).visit_ref});
  }
  return TapeArrays::append(tape_, node.op, operands_, node.attributes, node.type.dtype,
                            node.type.shape, node.place);
}

// Notes the ops of the macro that the output needs and that are not on the tape yet, and asks for
// the operands that these read. Returns the first op to append.
std::uint32_t Flattening::open_output(const Node& output) {
  Node& macro = *output.operands()[0];
  const detail::Macro& ops = *macro.macro->ops;
  const std::uint32_t begin = ops.begin();
  if (macro.visit != walk_) {
    macro.visit = walk_;
    macro.visit_ref = static_cast<std::uint32_t>(expanded_.size());
    expanded_.resize(expanded_.size() + ops.tape().size() - begin, kUnmet);
    if (keeps_ == Keeps::worth_and_losses) {
      for (const auto& target : macro.macro->targets) {
        NodePtr held = lock(*target);
        if (!held || is_ready(*held)) continue;
        push(held.get());
        companions_.push_back(std::move(held));
      }
    }
  }
  std::uint32_t* const expanded = expanded_.data() + macro.visit_ref;
  std::uint32_t first = output.macro_output;
  const auto mark = [&](std::uint32_t id) {
    if (expanded[id - begin] != kUnmet) return;
    expanded[id - begin] = kWanted;
    to_mark_.push_back(id);
  };
  mark(output.macro_output);
  while (!to_mark_.empty()) {
    const std::uint32_t id = to_mark_.back();
    to_mark_.pop_back();
    first = std::min(first, id);
    for (const Ref operand : ops.tape().operands(Ref{id})) {
      if (operand.id >= begin) {
        mark(operand.id);
      } else {
        push(macro.operands()[ops.operand_of(operand)]);
      }
    }
  }
  return first;
}

Ref Flattening::append_output(const Node& output, std::uint32_t first) {
  const Node& macro = *output.operands()[0];
  const detail::Macro& ops = *macro.macro->ops;
  const Tape& from = ops.tape();
  const std::uint32_t begin = ops.begin();
  std::uint32_t* const expanded = expanded_.data() + macro.visit_ref;
  for (std::uint32_t id = first; id <= output.macro_output; ++id) {
    if (expanded[id - begin] != kWanted) continue;
    const Ref value{id};
    if (from.op(value) == Op::constant) {
      expanded[id - begin] =
          TapeArrays::constant(tape_, from.attributes(value).number, from.dtype(value),
                               from.shape(value), from.place(value))
              .id;
      continue;
    }
    operands_.clear();
    for (const Ref operand : from.operands(value)) {
      operands_.push_back(Ref{operand.id >= begin
                                  ? expanded[operand.id - begin]
                                  : made_of(macro.operands()[ops.operand_of(operand)]).visit_ref});
    }
    expanded[id - begin] =
        TapeArrays::append(tape_, from.op(value), operands_,
                           TapeArrays::own_attributes(from, value), from.dtype(value),
                           from.shape(value), from.place(value))
            .id;
  }
  return Ref{expanded[output.macro_output - begin]};
}

void Flattening::add_output(Node* node, Ref value) {
  if (is_output_.size() <= value.id) is_output_.resize(std::size_t{value.id} + 1);
  if (is_output_[value.id] != 0) return;
  is_output_[value.id] = 1;
  outputs_.push_back({NodePtr(node), value});
}

}  // namespace tendon::record
