// Device and its defaults: which devices this build of the library can use.
#include <tendon/device.h>
#include <tendon/error.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>

#include "host/record/evaluate.h"
#include "host/support/text.h"

namespace tendon {
namespace {

constexpr const char* kNoCuda =
    "this build of tendon has no CUDA executor; values are computed on the CPU (Device::cpu())";

Device from_environment() {
  const char* set = std::getenv("TENDON_DEVICE");
  if (set == nullptr || *set == '\0') return Device::best();
  const std::string text = set;
  if (text == "cpu") return Device::cpu();
  if (text == "cuda") return Device::cuda();
  if (text.starts_with("cuda:")) {
    const std::string number = text.substr(5);
    if (!number.empty() && number.size() <= 4 &&
        number.find_first_not_of("0123456789") == std::string::npos) {
      return Device::cuda(std::stoi(number));
    }
  }
  throw DeviceError(fmt::format("TENDON_DEVICE is '{}'; it must be cpu, cuda or cuda:N", text));
}

}  // namespace

Device Device::cpu() { return Device(-1); }
Device Device::cuda(int index) {
  throw DeviceError(fmt::format("cuda:{} is not available: {}", index, kNoCuda));
}
Device Device::best() { return cpu(); }
std::vector<Device> Device::available() { return {cpu()}; }

std::ostream& operator<<(std::ostream& stream, const Device& device) {
  return device.is_cpu() ? stream << "cpu" : stream << "cuda:" << device.index();
}

namespace {

std::atomic<bool> is_set = false;

}  // namespace

// The CPU is the only device that can be set.
Device default_device() {
  if (is_set) return Device::cpu();
  static const Device chosen = from_environment();
  return chosen;
}
void set_default_device(Device device) {
  record::backend_of(device);
  is_set = true;
}

void synchronize(Device device) { record::backend_of(device).synchronize(); }
Counters counters(Device device) { return record::backend_of(device).counters(); }

}  // namespace tendon
