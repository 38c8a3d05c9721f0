#include "host/cpu/generate.h"

#include <algorithm>
#include <cstring>

#include "host/cpu/compute.h"
#include "host/cpu/strides.h"
#include "host/cpu/visit.h"
#include "host/ops/philox.h"

namespace tendon::cpu {
namespace {

// In [0, 1), with as many bits as the dtype's significand holds.
template <class T>
T uniform_element(const Attributes& attributes, std::uint64_t i) {
  if constexpr (std::is_same_v<T, double>) {
    const auto words = ops::philox_block(attributes.key[0], attributes.key[1], i / 2);
    const std::size_t at = i % 2 * 2;
    const std::uint64_t bits = (std::uint64_t{words[at + 1]} << 32) | words[at];
    return static_cast<double>(bits >> 11) * 0x1p-53;
  } else {
    constexpr int kBits = std::is_same_v<T, half> ? 11 : std::is_same_v<T, bfloat16> ? 8 : 24;
    const auto words = ops::philox_block(attributes.key[0], attributes.key[1], i / 4);
    const std::uint32_t bits = words[i % 4] >> (32 - kBits);
    return from_number<T>(static_cast<double>(bits) / static_cast<double>(1U << kBits));
  }
}

}  // namespace

void generate(Op op, const Attributes& attributes, DType dtype, const Shape& shape,
              std::int64_t first, std::int64_t count, void* into) {
  visit(dtype, [&]<class T>() {
    auto* elements = static_cast<T*>(into);
    if (op == Op::constant) {
      const T value = from_number<T>(attributes.number);
      for (std::int64_t i = 0; i < count; ++i) elements[i] = value;
    } else if (op == Op::iota) {
      const int axis = attributes.axes[0];
      const std::int64_t inner = contiguous(shape)[static_cast<std::size_t>(axis)];
      const std::int64_t extent = shape[axis];
      // In runs: of numbers that follow each other, or of one number.
      for (std::int64_t i = 0; i < count;) {
        const std::int64_t number = (first + i) / inner % extent;
        const std::int64_t run =
            std::min(count - i, inner == 1 ? extent - number : inner - (first + i) % inner);
        for (std::int64_t k = 0; k < run; ++k)
          elements[i + k] = from_number<T>(static_cast<double>(number + (inner == 1 ? k : 0)));
        i += run;
      }
    } else if constexpr (is_floating(dtype_of<T>())) {
      for (std::int64_t i = 0; i < count; ++i) {
        elements[i] = uniform_element<T>(attributes, static_cast<std::uint64_t>(first + i));
      }
    }
  });
}

void compute_generated(const Computation& c) {
  if (c.op == Op::literal) {
    if (!c.literal.empty()) std::memcpy(c.result.data, c.literal.data(), c.literal.size());
    return;
  }
  generate(c.op, c.attributes, c.result.dtype, c.result.shape, 0, c.result.shape.size(),
           c.result.data);
}

}  // namespace tendon::cpu
