// Why a source is connected to a target, or why not: answered from the log and from what the tape
// knows of itself.
#pragma once

#include <tendon/gradient.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/explain/log.h"

namespace tendon::explain {

// Ids from begin up to end.
struct Interval {
  std::uint64_t begin = 0;
  std::uint64_t end = ~std::uint64_t{0};
  Place place;  // of the call that began it
};

struct Watch {
  NodeId node = {};
  std::uint64_t from = 0;  // ops with this id or a later one connect
  Place place;
};

// A tape without its values.
struct Recording {
  Log log;
  std::uint64_t began = 0;  // the first id that the tape could record
  support::PoolVector<Interval> recorded;
  support::PoolVector<Interval> paused;
  support::PoolVector<Watch> watches;  // ascending by node
  bool watches_accessed_variables = true;
  Place place;  // of the tape

  bool records(NodeId id) const;
  const Watch* watch_of(NodeId id) const;
};

// A source, or a target.
struct Subject {
  support::PoolVector<NodeId> values;  // a tensor's node; a variable's current ones
  DType dtype = DType::f32;
  std::string label;       // "the variable 'soleus'", "the f32 tensor (3,) made at fit.cpp:12"
  std::uint64_t cell = 0;  // of a variable; 0: a tensor
  std::uint64_t value_of =
      0;  // of a target: the cell of the variable whose value it is; 0: of none
  std::uint64_t watched_from =
      0;  // of a variable that tape.watch() names: from which id on; 0: none does
  Place watch_place;
  bool watched_cell = false;  // a variable that the tape watches, or would when it is read
  Event event = Event::op;    // what made a tensor
  Op op = Op::input;
  Place place;  // where
};

Explanation explain(const Recording& recording, std::span<const Subject> targets,
                    const Subject& source);

}  // namespace tendon::explain
