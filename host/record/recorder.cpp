#include "host/record/recorder.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "host/ops/checks.h"
#include "host/record/cell.h"
#include "host/record/tape_state.h"

namespace tendon::record {
namespace {

std::uint64_t hash(const void* values, std::size_t bytes) {
  const std::uint64_t taken = XXH3_64bits(values, bytes);
  return taken == 0 ? 1 : taken;
}

}  // namespace

Recorder& recorder() {
  thread_local Recorder instance;
  return instance;
}

// A node connects on a tape that records when one of its operands does, or was watched before. Only
// edges that carry a gradient count.
void Recorder::show_tapes(Node& node) {
  if (!is_floating(node.type.dtype)) return;
  const ops::OpRow& row = ops::row(node.op);
  if (row.differentiable == 0) return;
  const auto operands = node.operands();
  for (const std::shared_ptr<TapeState>& tape : tapes_) {
    if (!tape->records()) continue;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const Node& operand = *operands[i];
      if (!is_floating(operand.type.dtype) || !row.carries(static_cast<int>(i))) continue;
      if (operand.tapes.contains(tape->id()) ||
          (operand.watched.load(std::memory_order_relaxed) &&
           tape->watches(operand, static_cast<std::uint64_t>(node.id)))) {
        node.tapes.add(tape->id());
        ++node.tape_holds;
        tape->hold(node);
        break;
      }
    }
  }
}

Tensor Recorder::finish(Node* node, std::uint64_t note) {
  std::array<explain::NodeId, Node::kInline> few;
  std::vector<explain::NodeId> many;
  explain::NodeId* ids = few.data();
  if (node->operand_count > few.size()) {
    many.resize(node->operand_count);
    ids = many.data();
  }
  for (std::size_t i = 0; i < node->operand_count; ++i) ids[i] = node->operands()[i]->id;
  node->id = log_.append(node->event, node->op, node->type.dtype, {ids, node->operand_count},
                         node->place, note, node->called);
  node->references.store(kHandle, std::memory_order_relaxed);
  if (node->event == explain::Event::op && records()) show_tapes(*node);
  return Tensor::adopt(node);
}

Tensor Recorder::apply(Op op, std::span<Node* const> operands, const Attributes* attributes,
                       Place place) {
  constexpr std::size_t kFew = 8;
  std::array<const ops::Type*, kFew> few;
  std::vector<const ops::Type*> many;
  const ops::Type** types = few.data();
  if (operands.size() > kFew) {
    many.resize(operands.size());
    types = many.data();
  }
  for (std::size_t i = 0; i < operands.size(); ++i) types[i] = &operands[i]->type;
  static const Attributes kNone;
  const Attributes& given = attributes != nullptr ? *attributes : kNone;
  const ops::Type type = ops::infer({op, {types, operands.size()}, given, place, called_});

  Node* node = allocate_node();
  node->op = op;
  node->called = called_;
  node->type = type;
  node->place = place;
  if (attributes != nullptr) {
    node->attributes = new (support::pool_allocate(sizeof(Attributes))) Attributes(*attributes);
  }
  set_operands(*node, operands);
  return finish(node, 0);
}

Tensor Recorder::constant(double number, DType dtype, const Shape& shape, Place place) {
  if (shape.rank() > 0) ops::check_extents({Op::constant, {}, {}, place, called_}, shape);
  ops::check_constant({Op::constant, {}, {}, place, called_}, dtype, number);
  Node* node = allocate_node();
  node->op = Op::constant;
  node->called = called_;
  node->type = {dtype, shape};
  node->number = number;
  node->place = place;
  // A number that was read from a tensor and comes back as an operand is data that came back.
  std::uint64_t note = 0;
  if (read_while_taped_ && shape.size() == 1) {
    const auto single = static_cast<float>(number);
    if (dtype == DType::f32) note = hash(&single, sizeof single);
    if (dtype == DType::f64) note = hash(&number, sizeof number);
  }
  if (note != 0) node->event = explain::Event::data;
  return finish(node, note);
}

Tensor Recorder::data(std::shared_ptr<Storage> value, ops::Type type, Place place) {
  Node* node = allocate_node();
  node->event = explain::Event::data;
  node->op = Op::literal;
  node->type = type;
  node->place = place;
  const auto bytes = static_cast<std::size_t>(type.shape.size()) * size_bytes(type.dtype);
  const std::uint64_t note = read_while_taped_ ? hash(value->data(), bytes) : 0;
  node->value = std::move(value);
  node->ready.store(true, std::memory_order_release);
  return finish(node, note);
}

NodePtr Recorder::alias(explain::Event event, Node& source, std::uint64_t cell, Place place) {
  Node* node = allocate_node();
  node->event = event;
  node->op = Op::identity;
  node->type = source.type;
  node->place = place;
  node->cell = cell;
  Node* operand = &source;
  set_operands(*node, {&operand, 1});
  if (source.ready.load(std::memory_order_acquire)) {
    const std::scoped_lock lock(graph_mutex());
    node->value = source.value;
    node->ready.store(true, std::memory_order_release);
  }
  const Tensor made = finish(node, cell);
  if (node->ready.load(std::memory_order_relaxed)) {
    std::vector<Node*> dropped;
    take_operands(*node, dropped);
    for (Node* dropped_operand : dropped) release(dropped_operand);
  }
  return NodePtr(made.node());
}

void Recorder::host_read(const Node& node, Place place) {
  std::uint64_t note = 0;
  if (!tapes_.empty()) {
    read_while_taped_ = true;
    const auto bytes =
        static_cast<std::size_t>(node.type.shape.size()) * size_bytes(node.type.dtype);
    note = hash(node.value->data(), bytes);
  }
  log_.append(explain::Event::host_read, Op::input, node.type.dtype, {&node.id, 1}, place, note);
}

void Recorder::add(std::shared_ptr<TapeState> tape) {
  tapes_.push_back(std::move(tape));
  tapes_changed();
}

void Recorder::remove(const TapeState& tape) {
  std::erase_if(tapes_,
                [&](const std::shared_ptr<TapeState>& other) { return other.get() == &tape; });
  tapes_changed();
}

void Recorder::tapes_changed() {
  static std::atomic<std::uint64_t> last = 0;
  std::erase_if(tapes_, [](const std::shared_ptr<TapeState>& tape) {
    return tape->abandoned.load(std::memory_order_relaxed);
  });
  recording_count_ = static_cast<int>(std::ranges::count_if(
      tapes_, [](const std::shared_ptr<TapeState>& tape) { return tape->records(); }));
  if (tapes_.empty()) read_while_taped_ = false;
  epoch_ = last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void Recorder::note_assign(const std::shared_ptr<Cell>& cell) {
  if (pending_cells_.empty()) pending_since_ = log_.next();
  if (!cell->list_as_pending()) pending_cells_.push_back(cell);
}

std::vector<std::weak_ptr<Cell>> Recorder::take_pending_cells() {
  pending_since_ = log_.next();
  return std::exchange(pending_cells_, {});
}

}  // namespace tendon::record
