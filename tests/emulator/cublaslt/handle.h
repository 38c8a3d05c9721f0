// The library's handle, and what every call with one checks.
#pragma once

#include <cuda_runtime_api.h>

#include "cublaslt/refusal.h"

struct cublasLtContext {
  int device;  // the one that was current when it was made
};

namespace emulator::cublaslt {

inline void check_handle(cublasLtHandle_t handle) {
  if (handle == nullptr) throw refusal(CUBLAS_STATUS_NOT_INITIALIZED, "the handle is null");
}

// A handle is tied to the device that was current when it was made.
inline void check_device(cublasLtHandle_t handle) {
  int device = 0;
  if (cudaGetDevice(&device) != cudaSuccess || device != handle->device) {
    throw invalid("the handle is of device ", handle->device, ", the current one is ", device);
  }
}

}  // namespace emulator::cublaslt
