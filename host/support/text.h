// Pieces of messages: a place as file:line, and {fmt} for the library's own types.
#pragma once

#include <fmt/format.h>
#include <tendon/device.h>
#include <tendon/dtype.h>
#include <tendon/shape.h>

#include <source_location>
#include <string>

namespace tendon::support {

// "fit.cpp:41"; empty for a place that is not known.
std::string text(std::source_location place);
// " at fit.cpp:41"; empty for a place that is not known.
std::string at(std::source_location place);
// "cpu", "cuda:0".
std::string text(Device device);
// "f32"; "DType(99)" for no DType.
std::string text(DType dtype);
// "1.5 MiB".
std::string text_bytes(std::int64_t bytes);

// For the end of a message that dtypes differ. A literal is f32 as a Tensor and f64 in
// Tensor::from, so where these two meet it says so; else it is empty.
const char* literal_hint(DType a, DType b);

}  // namespace tendon::support

template <>
struct fmt::formatter<tendon::Shape> : fmt::formatter<std::string> {
  auto format(const tendon::Shape& shape, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(tendon::to_string(shape), context);
  }
};
template <>
struct fmt::formatter<tendon::Device> : fmt::formatter<std::string> {
  auto format(tendon::Device device, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(tendon::support::text(device), context);
  }
};
template <>
struct fmt::formatter<tendon::DType> : fmt::formatter<std::string> {
  auto format(tendon::DType dtype, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(tendon::support::text(dtype), context);
  }
};
