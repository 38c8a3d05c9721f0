#include "tests/support/device_buffer.h"

#include <utility>

#include "host/record/evaluate.h"

namespace tendon::test {

DeviceBuffer::DeviceBuffer(Device device, std::span<const std::byte> bytes, std::size_t offset)
    : device_(device), bytes_(bytes.size()), offset_(offset) {
  if (device_.is_cpu()) {
    on_host_.resize(offset_ + bytes_);
    block_ = on_host_.data();
  } else {
    block_ = record::backend_of(device_).allocate(offset_ + bytes_, "a test's buffer", Place());
  }
  record::backend_of(device_).copy_from_host(buffer().data, bytes.data(), bytes_);
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : device_(other.device_),
      bytes_(other.bytes_),
      offset_(other.offset_),
      on_host_(std::move(other.on_host_)),
      block_(std::exchange(other.block_, nullptr)) {}

DeviceBuffer::~DeviceBuffer() {
  if (!device_.is_cpu() && block_ != nullptr)
    record::backend_of(device_).deallocate(block_, offset_ + bytes_);
}

std::vector<std::byte> DeviceBuffer::read() const {
  std::vector<std::byte> bytes(bytes_);
  record::backend_of(device_).copy_to_host(bytes.data(), buffer().data, bytes_);
  return bytes;
}

std::vector<Buffer> buffers(std::span<const DeviceBuffer> of) {
  std::vector<Buffer> result;
  for (const DeviceBuffer& one : of) result.push_back(one.buffer());
  return result;
}

}  // namespace tendon::test
