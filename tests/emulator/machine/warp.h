// A warp as the steps see it: the lanes of its registers, and what they can reach.
#pragma once

#include <cstring>
#include <vector>

#include "machine/asynchronous_copies.h"
#include "machine/kernel.h"

namespace emulator {

class Block;

// Ends a launch: what was found can not be gone on from.
struct Stop {
  LaunchStatus status;
};

class Warp {
 public:
  template <class T>
  T* lanes(Slot slot) {
    return reinterpret_cast<T*>(registers + slot);
  }
  Mask& predicate(Slot slot) { return *reinterpret_cast<Mask*>(registers + slot); }

  // Puts a result in the lanes of the mask.
  template <class T>
  void store(Slot slot, const T* result, Mask mask) {
    T* lanes_of = lanes<T>(slot);
    if (mask == kAllLanes) {
      std::memcpy(lanes_of, result, sizeof(T) * kLanes);
      return;
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      if (mask >> lane & 1) lanes_of[lane] = result[lane];
    }
  }
  void store_predicate(Slot slot, Mask result, Mask mask) {
    Mask& word = predicate(slot);
    word = (word & ~mask) | (result & mask);
  }

  std::byte* registers = nullptr;
  std::byte* local = nullptr;  // of its lanes, one after the other
  Block* block = nullptr;
  AsynchronousCopies copies;
  std::uint32_t index = 0;  // in its block
  Mask live = 0;            // lanes that have not exited
  Mask group = 0;           // lanes that execute together now
  Mask carry = 0;           // of the extended integer instructions, a bit a lane
};

}  // namespace emulator
