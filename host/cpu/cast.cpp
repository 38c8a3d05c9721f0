// cast, from every dtype to every other.
#include <cmath>
#include <limits>
#include <type_traits>

#include "host/cpu/compute.h"
#include "host/cpu/visit.h"

namespace tendon::cpu {
namespace {

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<From, half> || std::is_same_v<From, bfloat16>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, half> || std::is_same_v<To, bfloat16>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    constexpr To kLowest = std::numeric_limits<To>::min();
    constexpr To kHighest = std::numeric_limits<To>::max();
    if (std::isnan(value)) return 0;
    // -kLowest is a power of two, so both bounds are exact.
    if (value < static_cast<From>(kLowest)) return kLowest;
    if (value >= -static_cast<From>(kLowest)) return kHighest;
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

void compute_cast(const Computation& c) {
  const Array& x = c.operands[0];
  visit(x.dtype, [&]<class From>() {
    visit(c.result.dtype, [&]<class To>() {
      const std::int64_t count = c.result.shape.size();
      for (std::int64_t i = 0; i < count; ++i) c.result.as<To>()[i] = convert<To>(x.as<From>()[i]);
    });
  });
}

}  // namespace tendon::cpu
