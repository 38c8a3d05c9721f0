// A program's launches as CUDA graphs with an arena of their own, and the pool of them: one for
// each run that is under way.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "host/cuda/program.h"

namespace tendon::cuda {

// What a run gives: where its boundary values lie, and its numbers.
struct Boundary {
  const Tape& numbers;
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
  IndexFault* faults = nullptr;  // of the program's indexed ops
};

// A stream, and what tells it from one that had the same handle before or has it in another thread.
struct StreamName {
  cudaStream_t stream = nullptr;
  unsigned long long id = 0;
  friend bool operator==(const StreamName&, const StreamName&) = default;
};

// A program's launches as a CUDA graph over one arena.
class Instance {
 public:
  // Built for the boundary's addresses.
  Instance(const CudaProgram& program, bool is_aligned, const Boundary& boundary, void* arena);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Whether it can be launched with these addresses: kernels' and copies' can be changed, a
  // library's were fixed when it was captured.
  bool fits(bool is_aligned, const Boundary& boundary) const;
  void run(const Boundary& boundary, cudaStream_t stream);
  // Kernels, libraries' work and copies that it makes.
  std::int64_t launch_count() const { return static_cast<std::int64_t>(launches_.launches.size()); }

 private:
  void* address(Ref value, const Boundary& boundary) const;
  std::uint64_t word(const Field& field, const Boundary& boundary) const;
  void fill(std::span<const Field> fields, const Boundary& boundary,
            std::vector<std::uint64_t>& words) const;
  void build(const Boundary& boundary);  // the graph, anew
  void add_kernel(const KernelLaunch& launch, const Boundary& boundary);
  void add_library(const LibraryLaunch& launch, const Boundary& boundary);
  void add_copy(const CopyLaunch& launch, const Boundary& boundary);
  static cudaKernelNodeParams parameters(const KernelLaunch& launch, void** arguments);

  const CudaProgram& program_;
  bool is_aligned_;
  const Launches& launches_;
  void* arena_;
  GraphHandle graph_;
  GraphExecHandle exec_;
  std::vector<cudaGraphNode_t> last_;  // what the next node waits for
  struct Node {
    const Launch* launch;
    cudaGraphNode_t node;
    std::vector<std::uint64_t> words;  // of a kernel, as set last; of a library, as captured
    const void* from = nullptr;        // of a copy
    void* into = nullptr;
  };
  std::vector<Node> nodes_;
  std::vector<std::uint64_t> next_words_;  // of the kernel that is being set
};

// An arena, for one run at a time, and the instances over it. A training loop comes with two sets
// of addresses in turn, the variables before a step and after it: an instance for each.
class Lane {
 public:
  explicit Lane(const CudaProgram& program);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // On a stream: that of its last run, or another where that has ended. Gives its launches.
  std::int64_t run(bool is_aligned, const Boundary& boundary, const StreamName& stream);
  bool is_idle() const;  // its last run has ended
  bool ran_on(const StreamName& stream) const { return stream_ == stream; }

  bool is_taken = false;  // by a thread that runs it now

 private:
  Instance& instance(bool is_aligned, const Boundary& boundary);
  void order(const StreamName& stream);

  const CudaProgram& program_;
  Block arena_;
  std::list<Instance> instances_;  // used most recently first
  EventHandle done_;
  std::optional<StreamName> stream_;  // of the last run
};

struct CudaProgram::Instances {
  std::mutex mutex;
  std::list<std::unique_ptr<Lane>> all;  // used most recently first
};

// Runs the program on the stream in a lane that is free, or a new one. Gives its launches.
std::int64_t run(const CudaProgram& program, const Boundary& boundary, cudaStream_t stream);

}  // namespace tendon::cuda
