// Faults that a test injects: the n-th call of a function fails, the n-th kernel fails.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/cuda.h"

namespace emulator {

class FailPoints {
 public:
  // From TENDON_EMULATOR_FAIL, "cudaMalloc:3:2,kernel:5:700": function, number of the call, error.
  FailPoints();

  // The n-th call from now, from 1; 0 takes it back. False where there is no such function.
  bool set(const std::string& function, std::uint64_t n, cudaError_t error);

  // Counts a call; what it is to fail with, or cudaSuccess. Of cuBLASLt's it is a cublasStatus_t.
  cudaError_t count(const char* function);

  static constexpr const char* kKernel = "kernel";  // counted as kernels are executed

 private:
  struct Point {
    std::uint64_t calls_left;
    cudaError_t error;
  };
  std::map<std::string, Point, std::less<>> points_;
};

}  // namespace emulator
