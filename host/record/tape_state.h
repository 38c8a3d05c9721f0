// TapeState: what a GradientTape holds; its Pauses and its thread's recorder share it.
#pragma once

#include <tendon/tape.h>

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include "host/explain/recording.h"
#include "host/record/node.h"

namespace tendon::detail {

class TapeState {
 public:
  struct WatchedCell {
    std::shared_ptr<Cell> cell;
    support::PoolVector<explain::NodeId> reads;  // what the tape saw of it
    std::uint64_t from = 0;                      // of an explicit watch: the next id then
    Place place;                                 // and its place
  };

  TapeState(TapeOptions options, explain::Moment now, Place place);
  TapeState(const TapeState&) = delete;
  TapeState& operator=(const TapeState&) = delete;
  ~TapeState() { release(); }

  record::TapeId id() const { return id_; }
  const TapeOptions& options() const { return options_; }
  // The number of its thread, as in the ids of that thread.
  std::uint64_t thread() const { return explain::thread_of(explain::NodeId{recording_.began}); }
  bool is_on() const { return on_; }  // recording or paused
  bool records() const { return on_ && pauses_ == 0 && !abandoned.load(std::memory_order_relaxed); }
  bool is_spent() const { return spent_; }
  bool stopped_by_gradient() const { return stopped_by_gradient_; }
  std::uint64_t generation() const { return generation_; }

  // `at`: the id that the thread's next node will have.
  void start(explain::Moment now, Place place);  // afresh where it is spent
  // With what the thread has logged since the tape was started.
  void stop(std::uint64_t at, explain::Log log, bool by_gradient);
  void pause(std::uint64_t at, Place place);
  void unpause(std::uint64_t at, Place place);
  void spend();  // answered its one gradient(): gives up the nodes, keeps what explanations need
  void reset(explain::Moment now, Place place);
  // An op takes the node, which is older than the tape or of another thread. Held as long as the
  // tape can be asked.
  void note_older(record::Node& node) {
    if (!recording_.spans(node.id)) older_.emplace_back(&node);
  }
  std::span<const record::NodePtr> older() const { return older_; }
  // Notes the variable's name: it was assigned while the tape was alive.
  void name_assigned(const Cell& cell);

  bool watches(const record::Node& node, std::uint64_t user) const;
  void watch(record::Node& node, std::uint64_t from, Place place);
  void watch_cell(const std::shared_ptr<Cell>& cell, std::uint64_t from, Place place);
  const WatchedCell* find(const Cell& cell) const;
  bool watches_cell(const Cell& cell) const { return find(cell) != nullptr; }
  void watch_read(const std::shared_ptr<Cell>& cell, record::Node& read, std::uint64_t from,
                  Place place);

  // The node connects on this tape, which needs its operands from now on.
  void hold(record::Node& node) { held_.emplace_back(&node); }
  // The nodes that connect, in the order they were recorded: operands before what uses them.
  std::span<const record::NodePtr> held() const { return held_; }

  // Without the log since the tape was last started, while it is on.
  const explain::Recording& recording() const { return recording_; }
  explain::Moment started() const { return started_; }  // the last time
  const support::PoolVector<WatchedCell>& cells() const { return cells_; }

  // Its GradientTape was destroyed on a thread that is not its own while it recorded.
  std::atomic<bool> abandoned = false;

 private:
  void release();
  void begin(explain::Moment now, Place place);
  void forget(bool by_reset, explain::Moment now, Place place);

  record::TapeId id_;
  TapeOptions options_;
  bool on_ = true;
  int pauses_ = 0;
  bool spent_ = false;
  bool stopped_by_gradient_ = false;
  std::uint64_t generation_ = 0;  // of starts: a Pause of an earlier one has nothing to end
  explain::Recording recording_;
  explain::Moment started_;
  support::PoolVector<WatchedCell> cells_;
  std::unordered_map<std::uint64_t, std::size_t, std::hash<std::uint64_t>, std::equal_to<>,
                     support::PoolAllocator<std::pair<const std::uint64_t, std::size_t>>>
      cell_index_;  // by the cell's id
  support::PoolVector<record::NodePtr> held_;
  support::PoolVector<record::NodePtr> older_;
};

}  // namespace tendon::detail
