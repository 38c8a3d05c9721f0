// Runs a plan tile by tile: each step of a body is a loop over a tile that stays in cache, and the
// tiles are shared among the threads.
#pragma once

#include <span>

#include "host/cpu/memory.h"
#include "host/cpu/tally.h"
#include "host/cpu/tile_program.h"
#include "host/plan/trace.h"

namespace tendon::cpu {

// `numbers`: a tape of the plan's structure, from which constants and random keys are taken. From
// several threads at once; no heap allocation after a thread's first run of a program. A tally
// counts what is read and written.
void execute(const TileProgram& program, const Tape& numbers, std::span<const void* const> inputs,
             std::span<void* const> outputs, Memory& memory, Tally* tally = nullptr,
             plan::Trace* trace = nullptr);

}  // namespace tendon::cpu
