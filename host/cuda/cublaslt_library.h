// cuBLASLt's functions, and its handles.
#pragma once

#include <cublasLt.h>

#include <string_view>

#include "host/cuda/libraries.h"

namespace tendon::cuda {

LibraryKind cublaslt_library();

// The functions that are used.
struct CublasLt {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtGetStatusName) status_name;
  decltype(&cublasLtGetStatusString) status_text;
  decltype(&cublasLtMatrixLayoutCreate) create_layout;
  decltype(&cublasLtMatrixLayoutDestroy) destroy_layout;
  decltype(&cublasLtMatrixLayoutSetAttribute) set_layout;
  decltype(&cublasLtMatmulDescInit_internal) init_operation;
  decltype(&cublasLtMatmulDescSetAttribute) set_operation;
  decltype(&cublasLtMatmulPreferenceInit_internal) init_preference;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference;
  decltype(&cublasLtMatmulAlgoGetHeuristic) find_algorithm;
  decltype(&cublasLtMatmul) matmul;
};

// Opened at the first call; stays open. Throws DeviceError where there is none.
const CublasLt& cublaslt();

// Throws what a failed call of the library means: OutOfMemory, else DeviceError.
void check_status(cublasStatus_t status, const char* call, std::string_view what);

// The device's: one for all threads.
cublasLtHandle_t handle_of(int device);

}  // namespace tendon::cuda
