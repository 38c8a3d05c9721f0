// Memory that an Executable of a device can run on, filled from the host and read back.
#pragma once

#include <tendon/backend.h>

#include <cstddef>
#include <span>
#include <vector>

namespace tendon::test {

// On the CPU it holds the bytes and no more, so that a sanitizer sees what goes beyond them.
class DeviceBuffer {
 public:
  DeviceBuffer(Device device, std::span<const std::byte> bytes);
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;
  ~DeviceBuffer();

  Buffer buffer() const { return {data_, bytes_, device_}; }
  std::vector<std::byte> read() const;  // after the runs that no stream was named for

 private:
  Device device_;
  std::size_t bytes_;
  std::vector<std::byte> on_host_;
  void* data_;
};

std::vector<Buffer> buffers(std::span<const DeviceBuffer> of);

}  // namespace tendon::test
