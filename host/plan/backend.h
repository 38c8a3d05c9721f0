// Backend: what a kind of device does for the rooms above it. Each room of a device has one.
#pragma once

#include <tendon/backend.h>
#include <tendon/device.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/plan/plan.h"
#include "kernels/reachability.cuh"

namespace tendon::plan {

// A plan made ready to run on one device.
class Program {
 public:
  explicit Program(Plan plan) : plan_(std::move(plan)) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  virtual ~Program() = default;
  const Plan& plan() const { return plan_; }
  const std::vector<StageCost>& costs() const;  // of its stages; found when first asked for
  // Kernels and library calls of a run: one a stage, where the device has no more to say.
  virtual std::int64_t launch_count() const {
    return static_cast<std::int64_t>(plan_.stages.size());
  }
  PlanSummary summary() const;

 private:
  Plan plan_;
  mutable std::once_flag costs_found_;
  mutable std::vector<StageCost> costs_;
};

// What comes out of a run only when it has ended, after execute() has returned: that it met an
// index out of range. A value that this concerns keeps the outcome of the run that computed it.
class Outcome {
 public:
  Outcome() = default;
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;
  virtual ~Outcome() = default;
  // Throws what the run met, or one that it read from; again each time. What is not known yet is
  // not thrown: it is known once something has waited for the run.
  virtual void check() const = 0;
};

class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  // Memory for values, 64-byte aligned, not initialised. OutOfMemory where there is none. `what`
  // says for what, for the message.
  virtual void* allocate(std::size_t bytes, const char* op, Place place) = 0;
  virtual void deallocate(void* memory, std::size_t bytes) noexcept = 0;
  // As tendon::empty_cache and tendon::set_allocator; the allocator has both functions or none.
  virtual void empty_cache() = 0;
  virtual void set_allocator(Allocator allocator) = 0;
  virtual void copy_from_host(void* destination, const void* source, std::size_t bytes) = 0;
  virtual void copy_to_host(void* destination, const void* source, std::size_t bytes) = 0;

  // Runs the one reachability function (kernels/reachability.cuh) over a tape's adjacency: for each
  // node, `word_count` words with the bits of the sources for which its backward is needed. Waits
  // for that and nothing else. From any number of threads at once.
  virtual std::vector<std::uint64_t> needed_backward(const kernels::Adjacency& graph,
                                                     std::uint32_t word_count,
                                                     std::span<const kernels::SourceNode> sources,
                                                     std::span<const std::uint32_t> targets) = 0;

  // What plans for this device are made by.
  virtual const DeviceTraits& traits() const noexcept = 0;
  virtual std::unique_ptr<Program> prepare(Plan plan) = 0;
  // Computes the plan's outputs from its inputs, in stream order; each span holds a pointer for
  // each of the tape's inputs, or targets, with room for it. Outputs overlap nothing. From any
  // number of threads at once. `numbers`: a tape of the plan's structure, whose constants' numbers
  // and random keys this run takes, and whose places its errors name. `before`: the outcomes of the
  // runs that computed the inputs, where there are any. Gives the outcome; null where it is none
  // but that of this call, as on the CPU.
  virtual std::shared_ptr<const Outcome> execute(
      const Program& program, const Tape& numbers, std::span<const void* const> inputs,
      std::span<void* const> outputs, Stream stream,
      std::span<const std::shared_ptr<const Outcome>> before = {}) = 0;
  // Waits for all runs; throws what the first of them met that nobody has been told of.
  virtual void synchronize() = 0;
  // The name of the device whose memory an address lies in that a caller hands in; empty where it
  // is this device's, or cannot be known.
  virtual std::string elsewhere(const void* address) const = 0;

  // Counts what the rooms above do: a plan built, or found in the cache; a value read by the
  // caller.
  virtual void count_plan_built() noexcept = 0;
  virtual void count_plan_found() noexcept = 0;
  virtual void count_host_read() noexcept = 0;
  virtual Counters counters() const noexcept = 0;
};

}  // namespace tendon::plan
