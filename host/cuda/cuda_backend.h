// The back end of a CUDA device.
#pragma once

#include "host/plan/cuda_entry.h"

namespace tendon::cuda {

// How many devices can be used; 0 with the reason.
int device_count(plan::Refusal& refusal);

// The back end of a device; null with the reason. Never destroyed: values may outlive every static.
plan::Backend* backend(int device, plan::Refusal& refusal);

}  // namespace tendon::cuda
