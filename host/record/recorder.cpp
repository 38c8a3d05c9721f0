#include "host/record/recorder.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "host/ops/checks.h"
#include "host/record/cell.h"
#include "host/record/past.h"
#include "host/record/tape_state.h"

namespace tendon::record {
namespace {

// Of the values of a floating tensor, its dtype and its count: what comes back from the host as
// another kind of data is other data. 0: nothing that could come back.
std::uint64_t hash(const void* values, const ops::Type& type) {
  const std::int64_t count = type.shape.size();
  if (!is_floating(type.dtype) || count == 0) return 0;
  const auto bytes = static_cast<std::size_t>(count) * size_bytes(type.dtype);
  const std::uint64_t seed =
      (static_cast<std::uint64_t>(count) << 8) + static_cast<std::uint64_t>(type.dtype);
  return XXH3_64bits_withSeed(values, bytes, seed) | 1;
}

}  // namespace

namespace {

// Deleted at the thread's end. What computes later still, a static's destructor, gets a new one,
// which is not. Found without a call in every op: a pointer fits into what the loader keeps free
// for libraries that are opened late.
[[gnu::tls_model("initial-exec")]] thread_local Recorder* instance = nullptr;
struct EndOfThread {
  EndOfThread() = default;
  EndOfThread(const EndOfThread&) = delete;
  EndOfThread& operator=(const EndOfThread&) = delete;
  ~EndOfThread() { delete std::exchange(instance, nullptr); }
};

Recorder& new_recorder() {
  thread_local EndOfThread end;
  static_cast<void>(end);
  instance = new Recorder;
  return *instance;
}

}  // namespace

Recorder* recorder_if_there() { return instance; }
Recorder& recorder() { return instance != nullptr ? *instance : new_recorder(); }

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
  node->id = log_.new_id();
  node->references.store(kHandle, std::memory_order_relaxed);
  if (!tapes_.empty() && suspended_ == 0) {
    log(*node, node->operands(), note);
    if (node->event == explain::Event::op && records()) show_tapes(*node);
  }
  return Tensor::adopt(node);
}

void Recorder::log(Node& node, std::span<Node* const> operands, std::uint64_t note) {
  if (node.event != explain::Event::read) {
    for (Node* operand : operands) {
      if (!is_logged(*operand)) note_older(*operand);
    }
  }
  if (log_.now().position % explain::kChunkEntries == 0) drop_abandoned();
  explain::Entry& entry = log_.append(operands.size());
  static_cast<explain::Facts&>(entry) = facts_of(node);
  entry.note = note;
  explain::NodeId* id = entry.operands().data();
  for (const Node* operand : operands) *id++ = operand->id;
}

// True if a tape of this thread that is newer than the others has logged the node, or the library
// made it for itself.
bool Recorder::is_logged(const Node& node) const {
  return static_cast<std::uint64_t>(node.id) - newest_began_ < log_.next() - newest_began_;
}

// An explanation may speak of a value that is older than its tape, or of another thread. When an op
// first takes one, what is known of a leaf is logged, and the tapes hold an op's result: its past
// is looked at when a gradient is asked for.
void Recorder::note_older(Node& operand) {
  const std::uint64_t noted = operand.noted.load(std::memory_order_relaxed);
  if (noted - newest_began_ <= log_.next() - newest_began_) return;
  operand.noted.store(log_.next(), std::memory_order_relaxed);
  if (operand.event != explain::Event::op || ops::row(operand.op).arity == 0) {
    log_.append(facts_of(operand), {});
    return;
  }
  for (const std::shared_ptr<TapeState>& tape : tapes_) tape->note_older(operand);
}

std::optional<Place> Recorder::place_of(TapeId id) const {
  const auto found = std::find_if(begun_.rbegin(), begun_.rend(),
                                  [id](const Begun& tape) { return tape.id == id; });
  return found == begun_.rend() ? std::nullopt : std::optional(found->place);
}

Device Recorder::device_of(Op op, std::span<Node* const> operands, Place place) const {
  if (operands.empty()) return default_device();
  const Device device = operands[0]->device;
  for (const Node* operand : operands) {
    if (operand->device == device) continue;
    throw ops::error<DeviceError>({op, {}, {}, place, called_},
                                  "operands are on different devices: {} and {}; to() moves one",
                                  device, operand->device);
  }
  return device;
}

Tensor Recorder::apply(Op op, std::span<Node* const> operands, const Attributes* attributes,
                       Place place) {
  constexpr std::size_t kFew = 8;
  std::array<const ops::Type*, kFew> few;
  support::PoolVector<const ops::Type*> many;
  const ops::Type** types = few.data();
  if (operands.size() > kFew) {
    many.resize(operands.size());
    types = many.data();
  }
  for (std::size_t i = 0; i < operands.size(); ++i) types[i] = &operands[i]->type;
  static const Attributes kNone;
  const Attributes& given = attributes != nullptr ? *attributes : kNone;
  const ops::Type type = ops::infer({op, {types, operands.size()}, given, place, called_});

  Node* node = allocate_node(device_of(op, operands, place));
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

Tensor Recorder::constant(double number, DType dtype, const Shape& shape, Device device,
                          Place place, bool is_given) {
  if (shape.rank() > 0) ops::check_extents({Op::constant, {}, {}, place, called_}, shape);
  ops::check_constant({Op::constant, {}, {}, place, called_}, dtype, number);
  Node* node = allocate_node(device);
  node->op = Op::constant;
  node->called = called_;
  node->type = {dtype, shape};
  node->number = number;
  node->place = place;
  std::uint64_t note = 0;
  if (is_given && read_while_taped_ && shape.size() == 1 && called_ == nullptr && suspended_ == 0) {
    const auto single = static_cast<float>(number);
    if (dtype == DType::f32) note = hash(&single, node->type);
    if (dtype == DType::f64) note = hash(&number, node->type);
  }
  if (note != 0) node->event = explain::Event::data;
  return finish(node, note);
}

Tensor Recorder::constant(double number, DType dtype, const Shape& shape, Device device,
                          Place place) {
  return constant(number, dtype, shape, device, place, false);
}
Tensor Recorder::given(double number, DType dtype, const Shape& shape, Device device, Place place) {
  return constant(number, dtype, shape, device, place, true);
}

Tensor Recorder::data(const void* values, std::shared_ptr<Storage> on_device, ops::Type type,
                      Device device, Place place) {
  Node* node = allocate_node(device);
  node->event = explain::Event::data;
  node->op = Op::literal;
  node->type = type;
  node->place = place;
  const std::uint64_t note = read_while_taped_ && suspended_ == 0 ? hash(values, type) : 0;
  node->value = std::move(on_device);
  node->ready.store(true, std::memory_order_release);
  return finish(node, note);
}

Tensor Recorder::copy(Node& source, Device device, Place place) {
  Node* node = allocate_node(device);
  node->op = Op::identity;
  node->called = called_ != nullptr ? called_ : "to";
  node->type = source.type;
  node->place = place;
  Node* operand = &source;
  set_operands(*node, {&operand, 1});
  return finish(node, 0);
}

Tensor Recorder::macro(std::shared_ptr<const detail::Macro> ops, std::span<Node* const> operands,
                       Device device, const char* called, Place place) {
  Node* node = allocate_node(device);
  node->op = Op::concat;  // for explanations: any operand leads through it
  node->called = called;
  node->place = place;
  pending_since_ -= ops->op_count();  // which are pending too, without being recorded
  macro_part(*node).ops = std::move(ops);
  set_operands(*node, operands);
  return finish(node, 0);
}

Tensor Recorder::macro_output(Node& macro, Ref value) {
  const Tape& tape = macro.macro->ops->tape();
  Node* node = allocate_node(macro.device);
  node->op = Op::identity;  // for explanations
  node->called = macro.called;
  node->type = {tape.dtype(value), tape.shape(value)};
  node->place = macro.place;
  node->macro_output = value.id;
  Node* operand = &macro;
  set_operands(*node, {&operand, 1});
  list_result(*node);
  Tensor made = finish(node, 0);
  node->op = tape.op(value);  // for what it costs
  return made;
}

NodePtr Recorder::alias(explain::Event event, Node& source, std::uint64_t cell, Place place,
                        std::span<Node* const> made_of) {
  Node* node = allocate_node(source.device);
  node->event = event;
  node->op = Op::identity;
  node->type = source.type;
  node->place = place;
  node->cell = cell;
  if (source.ready.load(std::memory_order_acquire)) {  // its value stays as it is
    node->value = source.value;
    node->ready.store(true, std::memory_order_release);
  } else {
    Node* operand = &source;
    set_operands(*node, {&operand, 1});
  }
  node->id = log_.new_id();
  node->references.store(kHandle, std::memory_order_relaxed);
  NodePtr made(Tensor::adopt(node).node());
  // An assign is the user's, also where an optimizer makes it.
  if (!tapes_.empty() && (suspended_ == 0 || event == explain::Event::assign)) {
    Node* const only = &source;
    log(*node, made_of.empty() ? std::span(&only, 1) : made_of, cell);
  }
  return made;
}

void Recorder::host_read(const Node& node, const void* values, Place place) {
  if (tapes_.empty() || suspended_ > 0) return;
  read_while_taped_ = true;
  explain::Facts facts;
  facts.id = log_.new_id();
  facts.event = explain::Event::host_read;
  facts.dtype = node.type.dtype;
  facts.place = place;
  facts.note = hash(values, node.type);
  log_.append(facts, {&node.id, 1});
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

// Forgets tapes that another thread destroyed: the log grows as long as there is a tape.
void Recorder::drop_abandoned() {
  const auto is_abandoned = [](const std::shared_ptr<TapeState>& tape) {
    return tape->abandoned.load(std::memory_order_relaxed);
  };
  if (std::ranges::any_of(tapes_, is_abandoned)) tapes_changed();
}

void Recorder::tapes_changed() {
  static std::atomic<std::uint64_t> last = 0;
  constexpr std::size_t kMostBegun = 64;
  std::erase_if(tapes_, [](const std::shared_ptr<TapeState>& tape) {
    return tape->abandoned.load(std::memory_order_relaxed);
  });
  recording_count_ = static_cast<int>(std::ranges::count_if(
      tapes_, [](const std::shared_ptr<TapeState>& tape) { return tape->records(); }));
  if (tapes_.empty()) read_while_taped_ = false;
  explain::Moment oldest = log_.now();
  newest_began_ = 0;
  for (const std::shared_ptr<TapeState>& tape : tapes_) {
    const explain::Moment started = tape->started();
    oldest.position = std::min(oldest.position, started.position);
    newest_began_ = std::max(newest_began_, started.id);
    if (!place_of(tape->id())) {
      if (begun_.size() == kMostBegun) begun_.erase(begun_.begin());
      begun_.push_back({tape->id(), tape->recording().place});
    }
  }
  log_.keep_from(oldest.position);
  epoch_ = last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void Recorder::note_assign(const std::shared_ptr<Cell>& cell) {
  if (pending_cells_.empty()) pending_since_ = log_.next();
  if (!cell->list_as_pending()) pending_cells_.push_back(cell);
}

support::PoolVector<std::weak_ptr<Cell>> Recorder::take_pending_cells() {
  pending_since_ = log_.next();
  return std::exchange(pending_cells_, {});
}

}  // namespace tendon::record
