// The back end of a CUDA device.
#pragma once

#include "host/cuda/entry.h"

namespace tendon::cuda {

// How many devices can be used; 0 with the reason.
int device_count(Refusal& refusal);

// The back end of a device; null with the reason. Never destroyed: values may outlive every static.
plan::Backend* backend(int device, Refusal& refusal);

}  // namespace tendon::cuda
