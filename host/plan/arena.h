// Where a plan's values lie in memory.
#pragma once

#include "host/plan/plan.h"

namespace tendon::plan {

// Gives each value that a stage stores a place: a target its output, others a range of one arena
// for the time they are needed. A value that is read for the last time gives its memory to one that
// is written in the same order.
void arrange(Plan& plan);

}  // namespace tendon::plan
