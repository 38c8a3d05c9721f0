// Tape -> Tape: appends the backward pass, of what the mask says is needed and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "host/autodiff/reachability.h"

namespace tendon::autodiff {

struct Differentiated {
  Tape tape;  // the operand's ops, with the same ids, then the backward's; the targets of the
              // operand
  std::vector<std::optional<Ref>> gradients;  // one a source; none: not connected
  // Of each op of the backward part, the operand's op that it belongs to: whose pullback it is of,
  // or whose cotangent it sums or starts.
  std::vector<Ref> owners;
};

// `seeds`: one value a target, of its shape and dtype, or none for ones. The targets are those of
// the tape; one that is listed twice counts twice. `live` and `mask` as given to and by
// reachability().
Differentiated differentiate(Tape tape, std::span<const std::optional<Ref>> seeds,
                             std::span<const SourceValue> sources, std::size_t source_count,
                             std::span<const std::uint8_t> live, const Mask& mask);

}  // namespace tendon::autodiff
