#include "host/support/text.h"

#include <cstring>

namespace tendon::support {

std::string text(std::source_location place) {
  if (place.line() == 0) return {};
  const char* file = place.file_name();
  if (const char* slash = std::strrchr(file, '/')) file = slash + 1;
  return fmt::format("{}:{}", file, place.line());
}

std::string at(std::source_location place) {
  if (place.line() == 0) return {};
  return " at " + text(place);
}

std::string text(Device device) {
  return device.is_cpu() ? "cpu" : fmt::format("cuda:{}", device.index());
}

std::string text(DType dtype) {
  if (dtype > DType::f64) return fmt::format("DType({})", static_cast<int>(dtype));
  return name(dtype);
}

const char* literal_hint(DType a, DType b) {
  const bool meet = (a == DType::f32 && b == DType::f64) || (a == DType::f64 && b == DType::f32);
  return meet ? " (Tensor(1.0) is f32, Tensor::from({1.0}) is f64; cast() changes one)" : "";
}

std::string text_bytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < std::size(kUnits)) {
    amount /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} bytes", bytes)
                   : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

}  // namespace tendon::support
