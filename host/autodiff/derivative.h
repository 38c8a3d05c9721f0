// Derivative: a differentiated tape, made once for all tapes of a structure.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "host/autodiff/differentiate.h"
#include "host/tape/macro.h"

namespace tendon::autodiff {

// What is asked: as for differentiate() and reachability(). The tape has its targets.
struct Question {
  const Tape& tape;
  std::span<const std::optional<Ref>> seeds;
  std::span<const SourceValue> sources;
  std::size_t source_count = 0;
  std::span<const std::uint8_t> live;
  // Of the tape's values; where there is none, their ops are.
  std::function<detail::Origin(Ref)> origin_of = {};
};

class Derivative {
 public:
  Derivative(const Question& question, plan::Backend& device);
  // Equal but for constants' numbers, on which no derivative depends. Places count: the backward
  // ops' are those of the forward ops, for messages.
  bool answers(const Question& question) const;

  // The ops behind the gradients; the question's tape is given.
  const detail::Macro& backward() const { return backward_; }
  std::span<const std::optional<Ref>> gradients() const { return gradients_; }
  // The op of the question that an op of the backward part belongs to.
  Ref owner(Ref value) const { return owners_[value.id - backward_.begin()]; }
  const detail::Origin& origin(Ref value) const { return *backward_.origin(value); }

 private:
  detail::Macro backward_;
  std::vector<std::optional<Ref>> gradients_;
  std::vector<Ref> owners_;
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
