// The head of every function of the runtime's interface, and how its body fails.
#pragma once

#include <functional>

#include "runtime/context.h"
#include "runtime/cuda.h"

namespace emulator {

// Thrown by the body of a function, or by what it calls; the function returns the error.
struct Failure {
  cudaError_t error;
};

inline void require(bool is_met, cudaError_t error = cudaErrorInvalidValue) {
  if (!is_met) throw Failure{error};
}

// Runs the body with the lock held, unless the call fails at its head: an injected fault, no
// device, a fault that a kernel left on the current device, a call from a host function. What it
// gives is the thread's last error too, where it is one. Of PTX that is refused stderr has the why.
cudaError_t call(const char* function, const std::function<void(Context&)>& body);

// The same for functions that need no working device.
cudaError_t call_without_device(const char* function, const std::function<void(Context&)>& body);

// What a function that is not emulated does: says so once, and fails.
int refuse_missing(const char* function);

// Of the calling thread.
Device& current_device(Context& context);

}  // namespace emulator
