// Derivative: a differentiated tape, made once for all tapes of a structure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "host/autodiff/differentiate.h"

namespace tendon::autodiff {

// What is asked: as for differentiate() and reachability(). The tape has its targets.
struct Question {
  const Tape& tape;
  std::span<const std::optional<Ref>> seeds;
  std::span<const SourceValue> sources;
  std::size_t source_count = 0;
  std::span<const std::uint8_t> live;
};

class Derivative {
 public:
  Derivative(const Question& question, plan::Backend& device);
  // Equal but for constants' numbers, on which no derivative depends. Places count: the backward
  // ops' are those of the forward ops, for messages.
  bool answers(const Question& question) const;

  const Tape& tape() const { return differentiated_.tape; }
  std::span<const std::optional<Ref>> gradients() const { return differentiated_.gradients; }
  std::uint32_t backward_begin() const { return backward_begin_; }  // ops before are the question's
  // The op of the question that an op of the backward part belongs to.
  Ref owner(Ref value) const { return differentiated_.owners[value.id - backward_begin_]; }
  // The values of the question's tape that the ops behind the gradients read, in order.
  std::span<const Ref> operands() const { return operands_; }
  // Where in operands() such a value is.
  std::uint32_t operand_of(Ref value) const { return operand_of_[value.id]; }
  // How many backward ops the gradients depend on.
  std::uint32_t op_count() const { return op_count_; }

 private:
  Differentiated differentiated_;
  std::uint32_t backward_begin_ = 0;
  std::uint32_t op_count_ = 0;
  std::vector<Ref> operands_;
  std::vector<std::uint32_t> operand_of_;
  // The question.
  Tape asked_;
  std::vector<std::optional<Ref>> seeds_;
  std::vector<SourceValue> sources_;
  std::vector<std::uint8_t> live_;
};

// Found, or made and kept for a while. From any number of threads at once. `device`: of the tape,
// to run reachability on.
std::shared_ptr<const Derivative> derivative_of(const Question& question, plan::Backend& device);

}  // namespace tendon::autodiff
