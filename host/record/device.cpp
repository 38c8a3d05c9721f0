// Device and its defaults: which devices there are.
#include <tendon/backend.h>
#include <tendon/device.h>
#include <tendon/error.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "host/cpu/cpu_backend.h"
#include "host/explain/log.h"
#include "host/record/cuda_library.h"
#include "host/record/environment.h"
#include "host/record/evaluate.h"
#include "host/support/text.h"

namespace tendon {
namespace {

Device named_by_environment(int index) {
  try {
    return Device::cuda(index, Place());
  } catch (const DeviceError& error) {
    throw DeviceError(
        fmt::format("TENDON_DEVICE is '{}', but {}", std::getenv("TENDON_DEVICE"), error.what()),
        error.code());
  }
}

Device from_environment() {
  record::check_environment();
  const char* set = std::getenv("TENDON_DEVICE");
  if (set == nullptr || *set == '\0') return Device::best();
  const std::string text = set;
  if (text == "cpu") return Device::cpu();
  if (text == "cuda") return named_by_environment(0);
  if (text.starts_with("cuda:")) {
    const std::string number = text.substr(5);
    if (!number.empty() && number.size() <= 4 &&
        number.find_first_not_of("0123456789") == std::string::npos) {
      return named_by_environment(std::stoi(number));
    }
  }
  throw DeviceError(fmt::format("TENDON_DEVICE is '{}'; it must be cpu, cuda or cuda:N", text));
}

std::atomic<std::optional<Device>> set_by_program;

}  // namespace

Device Device::cpu() { return Device(-1); }
Device Device::cuda(int index, Place place) {
  record::check_cuda_device(index, place);
  return Device(index);
}
Device Device::best() { return record::cuda_device_count() > 0 ? Device(0) : cpu(); }
std::vector<Device> Device::available() {
  std::vector<Device> devices = {cpu()};
  for (int i = 0; i < record::cuda_device_count(); ++i) devices.push_back(Device(i));
  return devices;
}

std::ostream& operator<<(std::ostream& stream, const Device& device) {
  return stream << support::text(device);
}

plan::Backend& record::backend_of(Device device) {
  return device.is_cpu() ? cpu::backend() : cuda_backend(device.index());
}

Device default_device() {
  if (const std::optional<Device> set = set_by_program.load(std::memory_order_relaxed)) return *set;
  static const Device from_outside = from_environment();
  return from_outside;
}
void set_default_device(Device device) {
  record::backend_of(device);
  set_by_program = device;
}

void synchronize(Device device) { record::backend_of(device).synchronize(); }
void empty_cache(Device device) { record::backend_of(device).empty_cache(); }

void set_allocator(Device device, Allocator allocator, Place place) {
  const std::string what = "set_allocator" + support::at(place);
  if (device.is_cpu())
    throw DeviceError(what + ": cpu takes its memory from the heap; an allocator is for cuda:N");
  if (static_cast<bool>(allocator.allocate) != static_cast<bool>(allocator.deallocate))
    throw Error(what + ": the allocator needs both allocate and deallocate, or none of them");
  record::backend_of(device).set_allocator(std::move(allocator));
}

Counters counters(Device device) {
  Counters counters = record::backend_of(device).counters();
  counters.log_bytes = explain::log_bytes();
  return counters;
}

}  // namespace tendon
