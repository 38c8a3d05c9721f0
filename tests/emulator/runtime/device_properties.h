// What the emulated device says of itself.
#pragma once

#include <optional>

#include "runtime/cuda.h"

namespace emulator {

// Empty where there is no such attribute.
std::optional<int> device_attribute(cudaDeviceAttr attribute, int device);
cudaDeviceProp device_properties(int device);

}  // namespace emulator
