// Runs a plan tile by tile: each step of a body is a loop over a tile that stays in cache, and the
// tiles are shared among the threads.
#pragma once

#include <span>

#include "host/cpu/memory.h"
#include "host/cpu/tile_program.h"

namespace tendon::cpu {

// Bytes that a run touched, stage by stage, each once: what describe() foretells. Tests pass one.
struct Tally {
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;
};

// `numbers`: a tape of the plan's structure, from which constants and random keys are taken. From
// several threads at once; no heap allocation after a thread's first run of a program.
void execute(const TileProgram& program, const Tape& numbers, std::span<const void* const> inputs,
             std::span<void* const> outputs, Memory& memory, Tally* tally = nullptr);

}  // namespace tendon::cpu
