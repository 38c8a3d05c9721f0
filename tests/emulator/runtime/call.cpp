#include "runtime/call.h"

#include <chrono>
#include <cstdio>
#include <new>
#include <set>
#include <string_view>

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
  require(injected == cudaSuccess, injected);
  if (needs == Needs::nothing) return body(state);
  require(!state.devices.empty(), cudaErrorNoDevice);
  const cudaError_t before = current_device(state).fault;
  require(before == cudaSuccess, before);
  body(state);
  // Work that the call waited for may have failed.
  const cudaError_t after = current_device(state).fault;
  require(after == cudaSuccess, after);
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

cudaError_t call_with(const char* function, Needs needs,
                      const std::function<void(Context&)>& body) {
  if (thread_state().is_in_library) return cudaErrorNotPermitted;  // it has the lock
  Context& state = context();
  const std::lock_guard lock(state.mutex);
  const HostTime time(state.host_time);
  cudaError_t error = cudaSuccess;
  try {
    run_body(state, function, needs, body);
  } catch (const Failure& failure) {
    error = failure.error;
  } catch (const ModuleError& refused) {
    std::fprintf(stderr, "emulator: PTX that is refused: %s\n", refused.text.c_str());
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
  static std::set<std::string_view> told;
  return call_without_device(function, [&](Context&) {
    if (told.insert(function).second)
      std::fprintf(stderr, "emulator: %s is not emulated\n", function);
    throw Failure{cudaErrorNotSupported};
  });
}

Device& current_device(Context& state) {
  return state.devices[static_cast<std::size_t>(thread_state().device)];
}

}  // namespace emulator
