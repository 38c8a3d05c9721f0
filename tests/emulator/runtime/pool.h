// Pools of stream-ordered memory: how much each holds, and how much of it is in use.
#pragma once

#include <cstdint>

#include "runtime/cuda.h"

// The type that the runtime's handle points to.
struct CUmemPoolHandle_st {
  int device = 0;
  std::uint64_t most_bytes = 0;  // 0: as much as the device has
  std::uint64_t release_threshold = 0;
  // In use from the call that allocates until the free has run.
  std::uint64_t used = 0, most_used = 0;
  // Taken from the device: what is in use, and what was and is kept for later.
  std::uint64_t reserved = 0, most_reserved = 0;
  int follow_events = 1, allow_opportunistic = 1, allow_internal = 1;

  // False where the pool may not grow that far.
  bool take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes) { used -= bytes; }
  // Keeps this much, if so much is not in use; as each synchronization does with the threshold.
  void trim(std::uint64_t bytes_to_keep);
};

namespace emulator {
using Pool = ::CUmemPoolHandle_st;
}
