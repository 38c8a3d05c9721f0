// What the ops of a part are in machine code, so that a kernel's is bounded: the assembler takes
// more than twice the time for twice the instructions.
#pragma once

#include <vector>

#include "host/plan/plan.h"

namespace tendon::cuda {

// Instructions, nearly: of one more `op` in a kernel that has one. Of f16 and bf16 with their
// conversions; of integers those of f32.
int instructions_of(Op op, DType dtype);

// Which ops a part calls as functions, rather than having them in line, so that the code of a long
// body is short: first those whose copies would take most.
struct PartCost {
  struct Called {
    Op op;
    DType dtype;
    bool operator==(const Called&) const = default;
  };
  int instructions = 0;  // for each element
  bool has_f64 = false;
  std::vector<Called> called{};

  // Whether an element's lines may stand in a kernel so many times, for each element of a vector or
  // a thread; else they are there once, in a loop.
  bool may_be_written_out(int copies) const;
};

PartCost cost_of(const Tape& tape, const plan::Part& part);

}  // namespace tendon::cuda
