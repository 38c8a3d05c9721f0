#include "host/cuda/cublaslt_library.h"

#include <dlfcn.h>

#include <map>
#include <mutex>

#include "host/cuda/runtime.h"
#include "host/support/text.h"

namespace tendon::cuda {
namespace {

int major_of(void* library) {
  auto* const version =
      reinterpret_cast<decltype(&cublasLtGetVersion)>(dlsym(library, "cublasLtGetVersion"));
  return version != nullptr ? static_cast<int>(version() / 10000) : 0;
}

// Stays open.
CublasLt open() {
  static auto* const library = new OpenLibrary(open_library(
      cublaslt_library(),
      {.named = "", .folders = library_folders(cublaslt_library(), surroundings())},
      "matrix products on a CUDA device need cuBLASLt of version 13, which is not found. It is "
      "part "
      "of the CUDA toolkit 13, and of the packages libcublas-13-0 (apt) and nvidia-cublas (pip). "
      "Looked for"));
  CublasLt lt;
  const auto find = [](const char* name, auto& function) {
    void* found = dlsym(library->handle(), name);
    if (found == nullptr) {
      throw DeviceError(
          fmt::format("{} lacks the function {}: tendon needs CUDA 13", library->path(), name));
    }
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
  };
  find("cublasLtCreate", lt.create);
  find("cublasLtGetStatusName", lt.status_name);
  find("cublasLtGetStatusString", lt.status_text);
  find("cublasLtMatrixLayoutCreate", lt.create_layout);
  find("cublasLtMatrixLayoutDestroy", lt.destroy_layout);
  find("cublasLtMatrixLayoutSetAttribute", lt.set_layout);
  find("cublasLtMatmulDescInit_internal", lt.init_operation);
  find("cublasLtMatmulDescSetAttribute", lt.set_operation);
  find("cublasLtMatmulPreferenceInit_internal", lt.init_preference);
  find("cublasLtMatmulPreferenceSetAttribute", lt.set_preference);
  find("cublasLtMatmulAlgoGetHeuristic", lt.find_algorithm);
  find("cublasLtMatmul", lt.matmul);
  return lt;
}

}  // namespace

LibraryKind cublaslt_library() {
  return {.name = "cuBLASLt", .file = "libcublasLt.so", .package = "cublas", .major_of = major_of};
}

const CublasLt& cublaslt() {
  static const CublasLt lt = open();
  return lt;
}

void check_status(cublasStatus_t status, const char* call, std::string_view what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const CublasLt& lt = cublaslt();
  const std::string text = fmt::format("{}: {} failed: {} ({})", what, call, lt.status_name(status),
                                       lt.status_text(status));
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw OutOfMemory(text, 0, 0, -1);
  // What the library met with says more.
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess)
    fail(error, "a call of the library", text);
  throw DeviceError(text, status);
}

// Never destroyed: as a process ends, the driver may be gone before.
cublasLtHandle_t handle_of(int device) {
  static std::mutex mutex;
  static auto* handles = new std::map<int, cublasLtHandle_t>;
  const std::scoped_lock lock(mutex);
  cublasLtHandle_t& handle = (*handles)[device];
  if (handle == nullptr) {
    const DeviceScope scope(device);
    const std::scoped_lock no_capture(capture_mutex());  // it allocates
    check_status(cublaslt().create(&handle), "cublasLtCreate", fmt::format("cuda:{}", device));
  }
  return handle;
}

}  // namespace tendon::cuda
