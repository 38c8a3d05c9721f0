#include "runtime/call.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <new>
#include <string_view>

#include "runtime/idle.h"

namespace emulator {
namespace {

enum class Needs { nothing, device };

// Adds the time until its end to a sum.
class HostTime {
 public:
  explicit HostTime(std::chrono::nanoseconds& sum) : sum_(sum) {}
  HostTime(const HostTime&) = delete;
  HostTime& operator=(const HostTime&) = delete;
  ~HostTime() { sum_ += std::chrono::steady_clock::now() - begin_; }

 private:
  std::chrono::nanoseconds& sum_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

void run_body(Context& state, const char* function, Needs needs,
              const std::function<void(Context&)>& body) {
  // Documented: a host function must not call the runtime.
  require(!thread_state().is_in_host_function, cudaErrorNotPermitted);
  const cudaError_t injected = state.fail_points.count(function);
  if (injected != cudaSuccess) throw Failure{.error = injected, .is_callers = false};
  if (needs == Needs::nothing) return body(state);
  require(!state.devices.empty(), cudaErrorNoDevice);
  const cudaError_t before = current_device(state).fault;
  if (before != cudaSuccess) throw Failure{.error = before, .is_callers = false};
  body(state);
  // Work that the call waited for may have failed.
  const cudaError_t after = current_device(state).fault;
  if (after != cudaSuccess) throw Failure{.error = after, .is_callers = false};
}

cudaError_t error_of(ModuleError::Kind kind) {
  switch (kind) {
    case ModuleError::Kind::malformed: return cudaErrorInvalidPtx;
    case ModuleError::Kind::newer_language: return cudaErrorUnsupportedPtxVersion;
    case ModuleError::Kind::other_device: return cudaErrorNoKernelImageForDevice;
    case ModuleError::Kind::no_memory: return cudaErrorMemoryAllocation;
  }
  return cudaErrorInvalidPtx;
}

void note_refusal(Findings& findings, std::string_view function, const std::string& what) {
  if (function.starts_with("cudaLibraryLoad"))
    findings.refuse_load(what);
  else
    findings.refuse(what);
}

// Those whose failure means that work the program counts on was not done.
bool is_watched(std::string_view function) {
  constexpr std::string_view kWatched[] = {"cudaFree",   "cudaLaunch",      "__cudaLaunch",
                                           "cudaMemcpy", "cudaGraphLaunch", "cudaMemset"};
  return std::any_of(std::begin(kWatched), std::end(kWatched),
                     [&](std::string_view begin) { return function.starts_with(begin); });
}

cudaError_t call_with(const char* function, Needs needs,
                      const std::function<void(Context&)>& body) {
  if (thread_state().is_in_library) return cudaErrorNotPermitted;  // it has the lock
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  const HostTime time(state.host_time);
  const CallInProgress in_progress;
  cudaError_t error = cudaSuccess;
  try {
    run_body(state, function, needs, body);
  } catch (const Failure& failure) {
    error = failure.error;
    if (!failure.refusal.empty())
      note_refusal(state.findings, function, failure.refusal);
    else if (failure.is_callers && is_watched(function))
      state.findings.fail_call(std::string(function) + " gave " + cudaGetErrorName(error) +
                               ", and cudaGetLastError was not called after it");
  } catch (const ModuleError& refused) {
    note_refusal(state.findings, function, "PTX: " + refused.text);
    error = error_of(refused.kind);
  } catch (const std::bad_alloc&) {
    error = cudaErrorMemoryAllocation;
  }
  if (error != cudaSuccess) thread_state().last_error = error;
  return error;
}

}  // namespace

cudaError_t call(const char* function, const std::function<void(Context&)>& body) {
  return call_with(function, Needs::device, body);
}

cudaError_t call_without_device(const char* function, const std::function<void(Context&)>& body) {
  return call_with(function, Needs::nothing, body);
}

int refuse_missing(const char* function) {
  const std::string_view name = function;
  const bool is_per_thread = name.ends_with("_ptsz") || name.ends_with("_ptds");
  return call_without_device(function, [&](Context&) {
    throw Failure{cudaErrorNotSupported,
                  std::string(name) + ": not emulated" +
                      (is_per_thread ? "; compile without -default-stream per-thread" : "")};
  });
}

Device& current_device(Context& state) {
  return state.devices[static_cast<std::size_t>(thread_state().device)];
}

}  // namespace emulator
