#include "host/explain/recording.h"

#include <algorithm>

namespace tendon::explain {
namespace {

const Interval* interval_of(NodeId id, const support::PoolVector<Interval>& ascending) {
  const auto after =
      std::ranges::upper_bound(ascending, static_cast<std::uint64_t>(id), {}, &Interval::begin);
  if (after == ascending.begin()) return nullptr;
  const Interval& last = *std::prev(after);
  return last.contains(id) ? &last : nullptr;
}

}  // namespace

bool Recording::spans(NodeId id) const {
  return thread_of(id) == thread_of(NodeId{began}) &&
         (interval_of(id, recorded) != nullptr || pause_of(id) != nullptr);
}

Standing Recording::standing_of(NodeId id) const {
  const auto i = static_cast<std::uint64_t>(id);
  if (thread_of(id) != thread_of(NodeId{began})) return Standing::other_thread;
  if (interval_of(id, recorded) != nullptr) return Standing::recorded;
  if (pause_of(id) != nullptr) return Standing::paused;
  if (i >= began) return Standing::after_stop;
  return forgot && i >= forgot->from ? Standing::before_reset : Standing::before_tape;
}

const Watch* Recording::watch_of(NodeId id) const {
  const auto found = std::ranges::lower_bound(watches, id, {}, &Watch::node);
  return found != watches.end() && found->node == id ? &*found : nullptr;
}

const Interval* Recording::pause_of(NodeId id) const { return interval_of(id, paused); }

}  // namespace tendon::explain
