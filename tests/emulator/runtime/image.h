// Finds the PTX in what nvcc embeds in programs and in what a program loads itself.
#pragma once

#include <string>
#include <string_view>

#include "runtime/cuda.h"

namespace emulator {

struct Image {
  std::string_view ptx;  // within what was read
  // Why there is none: cudaErrorNoKernelImageForDevice where there is machine code only, or PTX
  // that is compressed or for a newer device; cudaErrorInvalidKernelImage where it is nothing of
  // the kind.
  cudaError_t refusal = cudaSuccess;
  std::string why = {};  // the refusal in words: "it holds machine code only"
};

// `data` is the wrapper that nvcc registers, or the fat binary itself.
Image read_fat_binary(const void* data);

// PTX text that ends with a null character, or a fat binary; ELF is refused.
Image read_code(const void* code);

}  // namespace emulator
