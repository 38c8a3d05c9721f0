// Fusion: which ops become one stage.
#pragma once

#include <vector>

#include "host/plan/plan.h"

namespace tendon::plan {

struct Fused {
  std::vector<Stage> stages;  // without places in memory
  std::vector<Ref> targets;   // the value in memory that each target of the tape is
  Effort effort;
};
Fused fuse(const Tape& tape, const DeviceTraits& traits);

}  // namespace tendon::plan
