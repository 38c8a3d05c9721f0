// Cluster: a stage that is being made, with what fusion has to find in it quickly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "host/plan/plan.h"
#include "host/support/id_map.h"

namespace tendon::plan {

// Stages run in the order of their making, and an op joins one only if all it needs is made by
// earlier ones or by the stage itself: so there are no cycles.
struct Cluster {
  // What it was made of, in order, so that it can be made again together with another.
  struct Member {
    enum class Kind : std::uint8_t { op, reduction, copy } kind = Kind::op;
    Ref value;
    View view = {};  // of a copy: what is copied
  };
  Part body = {};
  std::optional<Stage> whole = {};  // instead of a body: what is computed whole
  std::vector<Member> members = {};
  support::IdMap<Local> locals = {};  // by value
  std::vector<Ref> loaded = {};  // bases of its loads; of a stage without a body, what it reads
  bool is_merged = false;        // of several, the later behind the earlier
  std::size_t expensive = 0;     // members that cost more than a function: as long as two

  static Cluster over(const Shape& space) {
    Cluster cluster;
    cluster.part().space = space;
    return cluster;
  }
  static Cluster of(Stage whole) {
    Cluster cluster;
    cluster.whole = std::move(whole);
    return cluster;
  }
  Part& part() { return body; }
  const Part& part() const { return body; }
  std::size_t length() const { return part().body.size() + expensive; }
  const Local* local(Ref value) const { return locals.find(value.id); }
  bool is_body() const { return !whole; }
  bool is_empty() const { return is_body() && members.empty(); }
  bool loads(Ref base) const { return loaded_.contains(base.id); }

  Local append(Instruction step);
  // An equal load or expand of the body, else the step itself, appended.
  Local find_or_append(Instruction step);
  void set_local(Ref value, Local local);
  // Finds the loads again whose views have changed.
  void index_loads();

  // To go back to what the cluster was before members were added. One mark at a time.
  struct Mark {
    std::size_t body, members, loaded, expensive;
  };
  Mark mark();
  void forget_mark() { changed_locals_.reset(); }
  void go_back_to(const Mark& mark);

 private:
  void index(Local local);

  // The free or equal place of a load or an expand in found_by_hash_.
  std::pair<std::uint32_t, const Local*> find(const Instruction& step) const;

  support::IdMap<Local> found_by_hash_;  // loads and expands; the next hash where one is taken
  support::IdMap<bool> loaded_;          // the bases of `loaded`
  // The locals that values had before they were set, since the mark.
  std::optional<std::vector<std::pair<Ref, std::optional<Local>>>> changed_locals_;
};

}  // namespace tendon::plan
