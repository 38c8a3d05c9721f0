// cast, from every dtype to every other.
#include <algorithm>
#include <array>
#include <cstring>

#include "host/cpu/compute.h"
#include "host/cpu/loops.h"

namespace tendon::cpu {

void compute_cast(const Computation& c) {
  constexpr std::int64_t kBlock = 256;
  const Array& x = c.operands[0];
  const Loop loop = loops().cast(x.dtype, c.result.dtype);
  const std::size_t from_bytes = size_bytes(x.dtype);
  const std::size_t to_bytes = size_bytes(c.result.dtype);
  alignas(64) std::array<std::byte, kBlock * 8> from{};
  alignas(64) std::array<std::byte, kBlock * 8> to{};
  for (std::int64_t i = 0; i < c.result.shape.size(); i += kBlock) {
    const std::int64_t count = std::min(kBlock, c.result.shape.size() - i);
    const auto at = static_cast<std::size_t>(i);
    const auto elements = static_cast<std::size_t>(count);
    std::memcpy(from.data(), x.as<std::byte>() + at * from_bytes, elements * from_bytes);
    loop(from.data(), nullptr, nullptr, to.data(), count, 0);
    std::memcpy(c.result.as<std::byte>() + at * to_bytes, to.data(), elements * to_bytes);
  }
}

}  // namespace tendon::cpu
