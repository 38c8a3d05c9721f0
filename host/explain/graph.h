// What a tape's log says, as a graph: the entries that the tape saw, and descriptions of the older
// or foreign values that these use.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "host/explain/recording.h"

namespace tendon::explain {

// Operands come before what uses them.
class Graph {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = std::numeric_limits<Index>::max();

  // `past` describes values that the log lacks, operands first. Borrows all of its arguments.
  Graph(const Recording& recording, std::span<const Entry> past);

  const Recording& recording() const { return recording_; }
  Index size() const { return static_cast<Index>(vertices_.size()); }
  const Entry& operator[](Index i) const { return *vertices_[i].entry; }
  Standing standing(Index i) const { return vertices_[i].standing; }
  // One for each operand of the entry; kNone where nothing is known of it.
  std::span<const Index> operands(Index i) const {
    return {operands_.data() + vertices_[i].first_operand, (*this)[i].operand_count};
  }
  // True if the tape sees the entry as computed from something that it watches.
  bool is_connected(Index i) const { return connected_[i]; }
  // True if a gradient can flow to operand k of the entry: by the op and the dtypes alone.
  bool carries(Index i, std::size_t k) const;
  Index find(NodeId id) const;

 private:
  struct Vertex {
    const Entry* entry;
    std::uint32_t first_operand;
    Standing standing;
  };
  void add(const Entry& entry, std::unordered_map<NodeId, Index>& index);
  void find_connected();

  const Recording& recording_;
  std::vector<Vertex> vertices_;
  std::vector<Index> operands_;
  std::vector<std::pair<NodeId, Index>> by_id_;  // ascending
  std::vector<bool> connected_;
};

}  // namespace tendon::explain
