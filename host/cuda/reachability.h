// Runs the one reachability function of kernels/reachability.cuh on a device, level by level.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/cuda/memory.h"
#include "host/cuda/runtime.h"
#include "kernels/reachability.h"

namespace tendon::cuda {

class Reachability final : private Memory::Keeper {
 public:
  // On the device of that memory, to which it gives back what it keeps where that has none left.
  explicit Reachability(Memory& values);
  Reachability(const Reachability&) = delete;
  Reachability& operator=(const Reachability&) = delete;
  ~Reachability();

  std::int64_t kept_bytes() const { return memory_.kept_bytes(); }
  void set_allocator(std::shared_ptr<const Allocator> allocator) {
    memory_.set_allocator(std::move(allocator));
  }

  // As plan::Backend::needed_backward. On a stream of its own; OutOfMemory where there is too
  // little memory.
  std::vector<std::uint64_t> needed_backward(const kernels::Adjacency& graph,
                                             std::uint32_t word_count,
                                             std::span<const kernels::SourceNode> sources,
                                             std::span<const std::uint32_t> targets);

 private:
  void give_back() noexcept override { memory_.give_back_spare(); }

  Memory& values_;
  StreamHandle stream_;
  Memory memory_;  // in the order of its own stream: what is computed with values is not waited for
};

}  // namespace tendon::cuda
