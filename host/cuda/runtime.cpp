#include "host/cuda/runtime.h"

#include <fmt/format.h>

#include <algorithm>

namespace tendon::cuda {
namespace {

// After these the process can do nothing more with any device.
constexpr cudaError_t kSticky[] = {
    cudaErrorIllegalAddress,     cudaErrorLaunchFailure,
    cudaErrorLaunchTimeout,      cudaErrorAssert,
    cudaErrorMisalignedAddress,  cudaErrorInvalidAddressSpace,
    cudaErrorIllegalInstruction, cudaErrorHardwareStackError,
    cudaErrorInvalidPc,          cudaErrorECCUncorrectable,
};

}  // namespace

void check(cudaError_t status, const char* call, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // so that it is not found again by a later call, unless it is sticky
  std::string message =
      fmt::format("{} failed: {} ({})", call, cudaGetErrorName(status), cudaGetErrorString(status));
  if (what != nullptr) message += fmt::format(", {}", what);
  if (status == cudaErrorMemoryAllocation) throw OutOfMemory(message, 0, 0, -1);
  if (std::ranges::find(kSticky, status) != std::end(kSticky)) {
    message += "; no call to CUDA succeeds from here on: the process has to be started anew";
  }
  throw DeviceError(message, static_cast<int>(status));
}

DeviceScope::DeviceScope(int device) {
  TENDON_CUDA_CHECK(cudaGetDevice(&before_));
  if (before_ == device) return;
  TENDON_CUDA_CHECK(cudaSetDevice(device));
  is_changed_ = true;
}

DeviceScope::~DeviceScope() {
  if (is_changed_) cudaSetDevice(before_);
}

}  // namespace tendon::cuda
