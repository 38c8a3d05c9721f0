// NVRTC, CUDA's run-time compiler, opened at first use. Needs no device.
#pragma once

#include <nvrtc.h>

#include <span>
#include <string>
#include <vector>

#include "host/cuda/kernel_cache.h"
#include "host/cuda/libraries.h"

namespace tendon::cuda {

// What a kernel is compiled for.
struct Target {
  int architecture = 90;
  bool is_ptx = false;     // what the driver makes machine code of, instead of machine code
  bool has_lines = false;  // for profilers

  friend bool operator==(const Target&, const Target&) = default;
};

struct MachineCode {
  std::vector<char> bytes;  // a cubin; PTX with its terminating 0
  int register_count = 0;   // of PTX not known: 0
  int spilled_bytes = 0;    // stored to local memory for want of registers, a thread
  int shared_bytes = 0;     // a block
  int barrier_count = 0;    // a block, of a multiprocessor's
};

// The architecture itself where the compiler knows it, else PTX of the newest that it knows before
// it. `known` is ascending; empty: not known, which knows all. The variables TENDON_PTX and
// TENDON_LINEINFO, where they are 1, ask for PTX and for lines. Throws DeviceError for an
// architecture older than tendon's kernels need.
Target target_for(int architecture, std::span<const int> known);

// The compiler's options for a target; the same for every kernel.
std::vector<std::string> compile_options(const Target& target);

LibraryKind nvrtc_library();

class Nvrtc {
 public:
  // Throws DeviceError that says what is missing and how to get it.
  explicit Nvrtc(const LibraryPlaces& places);
  Nvrtc(const Nvrtc&) = delete;
  Nvrtc& operator=(const Nvrtc&) = delete;

  // The process's: the library that TENDON_NVRTC names, else the first of host/cuda/libraries.h's
  // places. Throws again at each call as long as there is none.
  static const Nvrtc& instance();

  int version() const { return version_; }  // 1000 major + 10 minor, as CUDA_VERSION

  std::span<const int> architectures() const { return architectures_; }  // ascending

  // Throws CompileError with the text and the compiler's log.
  MachineCode compile(const KernelText& kernel, const Target& target) const;

 private:
  MachineCode compile(const KernelText& kernel, const std::vector<std::string>& options,
                      const Target& target) const;
  OpenLibrary library_;
  int version_ = 0;
  std::vector<int> architectures_;
  decltype(&nvrtcGetErrorString) error_string_ = nullptr;
  decltype(&nvrtcCreateProgram) create_ = nullptr;
  decltype(&nvrtcDestroyProgram) destroy_ = nullptr;
  decltype(&nvrtcCompileProgram) compile_ = nullptr;
  decltype(&nvrtcGetProgramLogSize) log_size_ = nullptr;
  decltype(&nvrtcGetProgramLog) log_ = nullptr;
  decltype(&nvrtcGetCUBINSize) cubin_size_ = nullptr;
  decltype(&nvrtcGetCUBIN) cubin_ = nullptr;
  decltype(&nvrtcGetPTXSize) ptx_size_ = nullptr;
  decltype(&nvrtcGetPTX) ptx_ = nullptr;
};

}  // namespace tendon::cuda
