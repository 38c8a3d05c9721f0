#include "tests/support/quarters.h"

#include <random>
#include <span>
#include <vector>

namespace tendon::test {

Bytes quarters(DType dtype, std::int64_t count, Sign sign) {
  std::mt19937 random(5);
  const float least = sign == Sign::either ? -2.0F : 0.25F;
  const auto of = [&]<class T>() {
    std::vector<T> made;
    for (std::int64_t i = 0; i < count; ++i)
      made.push_back(static_cast<T>(least + static_cast<float>(random() % 17) / 4));
    const auto bytes = std::as_bytes(std::span(made));
    return Bytes(bytes.begin(), bytes.end());
  };
  switch (dtype) {
    case DType::f16: return of.operator()<half>();
    case DType::bf16: return of.operator()<bfloat16>();
    case DType::f64: return of.operator()<double>();
    case DType::i32: return of.operator()<std::int32_t>();
    default: return of.operator()<float>();
  }
}

}  // namespace tendon::test
