#include "host/record/cell.h"

#include <tendon/error.h>
#include <tendon/ops.h>

#include <atomic>
#include <ostream>
#include <unordered_map>

#include "host/record/evaluate.h"
#include "host/record/recorder.h"
#include "host/record/tape_state.h"
#include "host/support/text.h"

namespace tendon {
namespace detail {
namespace {

constexpr std::uint64_t kMostPending = 10'000;

std::uint64_t new_cell_id() {
  static std::atomic<std::uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// All cells, by id.
struct Cells {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::weak_ptr<Cell>> by_id;
};
Cells& cells() {
  static auto* instance = new Cells;  // never destroyed: statics may hold variables
  return *instance;
}

// Computes every variable that this thread has assigned and that has no value yet.
void run_pending(record::Recorder& recorder) {
  support::PoolVector<record::NodePtr> values;
  for (const std::weak_ptr<Cell>& weak : recorder.take_pending_cells()) {
    if (const std::shared_ptr<Cell> cell = weak.lock()) {
      cell->unlist_as_pending();
      values.push_back(cell->current());
    }
  }
  support::PoolVector<record::Node*> nodes;
  for (const record::NodePtr& value : values) nodes.push_back(value.get());
  record::evaluate(nodes);
}

}  // namespace

Cell::Cell(const Tensor& initial, std::string name, bool trainable, Place place)
    : id_(new_cell_id()),
      name_(std::make_shared<const std::string>(std::move(name))),
      trainable_(trainable),
      type_(record::node_of(initial, "Variable", place).type),
      device_(initial.device()),
      place_(place),
      current_(record::recorder().alias(explain::Event::assign, *initial.node(), id_, place)) {}

Cell::~Cell() {
  const std::scoped_lock lock(cells().mutex);
  cells().by_id.erase(id_);
}

void Cell::list(const std::shared_ptr<Cell>& self) {
  const std::scoped_lock lock(cells().mutex);
  cells().by_id.emplace(self->id_, self);
}

std::shared_ptr<Cell> Cell::find(std::uint64_t id) {
  const std::scoped_lock lock(cells().mutex);
  const auto found = cells().by_id.find(id);
  return found == cells().by_id.end() ? nullptr : found->second.lock();
}

Tensor Cell::read(const std::shared_ptr<Cell>& self, Place place) {
  record::Recorder& recorder = record::recorder();
  const std::scoped_lock lock(self->mutex_);
  if (!recorder.records()) return record::handle(self->current_.get());
  if (self->reading_ && self->reading_epoch_ == recorder.epoch()) {
    return record::handle(self->reading_.get());
  }
  self->reading_ = recorder.alias(explain::Event::read, *self->current_, self->id_, place);
  self->reading_epoch_ = recorder.epoch();
  for (const std::shared_ptr<TapeState>& tape : recorder.tapes()) {
    const bool accessed = self->trainable_ && tape->options().watch_accessed_variables;
    if (tape->records() && (accessed || tape->watches_cell(*self))) {
      tape->watch_read(self, *self->reading_, recorder.log().next(), place);
    }
  }
  return record::handle(self->reading_.get());
}

Tensor Cell::copy(const std::shared_ptr<Cell>& self, Place place) {
  record::Recorder& recorder = record::recorder();
  if (recorder.records() || recorder.is_suspended()) return read(self, place);
  const record::NodePtr current = self->current();
  return record::handle(recorder.alias(explain::Event::read, *current, self->id_, place).get());
}

record::NodePtr Cell::current() {
  const std::scoped_lock lock(mutex_);
  return current_;
}

void Cell::forget_reading() {
  const std::scoped_lock lock(mutex_);
  reading_ = {};
}

void Cell::assign(const std::shared_ptr<Cell>& self, const Tensor& value, const char* call,
                  Place place, std::span<record::Node* const> made_of) {
  record::Node& node = record::node_of(value, call, place);
  if (node.type.shape != self->type_.shape) {
    throw ShapeError(fmt::format("{}{}: variable '{}' has shape {}, the value {}", call,
                                 support::at(place), self->name(), self->type_.shape,
                                 node.type.shape));
  }
  if (node.type.dtype != self->type_.dtype) {
    throw DTypeError(fmt::format("{}{}: variable '{}' is {}, the value {}{}", call,
                                 support::at(place), self->name(), self->type_.dtype,
                                 node.type.dtype,
                                 support::literal_hint(self->type_.dtype, node.type.dtype)));
  }
  if (node.device != self->device_) {
    throw DeviceError(fmt::format("{}{}: variable '{}' is on {}, the value on {}", call,
                                  support::at(place), self->name(), self->device_, node.device));
  }
  record::Recorder& recorder = record::recorder();
  record::NodePtr assigned =
      recorder.alias(explain::Event::assign, node, self->id_, place, made_of);
  for (const std::shared_ptr<TapeState>& tape : recorder.tapes()) tape->name_assigned(*self);
  const bool is_there = assigned->ready.load(std::memory_order_acquire);
  {
    const std::scoped_lock lock(self->mutex_);
    std::swap(self->current_, assigned);
    self->reading_ = {};
  }
  if (!is_there) recorder.note_assign(self);
  if (recorder.pending_count() > kMostPending) run_pending(recorder);
}

}  // namespace detail

Variable::Variable(const Tensor& initial, std::string name, bool trainable, Place place)
    : cell_(std::make_shared<detail::Cell>(initial, std::move(name), trainable, place)) {
  detail::Cell::list(cell_);
  record::Recorder& recorder = record::recorder();
  // Else it would be part of the first step's plan, which would serve no other step.
  if (!recorder.records()) {
    const record::NodePtr first = cell_->current();
    record::Node* const nodes[] = {first.get()};
    record::evaluate(nodes);
  }
  for (const auto& tape : recorder.tapes()) tape->name_assigned(*cell_);
}

Tensor Variable::read(Place place) const { return detail::Cell::copy(cell_, place); }
Tensor Variable::used(Place place) const { return detail::Cell::read(cell_, place); }
Tensor::Tensor(const Variable& variable, Place place)
    : Tensor(detail::Cell::copy(variable.cell(), place)) {}

void Variable::assign(const Tensor& value, Place place) {
  detail::Cell::assign(cell_, value, "assign", place);
}

void Variable::assign_changed(const Tensor& value, Tensor (*change)(const Operand&, const Operand&),
                              const char* call, Place place) {
  record::Node& given = record::node_of(value, call, place);
  const record::Suspend suspend;
  const Tensor before = read(place);
  record::Node* const made_of[] = {before.node(), &given};
  detail::Cell::assign(cell_, change({before, place}, {value, place}), call, place, made_of);
}

void Variable::assign_add(const Tensor& value, Place place) {
  assign_changed(value, add, "assign_add", place);
}

void Variable::assign_sub(const Tensor& value, Place place) {
  assign_changed(value, sub, "assign_sub", place);
}

const std::string& Variable::name() const { return cell_->name(); }
bool Variable::trainable() const { return cell_->trainable(); }
const Shape& Variable::shape() const { return cell_->type().shape; }
DType Variable::dtype() const { return cell_->type().dtype; }

std::ostream& operator<<(std::ostream& stream, const Variable& variable) {
  const record::Suspend suspend;
  stream << "Variable ";
  if (!variable.name().empty()) stream << "'" << variable.name() << "' ";
  return stream << variable.read();
}

}  // namespace tendon
