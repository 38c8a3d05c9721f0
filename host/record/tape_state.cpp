#include "host/record/tape_state.h"

#include <algorithm>
#include <atomic>

#include "host/record/cell.h"

namespace tendon::detail {
namespace {

record::TapeId new_tape_id() {
  static std::atomic<record::TapeId> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

TapeState::TapeState(TapeOptions options, explain::Moment now, Place place)
    : id_(new_tape_id()), options_(options) {
  recording_.watches_accessed_variables = options_.watch_accessed_variables;
  recording_.place = place;
  begin(now, place);
}

void TapeState::begin(explain::Moment now, Place place) {
  started_ = now;
  recording_.began = now.id;
  recording_.recorded.assign(1, {.begin = now.id, .place = place});
}

void TapeState::forget(bool by_reset, explain::Moment now, Place place) {
  release();
  explain::Forgetting forgot{by_reset, place, recording_.began, {}, {}};
  if (recording_.forgot) forgot.from = recording_.forgot->from;
  for (const explain::Watch& watch : recording_.watches) forgot.watches.push_back(watch.node);
  for (const WatchedCell& watched : cells_) forgot.cells.push_back(watched.cell->id());
  recording_.forgot = std::move(forgot);
  id_ = new_tape_id();
  cells_.clear();
  cell_index_.clear();
  recording_.logs.clear();
  recording_.paused.clear();
  recording_.watches.clear();
  recording_.assigned.clear();
  begin(now, place);
}

void TapeState::release() {
  support::PoolVector<record::Node*> operands;
  {
    const std::scoped_lock lock(record::graph_mutex());
    for (const record::NodePtr& node : held_) {
      if (--node->tape_holds == 0 && node->ready.load(std::memory_order_relaxed)) {
        record::take_operands(*node, operands);
      }
    }
  }
  held_.clear();
  older_.clear();
  for (record::Node* operand : operands) record::release(operand);
}

void TapeState::start(explain::Moment now, Place place) {
  if (spent_) {
    forget(false, now, place);
  } else {
    started_ = now;
    recording_.recorded.push_back({.begin = now.id, .place = place});
  }
  on_ = true;
  spent_ = false;
  stopped_by_gradient_ = false;
  pauses_ = 0;
  ++generation_;
}

void TapeState::stop(std::uint64_t at, explain::Log log, bool by_gradient) {
  recording_.logs.push_back(std::move(log));
  if (pauses_ > 0) {
    recording_.paused.back().end = at;
  } else {
    recording_.recorded.back().end = at;
  }
  pauses_ = 0;
  on_ = false;
  stopped_by_gradient_ = by_gradient;
}

void TapeState::pause(std::uint64_t at, Place place) {
  if (pauses_++ > 0) return;
  recording_.recorded.back().end = at;
  recording_.paused.push_back({.begin = at, .place = place});
}

void TapeState::unpause(std::uint64_t at, Place place) {
  if (--pauses_ > 0) return;
  recording_.paused.back().end = at;
  recording_.recorded.push_back({.begin = at, .place = place});
}

void TapeState::spend() {
  spent_ = true;
  release();
}

void TapeState::reset(explain::Moment now, Place place) {
  const bool paused = pauses_ > 0;
  forget(true, now, place);
  if (paused) {
    recording_.recorded.back().end = now.id;
    recording_.paused.push_back({.begin = now.id, .place = place});
  }
}

void TapeState::name_assigned(const Cell& cell) {
  auto& assigned = recording_.assigned;
  const auto at =
      std::ranges::lower_bound(assigned, cell.id(), {}, &explain::Recording::CellName::cell);
  if (at == assigned.end() || at->cell != cell.id())
    assigned.insert(at, {cell.id(), cell.shared_name()});
}

bool TapeState::watches(const record::Node& node, std::uint64_t user) const {
  const explain::Watch* watch = recording_.watch_of(node.id);
  return watch != nullptr && watch->from <= user;
}

void TapeState::watch(record::Node& node, std::uint64_t from, Place place) {
  node.watched.store(true, std::memory_order_relaxed);
  auto& watches = recording_.watches;
  const auto at = std::ranges::lower_bound(watches, node.id, {}, &explain::Watch::node);
  if (at == watches.end() || at->node != node.id) watches.insert(at, {node.id, from, place});
}

const TapeState::WatchedCell* TapeState::find(const Cell& cell) const {
  const auto found = cell_index_.find(cell.id());
  return found == cell_index_.end() ? nullptr : &cells_[found->second];
}

void TapeState::watch_cell(const std::shared_ptr<Cell>& cell, std::uint64_t from, Place place) {
  if (!cell_index_.try_emplace(cell->id(), cells_.size()).second) return;
  cells_.push_back({.cell = cell, .reads = {}, .from = from, .place = place});
}

void TapeState::watch_read(const std::shared_ptr<Cell>& cell, record::Node& read,
                           std::uint64_t from, Place place) {
  watch_cell(cell, 0, place);
  cells_[cell_index_.at(cell->id())].reads.push_back(read.id);
  watch(read, from, place);
}

}  // namespace tendon::detail
