#include "host/record/node.h"

#include <tendon/error.h>

#include <algorithm>
#include <new>

#include "host/record/recorder.h"
#include "host/support/text.h"

namespace tendon {
namespace record {
namespace {

void free_operands(Node& node) noexcept {
  if (node.many != nullptr) support::pool_free(node.many, node.operand_count * sizeof(Node*));
  node.many = nullptr;
  node.operand_count = 0;
}

void free_macro(Node& node) noexcept {
  if (node.macro == nullptr) return;
  if (node.macro->self) {
    const std::scoped_lock lock(graph_mutex());
    node.macro->self->node = nullptr;
  }
  node.macro->~MacroPart();
  support::pool_free(node.macro, sizeof(MacroPart));
}

// Requires graph_mutex().
void forget_result(Node& node) {
  Node* const before = std::exchange(node.result_before(), nullptr);
  Node* const after = std::exchange(node.result_after(), nullptr);
  (after != nullptr ? after->result_before() : node.operands()[0]->macro->last_result) = before;
  if (before != nullptr) before->result_after() = after;
}

bool is_pending_result(const Node& node) {
  return node.macro_output != 0 && node.operand_count != 0;
}

// A count that has reached zero stays there: the node is about to go.
NodePtr lock_from(Node& node, std::uint64_t least) {
  std::uint64_t count = node.references.load(std::memory_order_relaxed);
  while (count >= least) {
    if (node.references.compare_exchange_weak(count, count + 1, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
      return NodePtr::adopt(&node);
    }
  }
  return NodePtr();
}

}  // namespace

std::mutex& graph_mutex() {
  static auto* mutex = new std::mutex;  // never destroyed: nodes may outlive every static
  return *mutex;
}

std::uint64_t next_walk() {
  static std::uint64_t last = 0;
  return ++last;
}

MacroPart& macro_part(Node& node) {
  if (node.macro == nullptr) {
    node.macro = new (support::pool_allocate(sizeof(MacroPart))) MacroPart;
  }
  return *node.macro;
}

NodePtr lock(const WeakNode& weak) {
  return weak.node == nullptr ? NodePtr() : lock_from(*weak.node, kHandle);
}

void list_result(Node& result) {
  Node*& last = result.operands()[0]->macro->last_result;
  result.result_before() = last;
  if (last != nullptr) last->result_after() = &result;
  last = &result;
}

NodePtr lock_result(Node& result) { return lock_from(result, 1); }

Node* allocate_node(Device device) {
  return new (support::pool_allocate(sizeof(Node))) Node(device);
}

void set_operands(Node& node, std::span<Node* const> operands) {
  Node** into = node.few;
  if (operands.size() > Node::kInline) {
    node.many = static_cast<Node**>(support::pool_allocate(operands.size() * sizeof(Node*)));
    into = node.many;
  }
  node.operand_count = static_cast<std::uint32_t>(operands.size());
  std::ranges::copy(operands, into);
  for (Node* operand : operands) retain(operand);
}

void take_operands(Node& node, support::PoolVector<Node*>& into) {
  if (is_pending_result(node)) forget_result(node);
  const auto operands = node.operands();
  into.insert(into.end(), operands.begin(), operands.end());
  free_operands(node);
}

// Not under graph_mutex(). Without recursion, since a chain may be a million nodes long. A node
// whose count is zero is seen by no other thread.
void destroy(Node* node) noexcept {
  support::PoolVector<Node*> stack;
  stack.push_back(node);
  while (!stack.empty()) {
    Node* next = stack.back();
    stack.pop_back();
    // The last result of a macro is found by no one.
    if (is_pending_result(*next) &&
        next->operands()[0]->references.load(std::memory_order_acquire) != 1) {
      const std::scoped_lock lock(graph_mutex());
      forget_result(*next);
    }
    for (Node* operand : next->operands()) {
      if (operand->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
        stack.push_back(operand);
    }
    free_operands(*next);
    free_macro(*next);
    if (next->attributes != nullptr) support::pool_free(next->attributes, sizeof(Attributes));
    next->~Node();
    support::pool_free(next, sizeof(Node));
  }
}

bool is_copy(const Node& node) {
  return node.op == Op::identity && node.operand_count == 1 &&
         node.operands()[0]->device != node.device;
}

detail::Origin origin_of(const Node& node) {
  if (node.derivative_of != nullptr) return {node.derivative_of, node.derivative_order};
  if (node.event != explain::Event::op || node.op == Op::constant) return {};
  return {node.called != nullptr ? node.called : name(node.op), 0};
}

Node& node_of(const Tensor& tensor, const char* call, Place place) {
  if (tensor.node() == nullptr) {
    const char* called = recorder().called();
    throw Error(fmt::format("{}{}: the tensor is empty: nothing has been assigned to it",
                            called != nullptr ? called : call, support::at(place)));
  }
  return *tensor.node();
}

}  // namespace record

void detail::retain_handle(Node* node) { record::retain(node, record::kHandle); }
void detail::release_handle(Node* node) { record::release(node, record::kHandle); }

}  // namespace tendon
