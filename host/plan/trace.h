// A trace of what runs: with TENDON_TRACE=FILE in the environment, each plan and each of its
// stages, with time and bytes, as JSON that Perfetto (ui.perfetto.dev) and chrome://tracing show.
#pragma once

#include <chrono>
#include <cstdint>

#include "host/plan/backend.h"

namespace tendon::plan {

class Trace {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // None unless it is asked for. The file is complete after the program's end; one that cannot be
  // written is said on stderr, once, and nothing else is hindered by it.
  static Trace* from_environment();

  static Time now() { return std::chrono::steady_clock::now(); }
  virtual void stage(const Program& program, std::size_t index, Time begin, Time end) = 0;
  virtual void plan(const Program& program, Time begin, Time end) = 0;

 protected:
  ~Trace() = default;
};

}  // namespace tendon::plan
