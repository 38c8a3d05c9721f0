// A plan made ready for a device: its launches, compiled, in the order in which they run.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "host/cuda/contract.h"
#include "host/cuda/generate.h"
#include "host/cuda/kernel_cache.h"
#include "host/cuda/memory.h"
#include "host/plan/backend.h"

namespace tendon::cuda {

struct KernelLaunch {
  std::shared_ptr<const CompiledKernel> kernel;
  std::vector<Field> fields;
  std::uint32_t blocks = 1;
  std::uint32_t threads = 256;
};
// Work of a library (cuBLASLt, CUB), which the graph captures: its addresses are fixed there, and a
// run with others takes another graph.
struct LibraryLaunch {
  std::vector<Field> fields;  // addresses; a word of 0 is null
  // Enqueues it on a stream that captures, with the fields' addresses in their order.
  std::function<void(std::span<void* const> addresses, cudaStream_t stream)> enqueue;
};
struct CopyLaunch {
  Ref value;
  std::uint32_t output = 0;
};
using Launch = std::variant<KernelLaunch, LibraryLaunch, CopyLaunch>;

struct Launches {
  std::vector<Launch> launches;
};

class CudaProgram final : public plan::Program {
 public:
  CudaProgram(plan::Plan plan, int device, KernelCache& kernels, Memory& memory);
  ~CudaProgram() override;

  // What is launched if every input and output is a multiple of 16 bytes, or not.
  const Launches& launches(bool is_aligned) const;
  std::int64_t arena_bytes() const { return arena_bytes_; }  // with what libraries need
  const void* literal(Ref value) const;

  // Its graphs, each with an arena of its own.
  struct Instances;
  Instances& instances() const { return *instances_; }
  Memory& memory() const { return memory_; }

 private:
  Launches prepare(bool is_aligned) const;

  int device_;
  KernelCache& kernels_;
  Memory& memory_;
  std::vector<PreparedContraction> products_;  // of the contract stages, in their order
  std::int64_t arena_bytes_ = 0;
  std::vector<void*> literals_;  // by id; null where none
  mutable std::mutex mutex_;
  mutable std::array<std::optional<Launches>, 2> launches_;
  std::unique_ptr<Instances> instances_;
};

}  // namespace tendon::cuda
