// From a tape and a question to the nodes of the backward pass.
#pragma once

#include <tendon/tape.h>

#include <optional>
#include <span>

#include "host/record/tape_state.h"

namespace tendon::record {

// One tensor a source, or none where it is not connected. The backward pass is recorded by every
// tape of this thread that records; where none does, it is one node. `seeds`: as
// GradientOptions::output_gradients, checked. `place`: of the call.
support::PoolVector<std::optional<Tensor>> backward(const detail::TapeState& tape,
                                                    std::span<const Target> targets,
                                                    std::span<const Source> sources,
                                                    std::span<const std::optional<Tensor>> seeds,
                                                    Place place = Place());

}  // namespace tendon::record
