// The ways from a source through the graph, and what cuts them.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "host/explain/graph.h"

namespace tendon::explain {

// What severs an edge of a way.
enum class Cut : std::uint8_t {
  none,
  watched_after_use,
  unwatched,
  reset,
  paused,
  host_read,
  assigned,
  op,
  dtype,
  stop_gradient,
  other_thread,
  not_recorded,
};

// True for the cuts that say that the source was not watched in time.
constexpr bool is_watch_cut(Cut cut) {
  return cut == Cut::watched_after_use || cut == Cut::unwatched;
}

// For each entry, the best way from the source to it: the one with the fewest cuts.
class Ways {
 public:
  using Index = Graph::Index;
  static constexpr std::uint32_t kUnreached = std::numeric_limits<std::uint32_t>::max();

  struct Arrival {
    std::uint32_t cost = kUnreached;  // 0: without a cut
    Index from = Graph::kNone;        // kNone: the source itself
    Cut cut = Cut::none;              // of the last edge
  };

  // With `through_host`, values that were read to the host and came back as bit-equal data make a
  // way too; such an arrival comes from the entry of the read. Borrows its arguments.
  Ways(const Graph& graph, const Subject& source, bool through_host);

  const Arrival& operator[](Index i) const { return arrivals_[i]; }
  bool reaches(Index i) const { return arrivals_[i].cost != kUnreached; }
  bool is_source(Index i) const;
  // True if operand k of the entry is the source.
  bool takes_source(Index i, std::size_t k) const;
  Cut cut_of_edge(Index i, std::size_t k) const;
  // The entries of the way, from the first that uses the source to `last`.
  std::vector<Index> to(Index last) const;

 private:
  bool is_source(NodeId id) const;
  Cut cut_of_source_edge(Index i, std::size_t k) const;
  Cut cut_of_reading(Index user, std::size_t k) const;
  Cut cut_of_standing(Index i, Index operand) const;
  void arrive(Index i, Index from, std::uint32_t cost, Cut cut);

  const Graph* graph_;
  const Subject* source_;
  std::vector<Arrival> arrivals_;
};

}  // namespace tendon::explain
