#include "tests/support/device_buffer.h"

#include <utility>

#include "host/record/evaluate.h"

namespace tendon::test {

DeviceBuffer::DeviceBuffer(Device device, std::span<const std::byte> bytes)
    : device_(device), bytes_(bytes.size()) {
  if (device_.is_cpu()) {
    on_host_.assign(bytes.begin(), bytes.end());
    data_ = on_host_.data();
  } else {
    plan::Backend& backend = record::backend_of(device_);
    data_ = backend.allocate(bytes_, "a test's buffer", Place());
    backend.copy_from_host(data_, bytes.data(), bytes_);
  }
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : device_(other.device_),
      bytes_(other.bytes_),
      on_host_(std::move(other.on_host_)),
      data_(std::exchange(other.data_, nullptr)) {}

DeviceBuffer::~DeviceBuffer() {
  if (!device_.is_cpu() && data_ != nullptr) record::backend_of(device_).deallocate(data_, bytes_);
}

std::vector<std::byte> DeviceBuffer::read() const {
  std::vector<std::byte> bytes(bytes_);
  record::backend_of(device_).copy_to_host(bytes.data(), data_, bytes_);
  return bytes;
}

std::vector<Buffer> buffers(std::span<const DeviceBuffer> of) {
  std::vector<Buffer> result;
  for (const DeviceBuffer& one : of) result.push_back(one.buffer());
  return result;
}

}  // namespace tendon::test
