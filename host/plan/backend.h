// Backend: what a kind of device does for the rooms above it. host/cpu and host/cuda each have one.
#pragma once

#include <tendon/backend.h>
#include <tendon/device.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "host/plan/plan.h"

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

 private:
  Plan plan_;
  mutable std::once_flag costs_found_;
  mutable std::vector<StageCost> costs_;
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
  virtual void copy_from_host(void* destination, const void* source, std::size_t bytes) = 0;
  virtual void copy_to_host(void* destination, const void* source, std::size_t bytes) = 0;

  virtual std::unique_ptr<Program> prepare(Plan plan) = 0;
  // Computes the plan's outputs from its inputs, in stream order; each span holds a pointer for
  // each of the tape's inputs, or targets, with room for it. Outputs overlap nothing. From any
  // number of threads at once. `numbers`: a tape of the plan's structure, whose constants' numbers
  // and random keys this run takes.
  virtual void execute(const Program& program, const Tape& numbers,
                       std::span<const void* const> inputs, std::span<void* const> outputs,
                       Stream stream) = 0;
  virtual void synchronize() = 0;

  // Counts what the rooms above do: a plan built, or found in the cache; a value read by the
  // caller.
  virtual void count_plan_built() noexcept = 0;
  virtual void count_plan_found() noexcept = 0;
  virtual void count_host_read() noexcept = 0;
  virtual Counters counters() const noexcept = 0;
};

}  // namespace tendon::plan
