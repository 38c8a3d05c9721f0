// Contests of the tape as users hold it: recording, gradients, a training step.
#pragma once

#include "bench/contest.h"

namespace tendon::bench {

Contest record();          // a tape of 100 ops is recorded, nothing is run
Contest record_and_run();  // a tape of 100 ops is recorded and its value computed
Contest gradient();        // a tape of 100 ops and its gradient, as nodes; nothing is run
// A chain of ops as no run had it before, of another length each time: recorded, planned and run,
// with its gradient or without. The time is of an op.
Contest new_chain(int ops, bool with_gradient);
Contest mlp_step(std::int64_t batch);  // a 784-256-256-10 classifier, one step of Adam
Contest small_step();  // a curve of five scalars is fitted to 100 points, one step of Adam

// A tape of 64 branches, each on a source of its own; the gradient by one source is asked. "By
// hand" is what that should cost: the same with a tape that holds this branch alone.
Contest none_on_tape(std::int64_t size);
// Likewise through an Executable, whose target's value needs every branch. "By hand" is an
// Executable of that value alone and one of the branch.
Contest none_compiled(std::int64_t size);

}  // namespace tendon::bench
