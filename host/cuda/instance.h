// A program's launches as a CUDA graph with an arena of its own, and the pool of them: one for each
// run that is under way.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "host/cuda/program.h"

namespace tendon::cuda {

// What a run gives: where its boundary values lie, and its numbers.
struct Boundary {
  const Tape& numbers;
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
};

class Instance {
 public:
  // Builds the graph for the boundary's addresses.
  Instance(const CudaProgram& program, bool is_aligned, const Boundary& boundary);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Whether it can be launched with these addresses: kernels' and copies' can be changed, a
  // library's were fixed when it was captured.
  bool fits(bool is_aligned, const Boundary& boundary) const;
  // On a stream; waits there for its last run, if that was on another. `launches`: kernels,
  // libraries' work and copies that it makes.
  void run(const Boundary& boundary, cudaStream_t stream);
  bool is_idle() const;  // its last run has ended
  cudaStream_t stream() const { return stream_; }
  std::int64_t launch_count() const { return static_cast<std::int64_t>(launches_.launches.size()); }

  bool is_taken = false;  // by a thread that runs it now

 private:
  void* address(Ref value, const Boundary& boundary) const;
  std::uint64_t word(const Field& field, const Boundary& boundary) const;
  void fill(std::span<const Field> fields, const Boundary& boundary,
            std::vector<std::uint64_t>& words) const;
  void add_kernel(const KernelLaunch& launch, const Boundary& boundary);
  void add_library(const LibraryLaunch& launch, const Boundary& boundary);
  void add_copy(const CopyLaunch& launch, const Boundary& boundary);
  cudaKernelNodeParams parameters(const KernelLaunch& launch, void** arguments) const;

  const CudaProgram& program_;
  bool is_aligned_;
  const Launches& launches_;
  void* arena_ = nullptr;
  GraphHandle graph_;
  GraphExecHandle exec_;
  EventHandle done_;
  cudaStream_t stream_ = nullptr;
  bool has_run_ = false;
  std::vector<cudaGraphNode_t> last_;  // what the next node waits for
  struct Node {
    const Launch* launch;
    cudaGraphNode_t node;
    std::vector<std::uint64_t> words;  // of a kernel, as set last; of a library, as captured
    const void* from = nullptr;        // of a copy
    void* into = nullptr;
  };
  std::vector<Node> nodes_;
};

struct CudaProgram::Instances {
  std::mutex mutex;
  std::list<std::unique_ptr<Instance>> all;  // used most recently first
};

// Runs the program on the stream with an instance that is free, or a new one. Gives its launches.
std::int64_t run(const CudaProgram& program, const Boundary& boundary, cudaStream_t stream);

}  // namespace tendon::cuda
