// When work runs: late, once something waits for it, and in any order that is allowed.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "runtime/cuda.h"
#include "runtime/work.h"

namespace emulator {

struct Context;

// The run of a piece of work; see Work::run.
using Run = std::function<bool(const WorkPointer&)>;

struct NewWork {
  int device = 0;
  Chain chain = 0;
  std::string description;
  Run run;
  bool from_graph = false;
  Time enqueued_at = 0;
};

// At the end of its chain, after `after` (null pointers are left out) and all that `base` has seen.
WorkPointer add_work(Context& context, NewWork work, std::span<const WorkPointer> after,
                     const Clock& base = {});

// Runs one of the ready pieces, drawn at random from those of all streams; false where none is
// ready.
bool run_one(Context& context);

// Runs work until this piece is done, and notes that the host has waited for it. Null is done.
void wait_for(Context& context, const WorkPointer& work);

// The host has seen that it is done, which is as good as having waited.
void note_done(Context& context, const WorkPointer& work);

// The device failed: its work will not run, and each later call gives the error.
void fail_device(Context& context, int device, cudaError_t error);
// The unfinished work of the device will do nothing.
void drop_work(Context& context, int device);

}  // namespace emulator
