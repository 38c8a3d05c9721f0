// Macro: ops of a tape that one node stands for. Made once, shared by all nodes that mean the same
// ops: a backward pass, an optimizer's update.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <span>
#include <vector>

namespace tendon::detail {

class Macro {
 public:
  Macro() = default;
  // The ops of the tape from `begin` on that lead to the results; what is before them is given.
  Macro(Tape tape, std::uint32_t begin, std::span<const Ref> results);

  const Tape& tape() const { return tape_; }
  std::uint32_t begin() const { return begin_; }
  // The given values that these ops read, in order: a node's operands.
  std::span<const Ref> operands() const { return operands_; }
  // Where in operands() such a value is.
  std::uint32_t operand_of(Ref value) const { return operand_of_[value.id]; }
  std::uint32_t op_count() const { return op_count_; }

 private:
  Tape tape_;
  std::uint32_t begin_ = 0;
  std::uint32_t op_count_ = 0;
  std::vector<Ref> operands_;
  std::vector<std::uint32_t> operand_of_;
};

}  // namespace tendon::detail
