// What libtendon_cuda.so exports. The rest of the library knows it by these functions alone, and
// opens it when a CUDA device is first asked for. Includes no CUDA header.
#pragma once

#include <tendon/export.h>
#include <tendon/precompile.h>

#include <functional>

#include "host/plan/backend.h"

namespace tendon::cuda {

// Of what both sides must agree about: these functions, Backend, and all that Backend speaks of.
// Both take it from this line, and it goes up with each change of them.
inline constexpr int kCudaVersion = 6;

// Why a device is of no use.
struct Refusal {
  const char* why = "";  // lives as long as the process
  int code = 0;          // of the CUDA call that failed; 0: none did
};

}  // namespace tendon::cuda

extern "C" {

// The kCudaVersion that the library was built with; called before the others.
TENDON_API int tendon_cuda_version();
// How many devices are usable: cuda:0 and so on. Where there is none, the refusal says what is
// missing.
TENDON_API int tendon_cuda_device_count(tendon::cuda::Refusal& refusal);
// The device's backend, the same each time. It is never destroyed. Null where it cannot be made;
// the refusal then says why. Throws nothing.
TENDON_API tendon::plan::Backend* tendon_cuda_backend(int device, tendon::cuda::Refusal& refusal);
// Plans the tape and compiles the plan's kernels for an architecture into the cache on disk. Needs
// no device. Throws CompileError, DeviceError.
TENDON_API void tendon_cuda_precompile(
    const tendon::Tape& tape, int architecture,
    const std::function<void(const tendon::CompileProgress&)>& progress);
}
