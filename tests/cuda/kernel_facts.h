// What is known of a compiled kernel before any device runs it.
#pragma once

#include <string_view>

#include "host/cuda/generate.h"
#include "host/cuda/nvrtc.h"

namespace tendon::cuda {

// Resident threads of a multiprocessor, and what share of the most that is.
struct Occupancy {
  int threads = 0;
  double share = 0;
};

// By the calculator of the toolkit's cuda_occupancy.h, with the limits of the CUDA C++ Programming
// Guide, "Technical Specifications per Compute Capability". For architecture 80, 90, 100 or 120.
Occupancy occupancy_of(const MachineCode& code, std::uint32_t threads, int architecture);

// Bytes that a thread has under way at most: of loads from global memory, 16 bytes each, that stand
// in the PTX before the first use of what one of them gave.
int bytes_in_flight(std::string_view ptx);

}  // namespace tendon::cuda
