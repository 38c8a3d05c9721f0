// The plain executor: runs a plan's ops one by one, each value in memory of its own. Kept simple:
// faster executors are tested against it.
#pragma once

#include <span>

#include "host/cpu/memory.h"
#include "host/plan/plan.h"

namespace tendon::cpu {

// `numbers`: a tape of the plan's structure, whose constants' numbers, random keys and places
// count.
void execute(const plan::Plan& plan, const Tape& numbers, std::span<const void* const> inputs,
             std::span<void* const> outputs, Memory& memory);

}  // namespace tendon::cpu
