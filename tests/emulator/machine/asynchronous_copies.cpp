#include "machine/asynchronous_copies.h"

#include <bit>

#include "machine/block.h"

namespace emulator {

void AsynchronousCopies::commit(Mask lanes) {
  for (Copy& copy : copies_) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) copy.commits[lane] += lanes >> lane & 1;
  }
}

void AsynchronousCopies::wait_for_all_but(std::uint32_t count, Warp& warp, Mask lanes) {
  if (copies_.empty()) return;
  SharedMemory& shared = warp.block->shared();
  for (Copy& copy : copies_) {
    const std::uint32_t bytes = copy.step->width;
    for (Mask left = copy.lanes & lanes; left != 0; left &= left - 1) {
      const int lane = std::countr_zero(left);
      const auto i = static_cast<std::size_t>(lane);
      if (copy.commits[i] <= count) continue;
      const std::uint32_t thread = warp.index * kLanes + static_cast<std::uint32_t>(lane);
      const auto found =
          shared.end_copy(copy.to[i], bytes, {.thread = thread, .step = copy.step->index},
                          copy.begun, copy.data.data() + i * bytes);
      warp.block->tell(found, true, warp, lane, *copy.step);
      copy.lanes &= ~(Mask{1} << lane);
      ++warp.block->running().progress;
    }
  }
  std::erase_if(copies_, [](const Copy& copy) { return copy.lanes == 0; });
}

void AsynchronousCopies::wait_for_all(Warp& warp, Mask lanes) {
  commit(lanes);
  wait_for_all_but(0, warp, lanes);
}

}  // namespace emulator
