// Tapes of as many ops as one likes, of the shapes that a planner meets: what planning costs an op.
#pragma once

#include <tendon/backend.h>

#include <span>

namespace tendon::workloads {

struct TapeShape {
  const char* name;
  Tape (*tape)(int ops);  // of about so many ops; one target
};

// A chain, branches that are summed, a chain with a variable an op, a chain of products with a
// matrix each, a chain that takes a slice of one tensor an op, and a stack of computed pieces.
std::span<const TapeShape> tape_shapes();

}  // namespace tendon::workloads
