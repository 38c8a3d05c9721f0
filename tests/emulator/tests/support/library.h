// PTX that a test has written, loaded and launched.
#pragma once

#include <cuda_runtime_api.h>

#include <string>
#include <vector>

namespace emulator_test {

// How every text begins.
inline constexpr const char* kPtxHead = ".version 9.0\n.target sm_90\n.address_size 64\n";

class Library {
 public:
  explicit Library(const std::string& text);
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library();

  const void* kernel(const std::string& name) const;
  // With these arguments, whose addresses are given.
  cudaError_t launch(const std::string& name, dim3 grid, dim3 block, std::vector<void*> arguments,
                     std::size_t shared_bytes = 0, cudaStream_t stream = nullptr) const;

 private:
  cudaLibrary_t library_ = nullptr;
};

// Loads and unloads it: what does loading say?
cudaError_t load(const std::string& text);

}  // namespace emulator_test
