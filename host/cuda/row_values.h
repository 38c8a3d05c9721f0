// The values of rows' elements in a kernel that keeps rows: the phase that computes each, until
// when it is wanted, and where it waits till then.
#pragma once

#include <cstddef>
#include <vector>

#include "host/plan/plan.h"

namespace tendon::cuda {

// A phase ends with reductions over the row, which the next begins with; phase 0 comes first.
class RowValues {
 public:
  RowValues(const plan::Plan& plan, const plan::Part& part);

  int phase(plan::Local local) const { return phases_[local]; }
  int last_phase() const;

  bool is_load(plan::Local local) const;  // of elements
  // Whether each row loads the same elements, neighbours in memory from its begin.
  bool is_same_for_each_row(plan::Local load) const;
  std::vector<plan::Local> loads(bool are_same_for_each_row) const;

  // Whether no row is kept: each phase loads and computes what it needs.
  bool are_read_again() const { return !part_.keeps_rows; }
  // Loads that wait in shared memory, where every phase finds them.
  void put_in_shared_memory(plan::Local load) { is_in_shared_memory_[load] = true; }
  bool is_in_shared_memory(plan::Local local) const { return is_in_shared_memory_[local]; }
  // Whether a thread has it in registers from the phase that computes it to a later one. What an
  // instruction or two make of what is there anyway is computed again instead.
  bool is_kept(plan::Local local) const;
  bool is_kept_from_before(plan::Local local, int phase) const {
    return phases_[local] < phase && is_kept(local);
  }
  // How many values of an element a thread keeps at once, at most, before any load was put in
  // shared memory: loads, kept ones, and columns' results.
  std::size_t most_kept() const;
  // Marks what a phase computes a local of elements from, and itself.
  void mark_wanted(plan::Local local, int phase, std::vector<bool>& wanted) const;

 private:
  bool is_computed_again(plan::Local local) const;

  const plan::Plan& plan_;
  const plan::Part& part_;
  std::vector<int> phases_, last_uses_;  // last_uses_: the last phase that wants it
  std::vector<bool> is_in_shared_memory_;
};

}  // namespace tendon::cuda
