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
#include "host/cuda/index_check.h"
#include "host/cuda/kernel_cache.h"
#include "host/cuda/memory.h"
#include "host/plan/backend.h"

namespace tendon::cuda {

struct KernelLaunch {
  std::shared_ptr<const CompiledKernel> kernel;
  Ref value;  // that it writes, or that comes of what it writes
  std::vector<Field> fields;
  std::uint32_t blocks = 1;
  std::uint32_t threads = 256;
};
// Work of a library (cuBLASLt, CUB), which the graph captures: its addresses are fixed there, and a
// run with others takes another graph.
struct LibraryLaunch {
  Ref value;
  std::vector<Field> fields;  // addresses; a word of 0 is null
  // Enqueues it on a stream that captures, with the fields' addresses in their order.
  std::function<void(std::span<void* const> addresses, cudaStream_t stream)> enqueue;
};
struct CopyLaunch {
  Ref value;
  std::uint32_t output = 0;
};
using Launch = std::variant<KernelLaunch, LibraryLaunch, CopyLaunch>;
// "exp at fit.cpp:41, in the kernel pointwise_…": for errors.
std::string text(const Launch& launch, const Tape& tape);

struct Launches {
  std::vector<Launch> launches;
};

class CudaProgram final : public plan::Program, private Memory::Keeper {
 public:
  CudaProgram(plan::Plan plan, int device, KernelCache& kernels, Memory& memory);
  ~CudaProgram() override;

  // What is launched if every input and output is a multiple of 16 bytes, or not.
  const Launches& launches(bool is_aligned) const;
  std::int64_t launch_count() const override;
  std::int64_t arena_bytes() const { return arena_bytes_; }  // with what libraries need
  std::span<const IndexedOp> indexed_ops() const { return indexed_ops_; }  // in their order
  void* literal(Ref value) const { return literals_[value.id].data(); }
  // Its launches for a person, for errors that show only after a run.
  const std::shared_ptr<const std::string>& text() const { return text_; }

  // Its graphs, each with an arena of its own.
  struct Instances;
  Instances& instances() const { return *instances_; }
  Memory& memory() const { return memory_; }

 private:
  void make_ready();  // again where it threw before
  Launches prepare(bool is_aligned) const;
  void give_back() noexcept override;  // the lanes that no thread has taken

  int device_;
  KernelCache& kernels_;
  Memory& memory_;
  std::vector<PreparedContraction> products_;  // of the contract stages, in their order
  std::vector<IndexedOp> indexed_ops_;
  std::int64_t arena_bytes_ = 0;
  std::vector<Block> literals_;  // by id; empty where none
  std::shared_ptr<const std::string> text_;
  mutable std::mutex mutex_;
  mutable std::array<std::optional<Launches>, 2> launches_;
  std::unique_ptr<Instances> instances_;  // goes before what it uses
};

}  // namespace tendon::cuda
