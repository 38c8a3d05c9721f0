// The copies from global to shared memory that a warp's lanes began (cp.async) and have yet to wait
// for. What they copy was read as they began. It comes to shared memory when the lane that began
// them waits, and never where that ends before: the latest that a device may bring it.
#pragma once

#include <array>
#include <vector>

#include "machine/shared.h"
#include "machine/step.h"

namespace emulator {

class Warp;

class AsynchronousCopies {
 public:
  static constexpr std::uint32_t kMostBytes = 16;  // of a lane

  struct Copy {
    const Step* step = nullptr;  // that began it, of so many bytes as its width says
    Mask lanes = 0;              // that have not waited for it
    SharedMemory::Clock begun = 0;
    std::array<std::byte*, kLanes> to{};
    std::array<std::byte, kLanes * kMostBytes> data{};  // a lane's bytes, one after the other
    std::array<std::uint32_t, kLanes> commits{};        // of the lane since
  };

  void clear() { copies_.clear(); }
  void begin(const Copy& copy) { copies_.push_back(copy); }
  // cp.async.commit_group: the lanes' copies that are in no group become one.
  void commit(Mask lanes);
  // cp.async.wait_group: makes the lanes' copies that are in any but the last `count` groups.
  void wait_for_all_but(std::uint32_t count, Warp& warp, Mask lanes);
  // cp.async.wait_all: makes those that are in no group, too.
  void wait_for_all(Warp& warp, Mask lanes);

 private:
  std::vector<Copy> copies_;  // in the order in which they began
};

}  // namespace emulator
