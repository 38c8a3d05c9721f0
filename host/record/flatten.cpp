#include "host/record/flatten.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <ranges>

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

// Facts of a value.
constexpr std::uint8_t kIsOutput = 1;
constexpr std::uint8_t kOutlives = 2;  // its node, the run: seen to
constexpr std::uint8_t kIsPart = 4;    // an input, of another's memory

// The first element of a slice that is one block of its operand's memory, which is there: the run
// reads it where it lies, so that one plan serves the slices of every offset. None for others.
std::optional<std::int64_t> block_of(const Node& node) {
  if (node.event != explain::Event::op || node.op != Op::slice || node.macro_output != 0) return {};
  const Node& whole = made_of(node.operands()[0]);
  if (!is_ready(whole) || node.type.shape.size() == 0) return {};
  const Shape& from = whole.type.shape;
  const Shape& part = node.type.shape;
  const Attributes& attributes = *node.attributes;
  std::int64_t first = 0, stride = 1;
  bool is_whole = true;  // in the axes behind
  for (int axis = from.rank() - 1; axis >= 0; --axis) {
    if (part[axis] > 1 && (!is_whole || attributes.step[axis] != 1)) return {};
    first += attributes.begin[axis] * stride;
    stride *= from[axis];
    is_whole = is_whole && part[axis] == from[axis];
  }
  return first;
}

bool is_computed(const Node& node) {
  return node.event == explain::Event::op && ops::row(node.op).kind != ops::OpKind::leaf;
}

bool worth_keeping(const Node& node) {
  const bool handle = has_handle(node);
  if (!handle && node.tape_holds == 0) return false;
  const ops::OpKind kind = ops::row(node.op).kind;
  const bool costly = kind == ops::OpKind::reduce || kind == ops::OpKind::contract ||
                      kind == ops::OpKind::irregular;
  return costly || (handle && node.type.shape.size() == 1);
}

// Larger than what it shows: to compute it again is cheaper than to keep it.
bool is_enlarged_view(const Node& node) {
  return node.macro_output == 0 && ops::row(node.op).kind == ops::OpKind::view &&
         node.type.shape.size() > made_of(node.operands()[0]).type.shape.size();
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
  const bool runs = keeps_ != Keeps::nothing && copies_.empty();
  if (runs && keeps_ != Keeps::variables) keep_what_outlives_the_run();
  targets_.clear();
  for (const Output& output : outputs_) targets_.push_back(output.value);
  TapeArrays::set_targets(tape_, targets_);
  return tape_;
}

void Flattening::clear() {
  TapeArrays::clear(tape_);
  named_.clear();
  expansions_.clear();
  input_origins_.clear();
  stack_.clear();
  outputs_.clear();
  facts_.clear();
  readers_.clear();
  companions_.clear();
  siblings_.clear();
  next_sibling_ = 0;
  macros_.clear();
  shared_.clear();
  to_keep_.clear();
  inputs_.clear();
  copies_.clear();
  aliases_.clear();
  alias_roots_.clear();
  expanded_.clear();
  to_mark_.clear();
}

std::size_t Flattening::held_bytes() const {
  return TapeArrays::held_bytes(tape_) + stack_.capacity() * sizeof(Frame) +
         outputs_.capacity() * sizeof(Output) + shared_.capacity() * sizeof(Node*) +
         (expanded_.capacity() + readers_.capacity()) * sizeof(std::uint32_t);
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
  walk();
  while (next_sibling_ < siblings_.size()) {  // which may open further macros
    push(siblings_[next_sibling_++].get());
    walk();
  }
  // The values of variables met on the way are kept: what is assigned next is made from them.
  for (Node* node : alias_roots_) {
    if (keeps_ != Keeps::nothing && node->visit == walk_ && !is_ready(*node) && !is_copy(*node))
      add_output(node, Ref{node->visit_ref});
  }
  alias_roots_.clear();
  return Ref{root->visit_ref};
}

void Flattening::walk() {
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
    } else if (const auto block = block_of(node); block && frame.next == 0) {
      stack_.pop_back();
      node.visit = walk_;
      node.visit_ref = part(node, *block).id;
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
}

void Flattening::finish_node(Node& node, Ref value) {
  node.visit = walk_;
  node.visit_ref = value.id;
  // A node with one reference is read by one node of this walk alone.
  if (keeps_ < Keeps::worth || node.references.load(std::memory_order_relaxed) == 1 ||
      is_ready(node) || !is_computed(node)) {
    return;
  }
  if (worth_keeping(node)) {
    add_output(&node, value);
  } else {
    shared_.push_back(&node);
  }
}

// Nodes that share their memory are one input.
Ref Flattening::input(Node& node) {
  Storage& storage = *node.value;
  if (storage.visit != walk_) {
    storage.visit = walk_;
    storage.visit_ref = new_input(node, node.type.shape, node.value, {}).id;
  }
  return Ref{storage.visit_ref};
}

// The block of memory that a slice is, as an input of its own.
Ref Flattening::part(const Node& slice, std::int64_t first) {
  const Node& whole = made_of(slice.operands()[0]);
  const std::size_t element = size_bytes(slice.type.dtype);
  const History::Part part{static_cast<std::size_t>(first) * element,
                           static_cast<std::size_t>(slice.type.shape.size()) * element,
                           whole.type.shape};
  const Ref value = new_input(whole, slice.type.shape,
                              std::allocate_shared<Storage>(support::PoolAllocator<Storage>(),
                                                            whole.value, part.offset, part.bytes),
                              part);
  facts_of(value) |= kIsPart;
  return value;
}

// An input that has the node's value, or the part of it.
Ref Flattening::new_input(const Node& node, const Shape& shape, std::shared_ptr<Storage> storage,
                          const History::Part& part) {
  const Ref value = TapeArrays::input(tape_, node.type.dtype, shape, node.place);
  inputs_.push_back(std::move(storage));
  input_origins_.push_back({node.value, node.id, node.cell, part});
  if (const detail::Origin origin = origin_of(node); origin.name != nullptr)
    named_.push_back({value.id, origin});
  return value;
}

Ref Flattening::apply(const Node& node) {
  if (node.called != nullptr || node.derivative_of != nullptr)
    named_.push_back({tape_.size(), origin_of(node)});
  if (node.op == Op::constant) {
    return TapeArrays::constant(tape_, node.number, node.type.dtype, node.type.shape, node.place);
  }
  operands_.clear();
  for (const Node* operand : node.operands()) {
    operands_.push_back(Ref{made_of(operand).visit_ref});
    ++readers_of(operands_.back());
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
    macros_.push_back(&macro);
    expansions_.push_back({ops.has_origins() ? macro.macro->ops : nullptr, macro.called,
                           macro.visit_ref, ops.tape().size() - begin});
    // Whoever reads its results one by one gets the others with the second.
    if (keeps_ >= Keeps::worth && macro.macro->was_opened) {
      for (Node* result = macro.macro->last_result; result != nullptr;
           result = result->result_before()) {
        if (NodePtr held = lock_result(*result)) siblings_.push_back(std::move(held));
      }
    }
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

void Flattening::hand_over(History& history) {
  TapeArrays::swap(tape_, history.tape);
  std::swap(named_, history.named);
  std::swap(expansions_, history.expansions);
  std::swap(expanded_, history.expanded);
  std::swap(input_origins_, history.inputs);
}

void Flattening::add_output(Node* node, Ref value) {
  std::uint8_t& facts = facts_of(value);
  if ((facts & kIsOutput) != 0) return;
  const bool is_part = (facts & kIsPart) != 0;
  facts |= kIsOutput;
  if (is_part) {  // it has memory of its own from now on
    const Ref operands[] = {value};
    value = TapeArrays::append(tape_, Op::identity, operands, nullptr, node->type.dtype,
                               node->type.shape, node->place);
  }
  outputs_.push_back({NodePtr(node), value});
}

// A value that something outside of the run still reads, a handle, a tape or a node that stays
// without a value, is kept when it is computed for the second time. So a single run fuses freely,
// and no value is computed again and again.
void Flattening::keep_what_outlives_the_run() {
  for (const NodePtr& result : siblings_) add_output(result.get(), Ref{result->visit_ref});
  for (Node* macro : macros_) {
    macro->macro->was_opened = true;
    for (const Node* operand : macro->operands()) {
      if (const Node& made = made_of(operand); made.visit == walk_)
        ++readers_of(Ref{made.visit_ref});
    }
  }
  // Readers before what they read.
  for (Node* node : std::views::reverse(shared_)) {
    const std::uint64_t references = node->references.load(std::memory_order_relaxed);
    if (references != readers_of(Ref{node->visit_ref})) keep(*node);
  }
}

// The node outlives the run, and with it what it reads, unless it is kept. A macro does not hold on
// to what it reads for long: the second run that opens it computes all of it.
void Flattening::keep(Node& first) {
  to_keep_.push_back(&first);
  while (!to_keep_.empty()) {
    Node& node = *to_keep_.back();
    to_keep_.pop_back();
    if (node.visit != walk_ || is_ready(node) || is_copy(node) || !is_computed(node)) continue;
    const Ref value{node.visit_ref};
    std::uint8_t& facts = facts_of(value);
    if ((facts & (kIsOutput | kOutlives)) != 0) continue;
    facts |= kOutlives;
    if (node.was_computed && !is_enlarged_view(node)) {
      add_output(&node, value);
      continue;
    }
    node.was_computed = true;
    if (node.macro_output != 0) continue;
    for (Node* operand : node.operands()) {
      while (is_alias(*operand)) operand = operand->operands()[0];
      to_keep_.push_back(operand);
    }
  }
}

}  // namespace tendon::record
