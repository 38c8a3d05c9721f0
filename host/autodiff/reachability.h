// Which values of a tape have a backward that is needed, as the one reachability function of
// kernels/reachability.cuh finds on the device of the tape.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <span>
#include <vector>

#include "host/plan/backend.h"

namespace tendon::autodiff {

// A value that stands for a source. Several values may stand for one (the reads of a variable), and
// one for several.
struct SourceValue {
  Ref value;
  std::uint32_t source = 0;
  friend bool operator==(const SourceValue&, const SourceValue&) = default;
};

// For each value of a tape, the sources for which its backward is needed.
class Mask {
 public:
  Mask() = default;
  Mask(std::vector<std::uint64_t> words, std::uint32_t word_count)
      : words_(std::move(words)), word_count_(word_count) {}
  bool needed(Ref value) const {
    for (std::uint32_t word = 0; word < word_count_; ++word) {
      if (words_[std::size_t{value.id} * word_count_ + word] != 0) return true;
    }
    return false;
  }
  bool needed(Ref value, std::uint32_t source) const {
    return ((words_[std::size_t{value.id} * word_count_ + source / 64] >> (source % 64)) & 1) != 0;
  }
  friend bool operator==(const Mask&, const Mask&) = default;

 private:
  std::vector<std::uint64_t> words_;
  std::uint32_t word_count_ = 0;
};

// Bit per edge, in the tape's order: the op carries a gradient along it and both ends are floating.
std::vector<std::uint8_t> differentiable_edges(const Tape& tape);

// `device`: runs it; the mask is the same on each.
Mask reachability(plan::Backend& device, const Tape& tape, std::span<const std::uint8_t> live,
                  std::span<const SourceValue> sources, std::size_t source_count,
                  std::span<const Ref> targets);

// The same with one bit for all sources, which is all that differentiate() asks for: a word a
// value, however many sources there are.
Mask reachability_of_any(plan::Backend& device, const Tape& tape,
                         std::span<const std::uint8_t> live, std::span<const SourceValue> sources,
                         std::span<const Ref> targets);

}  // namespace tendon::autodiff
