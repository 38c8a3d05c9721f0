// Macro: ops of a tape that one node stands for. Made once, shared by all nodes that mean the same
// ops: a backward pass, an optimizer's update.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace tendon::detail {

// What the caller knows an op as.
struct Origin {
  // The function that was called; of an op that computes a gradient, the one whose gradient it is.
  // Null: none made the value, or it is a constant.
  const char* name = nullptr;
  std::uint32_t order = 0;  // of the derivative that the op is part of; 0: of none
};

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
  // Of the op from `begin` on; null where all are the macro's own.
  const Origin* origin(Ref value) const {
    return origins_.empty() ? nullptr : &origins_[value.id - begin_];
  }
  bool has_origins() const { return !origins_.empty(); }
  void set_origins(std::vector<Origin> origins) { origins_ = std::move(origins); }

 private:
  Tape tape_;
  std::uint32_t begin_ = 0;
  std::uint32_t op_count_ = 0;
  std::vector<Ref> operands_;
  std::vector<std::uint32_t> operand_of_;
  std::vector<Origin> origins_;
};

}  // namespace tendon::detail
