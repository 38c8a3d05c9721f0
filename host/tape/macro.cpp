#include "host/tape/macro.h"

#include <utility>

namespace tendon::detail {

Macro::Macro(Tape tape, std::uint32_t begin, std::span<const Ref> results)
    : tape_(std::move(tape)), begin_(begin), operand_of_(begin) {
  std::vector<bool> wanted(tape_.size());
  for (const Ref result : results) {
    if (result.id >= begin_) wanted[result.id] = true;
  }
  for (std::uint32_t id = tape_.size(); id-- > begin_;) {
    if (!wanted[id]) continue;
    ++op_count_;
    for (const Ref operand : tape_.operands(Ref{id})) wanted[operand.id] = true;
  }
  for (std::uint32_t id = 0; id < begin_; ++id) {
    if (!wanted[id]) continue;
    operand_of_[id] = static_cast<std::uint32_t>(operands_.size());
    operands_.push_back(Ref{id});
  }
}

}  // namespace tendon::detail
