// What the room needs of the CUDA runtime: its errors as tendon's, and handles that end themselves.
#pragma once

#include <cuda_runtime_api.h>
#include <tendon/error.h>

#include <utility>

namespace tendon::cuda {

// Throws what a failed call means: OutOfMemory, else DeviceError with the code; `what` says what
// was being done ("compiling the kernel pointwise_…"). A sticky error says that the process has to
// be started anew.
void check(cudaError_t status, const char* call, const char* what = nullptr);

#define TENDON_CUDA_CHECK(call) ::tendon::cuda::check((call), #call)

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
    if (handle_ != nullptr) kDestroy(handle_);
  }
  T get() const { return handle_; }
  T* put() { return &handle_; }

 private:
  T handle_ = nullptr;
};
using StreamHandle = Handle<cudaStream_t, cudaStreamDestroy>;
using EventHandle = Handle<cudaEvent_t, cudaEventDestroy>;
using GraphHandle = Handle<cudaGraph_t, cudaGraphDestroy>;
using GraphExecHandle = Handle<cudaGraphExec_t, cudaGraphExecDestroy>;
using LibraryHandle = Handle<cudaLibrary_t, cudaLibraryUnload>;

}  // namespace tendon::cuda
