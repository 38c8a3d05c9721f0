// A tape without its values, and what a gradient was asked of: all that an explanation is made
// from.
#pragma once

#include <tendon/gradient.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "host/explain/log.h"

namespace tendon::explain {

// The ids from `begin` up to `end`.
struct Interval {
  std::uint64_t begin = 0;
  std::uint64_t end = ~std::uint64_t{0};
  Place place;  // of the call that began it

  bool contains(NodeId id) const {
    const auto i = static_cast<std::uint64_t>(id);
    return begin <= i && i < end;
  }
};

struct Watch {
  NodeId node = {};
  std::uint64_t from = 0;  // ops with this id or a later one connect
  Place place;
};

// The last reset() or resume() at which a tape forgot what it had recorded.
struct Forgetting {
  bool by_reset = true;
  Place place;
  std::uint64_t from = 0;  // the first id that the tape had recorded before
  support::PoolVector<NodeId> watches;
  support::PoolVector<std::uint64_t> cells;
};

// Where an id lies, as a tape sees it.
enum class Standing : std::uint8_t {
  recorded,
  paused,
  before_tape,
  before_reset,
  after_stop,
  other_thread,
};

struct Recording {
  struct CellName {
    std::uint64_t cell;
    std::shared_ptr<const std::string> name;
  };

  support::PoolVector<Log> logs;           // one for each time that the tape was started
  std::uint64_t began = 0;                 // the first id that the tape could record
  support::PoolVector<Interval> recorded;  // ascending, as `paused`
  support::PoolVector<Interval> paused;
  support::PoolVector<Watch> watches;  // ascending by node
  std::optional<Forgetting> forgot;
  support::PoolVector<CellName> assigned;  // variables that were assigned while the tape was alive
  bool watches_accessed_variables = true;
  Place place;  // of the tape

  Standing standing_of(NodeId id) const;
  // True if the tape logs what has the id: where it records, and where it is paused.
  bool spans(NodeId id) const;
  const Watch* watch_of(NodeId id) const;
  const Interval* pause_of(NodeId id) const;
};

// A source, or a target.
struct Subject {
  // The tape on which a target was recorded, where that is another one.
  struct OtherTape {
    std::optional<Place> place;
  };

  support::PoolVector<NodeId> values;  // a tensor's node; a variable's current ones
  DType dtype = DType::f32;
  std::string label;           // "the variable 'soleus'", "the f32 tensor (3,) made at fit.cpp:12"
  std::uint64_t cell = 0;      // of a variable; 0: a tensor
  std::uint64_t value_of = 0;  // of a target: the cell of the variable whose value it is, or 0
  // Of a variable that tape.watch() names: the id from which on it is watched. 0: none names it.
  std::uint64_t watched_from = 0;
  Place watch_place;
  bool watched_cell = false;  // a variable that the tape watches, or would when it is read
  Event event = Event::op;    // what made a tensor
  Op op = Op::input;
  std::optional<OtherTape> other_tape;
  Place place;  // where it was made
};

}  // namespace tendon::explain
