// scatter_add of many indices. They are sorted by the target that they point to, stably, so that
// each element of the result adds its updates in their order, as a loop on the CPU does, and is
// written once.
#pragma once

#include <cstdint>

#include "host/cuda/generate.h"
#include "kernels/sort.h"

namespace tendon::cuda {

class SortedScatter {
 public:
  // True if the op is one with many indices: every element looks through fewer.
  static bool is(const plan::Plan& plan, const plan::Irregular& stage);

  // `workspace`: where it lies in the arena, of the arena's alignment.
  SortedScatter(const plan::Plan& plan, const plan::Irregular& stage, std::int64_t workspace);

  // Bytes of the workspace without the sort's own, which come last.
  std::int64_t own_bytes() const { return sort_workspace_ - workspace_; }

  // In the order in which they run. A key is a target and, in its low bits, the position of an
  // update.
  GeneratedKernel write_keys() const;  // one for each index
  const kernels::KeySort& sort() const { return sort_; }
  // What the sort takes, gives and needs, in the arena.
  std::int64_t keys() const { return keys_; }
  std::int64_t sorted() const { return sorted_; }
  std::int64_t sort_workspace() const { return sort_workspace_; }
  GeneratedKernel find_segments() const;  // where each target's keys begin
  GeneratedKernel add_updates() const;

 private:
  Ref operand(std::size_t i) const { return stage_.operands[i]; }
  std::string comment(std::string_view what) const;

  const Tape& tape_;
  const plan::Irregular& stage_;
  Ref op_;
  kernels::KeySort sort_;
  std::int64_t workspace_, keys_, sorted_, segments_, sort_workspace_;
};

}  // namespace tendon::cuda
