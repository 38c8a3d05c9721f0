// The plain executor: computes a tape's ops one by one, each value in memory of its own. Kept
// simple: the tile executor is tested against it.
#pragma once

#include <tendon/backend.h>

#include <span>

#include "host/cpu/memory.h"

namespace tendon::cpu {

// Each span holds a pointer for each of the tape's inputs, or targets, with room for it.
void execute_plainly(const Tape& tape, std::span<const void* const> inputs,
                     std::span<void* const> outputs, Memory& memory);

}  // namespace tendon::cpu
