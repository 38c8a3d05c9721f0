// Handles, versions, the names of statuses, logging; and the functions that are not emulated.
#include <cuda_runtime_api.h>

#include <atomic>
#include <string>

#include "cublaslt/handle.h"
#include "extension.h"

namespace {

struct StatusText {
  cublasStatus_t status;
  const char *name, *text;
};

constexpr StatusText kStatusTexts[] = {
    {CUBLAS_STATUS_SUCCESS, "CUBLAS_STATUS_SUCCESS", "success"},
    {CUBLAS_STATUS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED",
     "the library was not initialized"},
    {CUBLAS_STATUS_ALLOC_FAILED, "CUBLAS_STATUS_ALLOC_FAILED", "the resource allocation failed"},
    {CUBLAS_STATUS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE",
     "an unsupported value or parameter was passed to the function"},
    {CUBLAS_STATUS_ARCH_MISMATCH, "CUBLAS_STATUS_ARCH_MISMATCH",
     "the function requires an architectural feature absent from the device"},
    {CUBLAS_STATUS_MAPPING_ERROR, "CUBLAS_STATUS_MAPPING_ERROR",
     "an access to GPU memory space failed"},
    {CUBLAS_STATUS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED",
     "the function failed to launch on the GPU"},
    {CUBLAS_STATUS_INTERNAL_ERROR, "CUBLAS_STATUS_INTERNAL_ERROR", "an internal operation failed"},
    {CUBLAS_STATUS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED",
     "the requested functionality is not supported"},
    {CUBLAS_STATUS_LICENSE_ERROR, "CUBLAS_STATUS_LICENSE_ERROR", "the license check failed"},
};

StatusText text_of(cublasStatus_t status) {
  for (const auto& known : kStatusTexts) {
    if (known.status == status) return known;
  }
  return {status, "unrecognized status", "unrecognized status"};
}

cublasStatus_t missing(const std::string& function) {
  emulatorRefuse((function + ": not emulated").c_str());
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

std::atomic<std::size_t> heuristics_cache_capacity = 8192;  // there is no cache to speak of

}  // namespace

using namespace emulator::cublaslt;

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  return guarded(__func__, [&] {
    if (handle == nullptr) throw invalid("nowhere to write the handle");
    int device = 0;
    if (cudaGetDevice(&device) != cudaSuccess) {
      throw refusal(CUBLAS_STATUS_NOT_INITIALIZED, "there is no device");
    }
    *handle = new cublasLtContext{device};
  });
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  return guarded(__func__, [&] {
    if (handle == nullptr) throw invalid("the handle is null");
    delete handle;
  });
}

const char* cublasLtGetStatusName(cublasStatus_t status) { return text_of(status).name; }
const char* cublasLtGetStatusString(cublasStatus_t status) { return text_of(status).text; }

size_t cublasLtGetVersion() { return CUBLAS_VERSION; }
size_t cublasLtGetCudartVersion() { return CUDART_VERSION; }

cublasStatus_t cublasLtGetProperty(libraryPropertyType type, int* value) {
  return guarded(__func__, [&] {
    if (value == nullptr) throw invalid("nowhere to write the value");
    switch (type) {
      case MAJOR_VERSION: *value = CUBLAS_VER_MAJOR; return;
      case MINOR_VERSION: *value = CUBLAS_VER_MINOR; return;
      case PATCH_LEVEL: *value = CUBLAS_VER_PATCH; return;
      default: throw invalid("there is no property ", static_cast<int>(type));
    }
  });
}

cublasStatus_t cublasLtHeuristicsCacheGetCapacity(size_t* capacity) {
  return guarded(__func__, [&] {
    if (capacity == nullptr) throw invalid("nowhere to write the capacity");
    *capacity = heuristics_cache_capacity;
  });
}

cublasStatus_t cublasLtHeuristicsCacheSetCapacity(size_t capacity) {
  heuristics_cache_capacity = capacity;
  return CUBLAS_STATUS_SUCCESS;
}

// Logging is accepted and does nothing: what is refused is always said on stderr.
cublasStatus_t cublasLtLoggerSetCallback(cublasLtLoggerCallback_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtLoggerSetFile(FILE*) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtLoggerOpenFile(const char*) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtLoggerSetMask(int) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtLoggerForceDisable() { return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasLtLoggerSetLevel(int level) {
  return guarded(__func__, [&] {
    if (level < 0 || level > 5) throw invalid("there is no level ", level);
  });
}

cublasStatus_t cublasLtMatmulAlgoCapGetAttribute(const cublasLtMatmulAlgo_t*,
                                                 cublasLtMatmulAlgoCapAttributes_t, void*, size_t,
                                                 size_t*) {
  return missing(__func__);
}

cublasStatus_t cublasLtEmulationDescInit_internal(cublasLtEmulationDesc_t, size_t) {
  return missing(__func__);
}

cublasStatus_t cublasLtEmulationDescCreate(cublasLtEmulationDesc_t*) { return missing(__func__); }
cublasStatus_t cublasLtEmulationDescDestroy(cublasLtEmulationDesc_t) { return missing(__func__); }

cublasStatus_t cublasLtEmulationDescSetAttribute(cublasLtEmulationDesc_t,
                                                 cublasLtEmulationDescAttributes_t, const void*,
                                                 size_t) {
  return missing(__func__);
}

cublasStatus_t cublasLtEmulationDescGetAttribute(cublasLtEmulationDesc_t,
                                                 cublasLtEmulationDescAttributes_t, void*, size_t,
                                                 size_t*) {
  return missing(__func__);
}
