// Work of the library on a stream: a value that holds all its parameters, and what to do with it.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <utility>

#include "cublaslt/matrix.h"
#include "cublaslt/refusal.h"
#include "extension.h"

namespace emulator::cublaslt {

// A factor such as alpha: a value on the host, taken at the call, or one on the device, read when
// the work runs.
struct Factor {
  std::int32_t type = CUDA_R_32F;
  double value = 0;
  const void* device = nullptr;

  Factor(std::int32_t scale_type, const void* pointer, bool is_on_device) : type(scale_type) {
    if (is_on_device) {
      device = pointer;
    } else {
      load<double>(type, static_cast<const std::byte*>(pointer), 1, &value, 1);
    }
  }
  // Not so for one on the device, whatever it is.
  bool is_surely_zero() const { return device == nullptr && value == 0; }
  template <typename Real>
  Real get() const {
    if (device == nullptr) return static_cast<Real>(value);
    Real read = 0;
    load<Real>(type, read_bytes(device, 0, element_bytes(type)), 1, &read, 1);
    return read;
  }
};

// Puts `run(work)` on the stream, once or as often as a graph that captures it is launched.
template <typename Work>
void enqueue(cudaStream_t stream, const char* name, Work work) {
  const auto run = [](void* data) {
    try {
      execute(*static_cast<const Work*>(data));
    } catch (const Untouchable&) {
      // The report of it is made.
    }
  };
  const auto release = [](void* data) { delete static_cast<Work*>(data); };
  const auto error = emulatorEnqueue(stream, name, run, release,
                                     std::make_unique<Work>(std::move(work)).release());
  if (error != cudaSuccess) {
    throw refusal(CUBLAS_STATUS_EXECUTION_FAILED, "the stream gave error ", error);
  }
}

}  // namespace emulator::cublaslt
