// The errors: a thread's last one, and their names and texts.
#include <utility>

#include "runtime/call.h"

namespace {

struct ErrorText {
  cudaError_t error;
  const char *name, *text;
};

// The texts are the real runtime's, so that a program's messages read as they do there.
#define EMULATOR_ERROR(name, text) \
  { name, #name, text }
constexpr ErrorText kErrors[] = {
    EMULATOR_ERROR(cudaSuccess, "no error"),
    EMULATOR_ERROR(cudaErrorInvalidValue, "invalid argument"),
    EMULATOR_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    EMULATOR_ERROR(cudaErrorInitializationError, "initialization error"),
    EMULATOR_ERROR(cudaErrorCudartUnloading, "driver shutting down"),
    EMULATOR_ERROR(cudaErrorProfilerDisabled,
                   "profiler disabled while using external profiling tool"),
    EMULATOR_ERROR(cudaErrorProfilerNotInitialized,
                   "profiler not initialized: call cudaProfilerInitialize()"),
    EMULATOR_ERROR(cudaErrorProfilerAlreadyStarted, "profiler already started"),
    EMULATOR_ERROR(cudaErrorProfilerAlreadyStopped, "profiler already stopped"),
    EMULATOR_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    EMULATOR_ERROR(cudaErrorInvalidPitchValue, "invalid pitch argument"),
    EMULATOR_ERROR(cudaErrorInvalidSymbol, "invalid device symbol"),
    EMULATOR_ERROR(cudaErrorInvalidHostPointer, "invalid host pointer"),
    EMULATOR_ERROR(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    EMULATOR_ERROR(cudaErrorInvalidTexture, "invalid texture reference"),
    EMULATOR_ERROR(cudaErrorInvalidTextureBinding, "texture is not bound to a pointer"),
    EMULATOR_ERROR(cudaErrorInvalidChannelDescriptor, "invalid channel descriptor"),
    EMULATOR_ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    EMULATOR_ERROR(cudaErrorAddressOfConstant, "invalid address of constant"),
    EMULATOR_ERROR(cudaErrorTextureFetchFailed, "fetch from texture failed"),
    EMULATOR_ERROR(cudaErrorTextureNotBound, "cannot fetch from a texture that is not bound"),
    EMULATOR_ERROR(cudaErrorSynchronizationError, "incorrect use of __syncthreads()"),
    EMULATOR_ERROR(cudaErrorInvalidFilterSetting,
                   "linear filtering not supported for non-float type"),
    EMULATOR_ERROR(cudaErrorInvalidNormSetting,
                   "read as normalized float not supported for data type"),
    EMULATOR_ERROR(cudaErrorMixedDeviceExecution,
                   "device emulation mode and device execution mode cannot be mixed"),
    EMULATOR_ERROR(cudaErrorNotYetImplemented, "feature not yet implemented"),
    EMULATOR_ERROR(cudaErrorMemoryValueTooLarge,
                   "memory size or pointer value too large to fit in 32 bit"),
    EMULATOR_ERROR(cudaErrorStubLibrary, "CUDA driver is a stub library"),
    EMULATOR_ERROR(cudaErrorInsufficientDriver,
                   "CUDA driver version is insufficient for CUDA runtime version"),
    EMULATOR_ERROR(cudaErrorCallRequiresNewerDriver,
                   "API call is not supported in the installed CUDA driver"),
    EMULATOR_ERROR(cudaErrorInvalidSurface, "invalid surface reference"),
    EMULATOR_ERROR(cudaErrorDuplicateVariableName,
                   "duplicate global variable looked up by string name"),
    EMULATOR_ERROR(cudaErrorDuplicateTextureName, "duplicate texture looked up by string name"),
    EMULATOR_ERROR(cudaErrorDuplicateSurfaceName, "duplicate surface looked up by string name"),
    EMULATOR_ERROR(cudaErrorDevicesUnavailable,
                   "CUDA-capable device(s) is/are busy or unavailable"),
    EMULATOR_ERROR(cudaErrorIncompatibleDriverContext, "incompatible driver context"),
    EMULATOR_ERROR(cudaErrorMissingConfiguration, "__global__ function call is not configured"),
    EMULATOR_ERROR(cudaErrorPriorLaunchFailure, "unspecified launch failure in prior launch"),
    EMULATOR_ERROR(cudaErrorLaunchMaxDepthExceeded,
                   "launch would exceed maximum depth of nested launches"),
    EMULATOR_ERROR(cudaErrorLaunchFileScopedTex,
                   "launch failed because kernel uses unsupported, file-scoped textures (texture "
                   "objects are supported)"),
    EMULATOR_ERROR(cudaErrorLaunchFileScopedSurf,
                   "launch failed because kernel uses unsupported, file-scoped surfaces (surface "
                   "objects are supported)"),
    EMULATOR_ERROR(cudaErrorSyncDepthExceeded,
                   "cudaDeviceSynchronize failed because caller's grid depth exceeds "
                   "cudaLimitDevRuntimeSyncDepth"),
    EMULATOR_ERROR(
        cudaErrorLaunchPendingCountExceeded,
        "launch failed because launch would exceed cudaLimitDevRuntimePendingLaunchCount"),
    EMULATOR_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    EMULATOR_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    EMULATOR_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    EMULATOR_ERROR(cudaErrorDeviceNotLicensed, "device doesn't have valid Grid license"),
    EMULATOR_ERROR(cudaErrorSoftwareValidityNotEstablished, "integrity checks failed"),
    EMULATOR_ERROR(cudaErrorStartupFailure, "startup failure in cuda runtime"),
    EMULATOR_ERROR(cudaErrorInvalidKernelImage, "device kernel image is invalid"),
    EMULATOR_ERROR(cudaErrorDeviceUninitialized, "invalid device context"),
    EMULATOR_ERROR(cudaErrorMapBufferObjectFailed, "mapping of buffer object failed"),
    EMULATOR_ERROR(cudaErrorUnmapBufferObjectFailed, "unmapping of buffer object failed"),
    EMULATOR_ERROR(cudaErrorArrayIsMapped, "array is mapped"),
    EMULATOR_ERROR(cudaErrorAlreadyMapped, "resource already mapped"),
    EMULATOR_ERROR(cudaErrorNoKernelImageForDevice,
                   "no kernel image is available for execution on the device"),
    EMULATOR_ERROR(cudaErrorAlreadyAcquired, "resource already acquired"),
    EMULATOR_ERROR(cudaErrorNotMapped, "resource not mapped"),
    EMULATOR_ERROR(cudaErrorNotMappedAsArray, "resource not mapped as array"),
    EMULATOR_ERROR(cudaErrorNotMappedAsPointer, "resource not mapped as pointer"),
    EMULATOR_ERROR(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered"),
    EMULATOR_ERROR(cudaErrorUnsupportedLimit, "limit is not supported on this architecture"),
    EMULATOR_ERROR(cudaErrorDeviceAlreadyInUse,
                   "exclusive-thread device already in use by a different thread"),
    EMULATOR_ERROR(cudaErrorPeerAccessUnsupported,
                   "peer access is not supported between these two devices"),
    EMULATOR_ERROR(cudaErrorInvalidPtx, "a PTX JIT compilation failed"),
    EMULATOR_ERROR(cudaErrorInvalidGraphicsContext, "invalid OpenGL or DirectX context"),
    EMULATOR_ERROR(cudaErrorNvlinkUncorrectable,
                   "uncorrectable NVLink error detected during the execution"),
    EMULATOR_ERROR(cudaErrorJitCompilerNotFound, "PTX JIT compiler library not found"),
    EMULATOR_ERROR(cudaErrorUnsupportedPtxVersion,
                   "the provided PTX was compiled with an unsupported toolchain."),
    EMULATOR_ERROR(cudaErrorJitCompilationDisabled, "PTX JIT compilation was disabled"),
    EMULATOR_ERROR(cudaErrorUnsupportedExecAffinity,
                   "the provided execution affinity is not supported"),
    EMULATOR_ERROR(cudaErrorUnsupportedDevSideSync,
                   "the provided PTX contains unsupported call to cudaDeviceSynchronize"),
    EMULATOR_ERROR(cudaErrorContained,
                   "Invalid access of peer GPU memory over nvlink or a hardware error"),
    EMULATOR_ERROR(cudaErrorInvalidSource, "device kernel image is invalid"),
    EMULATOR_ERROR(cudaErrorFileNotFound, "file not found"),
    EMULATOR_ERROR(cudaErrorSharedObjectSymbolNotFound, "shared object symbol not found"),
    EMULATOR_ERROR(cudaErrorSharedObjectInitFailed, "shared object initialization failed"),
    EMULATOR_ERROR(cudaErrorOperatingSystem,
                   "OS call failed or operation not supported on this OS"),
    EMULATOR_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    EMULATOR_ERROR(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    EMULATOR_ERROR(cudaErrorLossyQuery, "attempted introspection would be semantically lossy"),
    EMULATOR_ERROR(cudaErrorSymbolNotFound, "named symbol not found"),
    EMULATOR_ERROR(cudaErrorNotReady, "device not ready"),
    EMULATOR_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    EMULATOR_ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    EMULATOR_ERROR(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
    EMULATOR_ERROR(cudaErrorLaunchIncompatibleTexturing, "launch uses incompatible texturing mode"),
    EMULATOR_ERROR(cudaErrorPeerAccessAlreadyEnabled, "peer access is already enabled"),
    EMULATOR_ERROR(cudaErrorPeerAccessNotEnabled, "peer access has not been enabled"),
    EMULATOR_ERROR(cudaErrorSetOnActiveProcess,
                   "cannot set while device is active in this process"),
    EMULATOR_ERROR(cudaErrorContextIsDestroyed, "context is destroyed"),
    EMULATOR_ERROR(cudaErrorAssert, "device-side assert triggered"),
    EMULATOR_ERROR(cudaErrorTooManyPeers, "peer mapping resources exhausted"),
    EMULATOR_ERROR(cudaErrorHostMemoryAlreadyRegistered,
                   "part or all of the requested memory range is already mapped"),
    EMULATOR_ERROR(cudaErrorHostMemoryNotRegistered,
                   "pointer does not correspond to a registered memory region"),
    EMULATOR_ERROR(cudaErrorHardwareStackError, "hardware stack error"),
    EMULATOR_ERROR(cudaErrorIllegalInstruction, "an illegal instruction was encountered"),
    EMULATOR_ERROR(cudaErrorMisalignedAddress, "misaligned address"),
    EMULATOR_ERROR(cudaErrorInvalidAddressSpace,
                   "operation not supported on global/shared address space"),
    EMULATOR_ERROR(cudaErrorInvalidPc, "invalid program counter"),
    EMULATOR_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    EMULATOR_ERROR(cudaErrorCooperativeLaunchTooLarge, "too many blocks in cooperative launch"),
    EMULATOR_ERROR(cudaErrorTensorMemoryLeak, "tensor memory not completely freed"),
    EMULATOR_ERROR(cudaErrorNotPermitted, "operation not permitted"),
    EMULATOR_ERROR(cudaErrorNotSupported, "operation not supported"),
    EMULATOR_ERROR(cudaErrorSystemNotReady, "system not yet initialized"),
    EMULATOR_ERROR(cudaErrorSystemDriverMismatch,
                   "system has unsupported display driver / cuda driver combination"),
    EMULATOR_ERROR(cudaErrorCompatNotSupportedOnDevice,
                   "forward compatibility was attempted on non supported HW"),
    EMULATOR_ERROR(cudaErrorMpsConnectionFailed,
                   "MPS client failed to connect to the MPS control daemon or the MPS server"),
    EMULATOR_ERROR(cudaErrorMpsRpcFailure,
                   "the remote procedural call between the MPS server and the MPS client failed"),
    EMULATOR_ERROR(cudaErrorMpsServerNotReady,
                   "MPS server is not ready to accept new MPS client requests"),
    EMULATOR_ERROR(cudaErrorMpsMaxClientsReached,
                   "the hardware resources required to create MPS client have been exhausted"),
    EMULATOR_ERROR(
        cudaErrorMpsMaxConnectionsReached,
        "the hardware resources required to support device connections have been exhausted"),
    EMULATOR_ERROR(cudaErrorMpsClientTerminated,
                   "the MPS client has been terminated by the server"),
    EMULATOR_ERROR(cudaErrorCdpNotSupported,
                   "is using CUDA Dynamic Parallelism, but the current configuration, like MPS, "
                   "does not support it"),
    EMULATOR_ERROR(
        cudaErrorCdpVersionMismatch,
        "unsupported interaction between different versions of CUDA Dynamic Parallelism"),
    EMULATOR_ERROR(cudaErrorStreamCaptureUnsupported,
                   "operation not permitted when stream is capturing"),
    EMULATOR_ERROR(cudaErrorStreamCaptureInvalidated,
                   "operation failed due to a previous error during capture"),
    EMULATOR_ERROR(cudaErrorStreamCaptureMerge,
                   "operation would result in a merge of separate capture sequences"),
    EMULATOR_ERROR(cudaErrorStreamCaptureUnmatched,
                   "capture was not ended in the same stream as it began"),
    EMULATOR_ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    EMULATOR_ERROR(cudaErrorStreamCaptureIsolation,
                   "dependency created on uncaptured work in another stream"),
    EMULATOR_ERROR(cudaErrorStreamCaptureImplicit,
                   "operation would make the legacy stream depend on a capturing blocking stream"),
    EMULATOR_ERROR(cudaErrorCapturedEvent,
                   "operation not permitted on an event last recorded in a capturing stream"),
    EMULATOR_ERROR(cudaErrorStreamCaptureWrongThread,
                   "attempt to terminate a thread-local capture sequence from another thread"),
    EMULATOR_ERROR(cudaErrorTimeout, "wait operation timed out"),
    EMULATOR_ERROR(cudaErrorGraphExecUpdateFailure,
                   "the graph update was not performed because it included changes which violated "
                   "constraints specific to instantiated graph update"),
    EMULATOR_ERROR(cudaErrorExternalDevice,
                   "an async error has occured in external entity outside of CUDA"),
    EMULATOR_ERROR(cudaErrorInvalidClusterSize,
                   "a kernel launch error has occurred due to cluster misconfiguration"),
    EMULATOR_ERROR(
        cudaErrorFunctionNotLoaded,
        "the function handle is not loaded when calling an API that requires a loaded function"),
    EMULATOR_ERROR(
        cudaErrorInvalidResourceType,
        "one or more resources passed in are not valid resource types for the operation"),
    EMULATOR_ERROR(cudaErrorInvalidResourceConfiguration,
                   "one or more resources are insufficient or non-applicable for the operation"),
    EMULATOR_ERROR(cudaErrorUnknown, "unknown error"),
    EMULATOR_ERROR(cudaErrorApiFailureBase, "api failure base"),
};
#undef EMULATOR_ERROR

// The fault of the current device, which stays, or else the thread's own.
cudaError_t last_error(bool is_taken) {
  emulator::Context& context = emulator::context();
  const std::lock_guard lock(context.mutex);
  cudaError_t& own = emulator::thread_state().last_error;
  const cudaError_t error = is_taken ? std::exchange(own, cudaSuccess) : own;
  if (error != cudaSuccess) context.findings.asked();
  const cudaError_t fault =
      context.devices.empty() ? cudaSuccess : emulator::current_device(context).fault;
  return fault != cudaSuccess ? fault : error;
}

}  // namespace

cudaError_t cudaGetLastError() { return last_error(true); }
cudaError_t cudaPeekAtLastError() { return last_error(false); }

const char* cudaGetErrorName(cudaError_t error) {
  for (const ErrorText& known : kErrors) {
    if (known.error == error) return known.name;
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  for (const ErrorText& known : kErrors) {
    if (known.error == error) return known.text;
  }
  return "unrecognized error code";
}
