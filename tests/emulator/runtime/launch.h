// Kernel launches: what is checked at the call, and what is kept for when the kernel runs.
#pragma once

#include "runtime/library.h"
#include "runtime/operation.h"

namespace emulator {

// As the program asks for it; the arguments are copied. Throws what the runtime documents.
struct LaunchRequest {
  const void* function = nullptr;
  dim3 grid, block;
  void** arguments = nullptr;
  std::size_t dynamic_shared_bytes = 0;
  bool is_cooperative = false;
};
KernelLaunch launch_of(Context& context, const LaunchRequest& request, int device);

// Of a graph's node.
KernelLaunch launch_of(Context& context, const cudaKernelNodeParams& parameters, int device);
// `pointers` is what its kernelParams point to, and lasts as long as they are used.
cudaKernelNodeParams parameters_of(const KernelLaunch& launch, std::vector<void*>& pointers);

// Blocks that fit on a multiprocessor at once. The emulator counts no registers and takes 32 for
// every thread.
inline constexpr int kRegistersPerThread = 32;
int resident_blocks(const KernelAttributes& attributes, std::uint64_t threads,
                    std::uint64_t dynamic_shared_bytes);

}  // namespace emulator
