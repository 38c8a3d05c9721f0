// Arrays, and the buffers on a device that a program runs on: on the CPU their own memory, else as
// much of the device.
#pragma once

#include <tendon/backend.h>

#include <vector>

#include "bench/array.h"
#include "bench/cuda_device.h"

namespace tendon::bench {

struct PlacedArrays {
  std::vector<Array> values;
  std::vector<CudaDevice::Memory> memory;
  std::vector<Buffer> buffers;

  void place(Device device) {
    for (const Array& array : values) {
      void* data = array.data();
      if (!device.is_cpu()) {
        memory.push_back(CudaDevice::instance().allocate(array.bytes()));
        data = memory.back().get();
      }
      buffers.push_back({.data = data, .bytes = array.bytes(), .device = device});
    }
  }
  void to_device() {
    for (std::size_t i = 0; i < memory.size(); ++i)
      CudaDevice::instance().copy_to_device(memory[i].get(), values[i].data(), values[i].bytes());
  }
  void to_host() {
    for (std::size_t i = 0; i < memory.size(); ++i)
      CudaDevice::instance().copy_to_host(values[i].data(), memory[i].get(), values[i].bytes());
  }
};

inline Stream stream_of(Device device) {
  return device.is_cpu() ? Stream() : CudaDevice::instance().stream();
}

}  // namespace tendon::bench
