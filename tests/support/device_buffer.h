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
  // `offset`: from an address of the greatest alignment, in bytes.
  DeviceBuffer(Device device, std::span<const std::byte> bytes, std::size_t offset = 0);
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;
  ~DeviceBuffer();

  Buffer buffer() const { return {static_cast<std::byte*>(block_) + offset_, bytes_, device_}; }
  std::vector<std::byte> read() const;  // after the runs that no stream was named for

 private:
  Device device_;
  std::size_t bytes_;
  std::size_t offset_;
  std::vector<std::byte> on_host_;
  void* block_;
};

std::vector<Buffer> buffers(std::span<const DeviceBuffer> of);

}  // namespace tendon::test
