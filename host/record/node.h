// Node: what a Tensor handle holds. An immutable graph of ops, computed when a value is asked for;
// reference-counted, freed as soon as no handle, node or tape needs it.
#pragma once

#include <tendon/tensor.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "host/explain/log.h"
#include "host/ops/op_row.h"
#include "host/plan/backend.h"
#include "host/support/pool.h"
#include "host/tape/macro.h"

namespace tendon::record {

class History;

// The memory of a value on a device.
class Storage {
 public:
  Storage(plan::Backend& backend, std::size_t bytes, const char* op, Place place)
      : backend_(backend), data_(backend.allocate(bytes, op, place)), bytes_(bytes) {}
  // A part of another's memory, from its byte `offset` on.
  Storage(std::shared_ptr<Storage> whole, std::size_t offset, std::size_t bytes)
      : backend_(whole->backend_),
        data_(static_cast<std::byte*>(whole->data_) + offset),
        bytes_(bytes),
        whole_(std::move(whole)),
        outcome_(whole_->outcome_) {}
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() {
    if (!whole_) backend_.deallocate(data_, bytes_);
  }
  plan::Backend& backend() const { return backend_; }
  // Waits for the value; throws what the run that computed it met.
  void copy_to_host(void* destination) const {
    backend_.copy_to_host(destination, data_, bytes_);
    if (outcome_) outcome_->check();
  }
  // Of the run that computes the value; null where nothing of it would show in the value.
  const std::shared_ptr<const plan::Outcome>& outcome() const { return outcome_; }
  void set_outcome(std::shared_ptr<const plan::Outcome> outcome) { outcome_ = std::move(outcome); }
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  // Of the run that computed the value, and which value of it that is; null: of none. Set before
  // the storage is shared.
  const std::shared_ptr<const History>& history() const { return history_; }
  std::uint32_t history_value() const { return history_value_; }
  void set_history(std::shared_ptr<const History> history, std::uint32_t value) {
    history_ = std::move(history);
    history_value_ = value;
  }

  // Guarded by graph_mutex(), as in a node.
  std::uint64_t visit = 0;
  std::uint32_t visit_ref = 0;

 private:
  plan::Backend& backend_;
  void* data_;
  std::size_t bytes_;
  std::shared_ptr<Storage> whole_;
  std::shared_ptr<const plan::Outcome> outcome_;
  std::shared_ptr<const History> history_;
  std::uint32_t history_value_ = 0;
};

using TapeId = std::uint64_t;  // never given twice

// The tapes on which a node is connected. Few, so a list; most nodes have none or one.
class TapeIds {
 public:
  void add(TapeId id) {
    if (first_ == 0) {
      first_ = id;
    } else {
      if (!more_) more_ = std::make_unique<std::vector<TapeId>>();
      more_->push_back(id);
    }
  }
  TapeId first() const { return first_; }  // 0: none
  bool contains(TapeId id) const {
    if (first_ == id) return true;
    if (!more_) return false;
    for (const TapeId other : *more_) {
      if (other == id) return true;
    }
    return false;
  }

 private:
  TapeId first_ = 0;
  std::unique_ptr<std::vector<TapeId>> more_;
};

// A gradient() that no tape records is one node, and so is an optimizer's update of a variable: a
// macro, over what its ops read. It has no value. Each result is a node whose operand is the macro.
struct MacroPart;

}  // namespace tendon::record

namespace tendon::detail {

struct Node {
  static constexpr std::uint32_t kInline = 3;

  explicit Node(Device lies_on) : device(lies_on) {}

  // Written once, before the node is shared.
  explain::NodeId id{};
  explain::Event event = explain::Event::op;
  Op op = Op::input;
  std::uint32_t operand_count = 0;
  ops::Type type;
  Place place;
  std::uint64_t cell = 0;  // of read and assign: the variable's
  const char* called =
      nullptr;        // the function that the user called, where it made more than one op
  double number = 0;  // of a constant, which has no attributes
  const char* derivative_of = nullptr;  // of an op that a gradient recorded, whose
  std::uint32_t derivative_order = 0;
  Attributes* attributes = nullptr;  // where the op has any
  record::TapeIds tapes;

  record::MacroPart* macro = nullptr;  // of a macro, and of the targets of one
  std::uint32_t macro_output = 0;  // of a macro's result, which value of its tape; 0: no such node
  Device device;

  // Low half: held by nodes, tapes and cells; upper half: by handles.
  std::atomic<std::uint64_t> references = 0;
  std::atomic<bool> watched = false;  // by any tape, ever
  std::atomic<bool> ready = false;    // the value is there
  // The id that a thread was at when it last noted this node, as older than its
  // tape.
  std::atomic<std::uint64_t> noted = 0;

  // Guarded by graph_mutex().
  std::shared_ptr<record::Storage> value;
  std::uint32_t tape_holds = 0;  // tapes that need the operands even when the value is there
  std::uint64_t visit = 0;       // the walk that met this node last,
  std::uint32_t visit_ref = 0;   // and what it noted
  bool was_computed = false;     // on the way to another value, by a run that did not keep it
  Node* few[kInline] =
      {};  // the operands; each a reference. Dropped when the value is there and no tape holds it.
  Node** many = nullptr;

  std::span<Node* const> operands() const { return {many != nullptr ? many : few, operand_count}; }
  // Of a macro's result without a value, which has one operand, those made before and after it. No
  // references.
  Node*& result_before() { return few[1]; }
  Node*& result_after() { return few[2]; }
};

}  // namespace tendon::detail

namespace tendon::record {

using detail::Node;

inline constexpr std::uint64_t kHandle = std::uint64_t{1} << 32;

// Finds a node as long as there is one. Guarded by graph_mutex().
struct WeakNode {
  Node* node = nullptr;
};

struct MacroPart {
  std::shared_ptr<const detail::Macro> ops;
  // Of a gradient's, its scalar targets, which are computed with the gradients where a handle waits
  // for them: most often the loss.
  support::PoolVector<std::shared_ptr<WeakNode>> targets;
  std::shared_ptr<WeakNode> self;  // of a target
  // Of a macro, the last of its results that have no value yet. Guarded by graph_mutex() once the
  // macro is shared.
  Node* last_result = nullptr;
  bool was_opened = false;  // a run has computed a result
};
// The node's, made where it has none. Requires graph_mutex(), or a node that is not shared yet.
MacroPart& macro_part(Node& node);

// Guards what nodes may lose or gain after they are shared. Recording does not take it.
std::mutex& graph_mutex();
// A number for a walk over the graph to mark nodes with. Requires graph_mutex().
std::uint64_t next_walk();

void destroy(Node* node) noexcept;  // its count has reached zero
inline void retain(Node* node, std::uint64_t count = 1) {
  node->references.fetch_add(count, std::memory_order_relaxed);
}
inline void release(Node* node, std::uint64_t count = 1) noexcept {
  if (node->references.fetch_sub(count, std::memory_order_acq_rel) == count) destroy(node);
}
inline bool has_handle(const Node& node) {
  return node.references.load(std::memory_order_relaxed) >= kHandle;
}

// A reference that is no handle.
class NodePtr {
 public:
  NodePtr() = default;
  explicit NodePtr(Node* node) : node_(node) {
    if (node_ != nullptr) retain(node_);
  }
  NodePtr(const NodePtr& other) : NodePtr(other.node_) {}
  NodePtr(NodePtr&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodePtr& operator=(NodePtr other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodePtr() {
    if (node_ != nullptr) release(node_);
  }
  // Gives up what was retained before.
  static NodePtr adopt(Node* node) {
    NodePtr pointer;
    pointer.node_ = node;
    return pointer;
  }
  Node* get() const { return node_; }
  Node* operator->() const { return node_; }
  Node& operator*() const { return *node_; }
  explicit operator bool() const { return node_ != nullptr; }

 private:
  Node* node_ = nullptr;
};

// The node, if a handle to it is left. Requires graph_mutex().
NodePtr lock(const WeakNode& weak);
// Lists a result at its macro, which is not shared yet.
void list_result(Node& result);
// A macro's result, unless it is about to go. Requires graph_mutex().
NodePtr lock_result(Node& result);

// A handle to a node that others hold too.
inline Tensor handle(Node* node) {
  retain(node, kHandle);
  return Tensor::adopt(node);
}

// A fresh node without operands, with no references.
Node* allocate_node(Device device);
// Sets the operands, retaining each.
void set_operands(Node& node, std::span<Node* const> operands);
// Takes the operands away, for release after the graph is unlocked. Requires graph_mutex().
void take_operands(Node& node, support::PoolVector<Node*>& into);

// Whether its value is that of its operand, which lies on another device. Requires graph_mutex(),
// or a node that has its operands for sure.
bool is_copy(const Node& node);

// What the caller knows it as.
detail::Origin origin_of(const Node& node);

// The node of a tensor; Error for an empty handle, naming the call.
Node& node_of(const Tensor& tensor, const char* call, Place place);

}  // namespace tendon::record
