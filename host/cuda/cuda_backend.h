// The back end of a CUDA device.
#pragma once

#include "host/plan/backend.h"

namespace tendon::cuda {

// How many devices can be used; 0 with the reason in *why.
int device_count(const char** why);

// The back end of a device; null with the reason in *why. Never destroyed: values may outlive every
// static.
plan::Backend* backend(int device, const char** why);

}  // namespace tendon::cuda
