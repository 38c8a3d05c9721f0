// Plan: the stages that compute a tape's targets, in the order they run. What a back end executes.
#pragma once

#include <tendon/backend.h>

#include <cstdint>
#include <vector>

#include "host/ops/op_row.h"

namespace tendon::plan {

// One launch. The plain plan has one op a stage.
struct Stage {
  ops::OpKind kind = ops::OpKind::pointwise;
  std::vector<Ref> values;  // what it computes, in this order
  std::vector<Ref>
      dead;  // values that no later stage and no target reads: their memory is free after it
};

struct Plan {
  Tape tape;  // its inputs are the plan's inputs, its targets the plan's outputs
  std::vector<Stage> stages;
};

// A stage for each op that a target depends on; nothing for the others.
Plan make_plan(Tape tape);

// What executing it costs. Bytes are counted a stage: each operand read once, each result written
// once.
PlanSummary summarize(const Plan& plan);

}  // namespace tendon::plan
