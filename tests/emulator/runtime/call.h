// The head of every function of the runtime's interface, and how its body fails.
#pragma once

#include <functional>
#include <string>

#include "runtime/context.h"
#include "runtime/cuda.h"

namespace emulator {

// Thrown by the body of a function, or by what it calls; the function returns the error.
struct Failure {
  cudaError_t error;
  std::string refusal = {};  // where a real device would have done it: what, and why not here
  bool is_callers = true;    // else a fault of earlier work, or one that was asked for
};

inline void require(bool is_met, cudaError_t error = cudaErrorInvalidValue) {
  if (!is_met) throw Failure{error};
}

// The same for what is right and not emulated.
inline void require_emulated(bool is_met, const char* what) {
  if (!is_met) throw Failure{cudaErrorNotSupported, std::string(what) + ": not emulated"};
}

// Runs the body with the lock held, unless the call fails at its head: an injected fault, no
// device, a fault that a kernel left on the current device, a call from a host function. What it
// gives is the thread's last error too, where it is one. What is refused becomes a finding.
cudaError_t call(const char* function, const std::function<void(Context&)>& body);

// The same for functions that need no working device.
cudaError_t call_without_device(const char* function, const std::function<void(Context&)>& body);

// What a function that is not emulated does: is refused, and fails.
int refuse_missing(const char* function);

// Of the calling thread.
Device& current_device(Context& context);

}  // namespace emulator
