// Generated kernels, compiled: in memory by their text, and on disk for the processes to come.
#pragma once

#include <tendon/precompile.h>

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/cuda/runtime.h"

namespace tendon::cuda {

// A kernel of one extern "C" function, in CUDA C++ as host/cuda/generate.h writes it. It may
// include the headers of kernels/jit/ by name ("tendon/scalar.cuh"), which are part of the library.
struct KernelText {
  std::string name;  // of the function
  std::string text;
  // Blocks that a multiprocessor is to hold at once, as the text says; 0: it does not. Where its
  // registers would be spilled for them, it is compiled for fewer.
  int resident_blocks = 0;
};

// A kernel on a device. Lives as long as someone holds it.
class CompiledKernel {
 public:
  cudaKernel_t kernel() const { return kernel_; }
  const std::string& name() const { return name_; }
  int register_count() const { return register_count_; }
  int spilled_bytes() const { return spilled_bytes_; }  // local memory a thread
  int blocks_per_multiprocessor(int threads, std::size_t dynamic_shared_bytes) const;

 private:
  friend class KernelCache;
  std::string name_;
  LibraryHandle library_;
  cudaKernel_t kernel_ = nullptr;
  int register_count_ = 0;
  int spilled_bytes_ = 0;
};

using Report = std::function<void(const CompileProgress&)>;

// Of one device. Thread-safe: two threads that ask for the same kernel compile it once.
class KernelCache {
 public:
  // For `architecture` 90 and so on; where NVRTC does not know it, its newest PTX is loaded.
  KernelCache(int device, int architecture);

  // The kernels, in the order of the texts; those that are missing are compiled in parallel. Throws
  // CompileError with the text and NVRTC's log.
  std::vector<std::shared_ptr<const CompiledKernel>> get(std::span<const KernelText> texts);

  std::int64_t compiled_count() const;
  std::int64_t from_disk_count() const;
  void set_progress(Report report);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Fills the cache on disk for an architecture that need not be present; in parallel, with one
// report at a time. Throws CompileError for one that does not compile, when the others are done.
void precompile(std::span<const KernelText> texts, int architecture, const Report& report = {});

}  // namespace tendon::cuda
