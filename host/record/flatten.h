// Flattening: turns what is asked for on one device and has no value yet into a Tape.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "host/record/evaluate.h"
#include "host/record/history.h"
#include "host/record/node.h"

namespace tendon::record {

// A walk over the graph. Serves again after clear(), with the memory that it has: in the steady
// state flattening takes none.
class Flattening {
 public:
  // A value that the tape computes for a node.
  struct Output {
    NodePtr node;
    Ref value;
  };

  // Begins a walk. Requires graph_mutex(), like want().
  void start(Keeps keeps);
  void want(Node* node);
  // Copies from other devices that are needed and have no value yet, each once. Inputs of the tape
  // that inputs() lacks: it cannot run until they have one, and another walk has met them.
  std::span<const NodePtr> copies() const { return copies_; }
  // The tape, whose targets are the outputs' values; it stays as it is until clear().
  const Tape& finish();
  const std::vector<Output>& outputs() const { return outputs_; }
  std::span<const std::shared_ptr<Storage>> inputs() const { return inputs_; }
  // What the run computes, for the History, which takes the tape over.
  void hand_over(History& history);
  // Reads and assigns without a value: each gets that of the node it stands for.
  const std::vector<std::pair<NodePtr, NodePtr>>& aliases() const { return aliases_; }

  // Not under graph_mutex(): nodes are released.
  void clear();
  std::size_t held_bytes() const;

 private:
  struct Frame {
    Node* node;
    std::uint32_t next = 0;  // operand to look at; of a macro's output, its first op to append
  };

  Node* resolve(Node* node);
  Ref flatten(Node* root);
  void walk();
  void push(Node* operand);
  void finish_node(Node& node, Ref value);
  Ref input(Node& node);
  Ref part(const Node& slice, std::int64_t first);
  Ref new_input(const Node& node, const Shape& shape, std::shared_ptr<Storage> storage,
                const History::Part& part);
  Ref apply(const Node& node);
  std::uint32_t open_output(const Node& output);
  Ref append_output(const Node& output, std::uint32_t first);
  void add_output(Node* node, Ref value);
  void keep_what_outlives_the_run();
  void keep(Node& first);
  std::uint8_t& facts_of(Ref value) { return entry(facts_, value); }
  std::uint32_t& readers_of(Ref value) { return entry(readers_, value); }
  template <class T>
  static T& entry(std::vector<T>& by_value, Ref value) {
    if (by_value.size() <= value.id) by_value.resize(2 * std::size_t{value.id} + 64);
    return by_value[value.id];
  }

  Keeps keeps_ = Keeps::nothing;
  std::uint64_t walk_ = 0;
  Tape tape_;
  std::vector<History::Named> named_;
  std::vector<History::Expansion> expansions_;  // of the macros met
  std::vector<History::Input> input_origins_;   // of the inputs
  std::vector<Frame> stack_;
  std::vector<Ref> operands_;
  std::vector<Ref> targets_;
  std::vector<Output> outputs_;
  std::vector<std::uint8_t> facts_;     // by value, as far as there are any
  std::vector<std::uint32_t> readers_;  // by value: operands of this walk's nodes that are its node
  std::vector<NodePtr> companions_;     // targets of macros
  std::vector<NodePtr> siblings_;       // results of macros that were opened before
  std::size_t next_sibling_ = 0;        // not walked yet
  std::vector<Node*> macros_;           // met
  std::vector<Node*> shared_;  // computed nodes that others than one node of this walk may read
  std::vector<Node*> to_keep_;
  std::vector<std::shared_ptr<Storage>> inputs_;
  std::vector<NodePtr> copies_;
  std::vector<std::pair<NodePtr, NodePtr>> aliases_;
  std::vector<Node*> alias_roots_;
  // For each macro met, what has become of the ops of its backward part: from the macro's visit_ref
  // on.
  std::vector<std::uint32_t> expanded_;
  std::vector<std::uint32_t> to_mark_;
};

}  // namespace tendon::record
