#include "machine/counters.h"

#include <numeric>

namespace emulator {

const char* name(InstructionClass c) {
  constexpr const char* kNames[] = {"integer", "f16",     "f32",  "f64",    "convert",
                                    "memory",  "control", "warp", "atomic", "other"};
  return kNames[static_cast<std::size_t>(c)];
}

Traffic& Traffic::operator+=(const Traffic& other) {
  requests += other.requests;
  bytes += other.bytes;
  sectors += other.sectors;
  excess += other.excess;
  first_touch += other.first_touch;
  return *this;
}

std::uint64_t Counters::thread_instructions() const {
  return std::accumulate(instructions.begin(), instructions.end(), std::uint64_t{0});
}

Counters& Counters::operator+=(const Counters& other) {
  for (std::size_t i = 0; i < instructions.size(); ++i) instructions[i] += other.instructions[i];
  warp_instructions += other.warp_instructions;
  branches += other.branches;
  divergent_branches += other.divergent_branches;
  global_load += other.global_load;
  global_store += other.global_store;
  local_bytes += other.local_bytes;
  shared_requests += other.shared_requests;
  shared_conflicts += other.shared_conflicts;
  atomics += other.atomics;
  return *this;
}

}  // namespace emulator
