// libtendon_cuda.so, the CUDA executor: opened when a CUDA device is first asked for, so that a
// program starts and runs on the CPU where there is neither driver nor toolkit.
#pragma once

#include <tendon/precompile.h>

#include <functional>

#include "host/plan/backend.h"

namespace tendon::record {

// Usable CUDA devices; 0 where there is none, or no library. Found out once.
int cuda_device_count();

// DeviceError that says why, where cuda:index is not usable: in the name of Device::cuda where the
// place is known.
void check_cuda_device(int index, Place place);

// The device's backend, made at the first call. DeviceError where it cannot be.
plan::Backend& cuda_backend(int index);

// Compiles the kernels of the tape's plan for an architecture, which need not be there. DeviceError
// where there is no library.
void cuda_precompile(const Tape& tape, int architecture,
                     const std::function<void(const CompileProgress&)>& progress);

}  // namespace tendon::record
