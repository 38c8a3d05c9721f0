// What the room needs of the CUDA runtime: its errors as tendon's, and handles that end themselves.
#pragma once

#include <cuda_runtime_api.h>
#include <tendon/error.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace tendon::cuda {

// Throws what a failed call means: OutOfMemory, else DeviceError with the code. Of `call` the
// function's name is said; `what` says what was being done ("exp at fit.cpp:41, in the kernel
// pointwise_…"). Errors that may stem from earlier work name what was launched last; a sticky one
// says that a new process is needed.
[[noreturn]] void fail(cudaError_t status, std::string_view call, std::string_view what = {});

inline void check(cudaError_t status, std::string_view call, std::string_view what = {}) {
  if (status != cudaSuccess) fail(status, call, what);
}
// `what` is evaluated only where the call fails.
#define TENDON_CUDA_CHECK_FOR(call, what)                                               \
  do {                                                                                  \
    const cudaError_t tendon_status = (call);                                           \
    if (tendon_status != cudaSuccess) ::tendon::cuda::fail(tendon_status, #call, what); \
  } while (false)
#define TENDON_CUDA_CHECK(call) TENDON_CUDA_CHECK_FOR(call, std::string_view())

// For destructors, and for what is tried again: the error is not found by a later call.
inline void forget(cudaError_t status) noexcept {
  if (status != cudaSuccess) cudaGetLastError();
}

// What was launched last on a device, for the errors that show only later.
void note_launch(int device, const std::shared_ptr<const std::string>& what);

// From here on, a child that this process forks is told so by check_process(): CUDA does not work
// in it.
void watch_forks();
void check_process();  // DeviceError in such a child

// Makes a device the thread's, and gives back the one before.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int before_ = 0;
  bool is_changed_ = false;
};

// A handle and the function that ends it; errors of that are ignored, since it is called in
// destructors.
template <class T, cudaError_t (*kDestroy)(T)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T handle) : handle_(handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() {
    if (handle_ != nullptr) forget(kDestroy(handle_));
  }
  T get() const { return handle_; }
  T* put() { return &handle_; }

 private:
  T handle_ = nullptr;
};
using StreamHandle = Handle<cudaStream_t, cudaStreamDestroy>;
// Of a device; it does not wait for the default one.
StreamHandle make_stream(int device);
using EventHandle = Handle<cudaEvent_t, cudaEventDestroy>;
using GraphHandle = Handle<cudaGraph_t, cudaGraphDestroy>;
using GraphExecHandle = Handle<cudaGraphExec_t, cudaGraphExecDestroy>;
using LibraryHandle = Handle<cudaLibrary_t, cudaLibraryUnload>;

// Held while a stream is captured, by what may not run beside a capture: waiting for a whole
// device, which CUDA refuses, so that the capture is lost; and what makes a library load or
// allocate.
std::mutex& capture_mutex();

}  // namespace tendon::cuda
