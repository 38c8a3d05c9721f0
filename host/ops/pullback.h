// What an op's pullback sees of the op, and where it gives its operands' cotangents.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "host/ops/expression.h"

namespace tendon::ops {

class Pullback {
 public:
  Pullback(TapeBuilder& tape, Op op, std::span<const Ref> operands, Ref result, Ref cotangent,
           const Attributes& attributes, std::span<const bool> needed, Place place,
           std::vector<Emitter::Number>* numbers = nullptr, bool cotangent_is_one = false)
      : emitter_{tape, place, tape.dtype(result), numbers},
        op_(op),
        operands_(operands),
        result_(result),
        cotangent_(cotangent),
        attributes_(attributes),
        needed_(needed),
        cotangent_is_one_(cotangent_is_one),
        given_(operands.size()) {}

  Emitter& emitter() { return emitter_; }
  Op op() const { return op_; }
  int operand_count() const { return static_cast<int>(operands_.size()); }
  Value operand(int i) { return {&emitter_, operands_[static_cast<std::size_t>(i)]}; }
  Value result() { return {&emitter_, result_}; }
  Value cotangent() { return {&emitter_, cotangent_}; }
  // Known to be 1 everywhere: the seed that nobody gave.
  bool cotangent_is_one() const { return cotangent_is_one_; }
  const Attributes& attributes() const { return attributes_; }
  // Only what is needed is to be computed and given.
  bool needed(int i) const { return needed_[static_cast<std::size_t>(i)]; }
  void give(int i, const Value& cotangent) { given_[static_cast<std::size_t>(i)] = cotangent.ref; }

  std::span<const std::optional<Ref>> given() const { return given_; }

 private:
  Emitter emitter_;
  Op op_;
  std::span<const Ref> operands_;
  Ref result_;
  Ref cotangent_;
  const Attributes& attributes_;
  std::span<const bool> needed_;
  bool cotangent_is_one_;
  std::vector<std::optional<Ref>> given_;
};

}  // namespace tendon::ops
