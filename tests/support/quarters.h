// Operands whose sums of few are exact in every type.
#pragma once

#include <cstdint>

#include "tests/support/executors.h"

namespace tendon::test {

// Small multiples of 1/4, or in integers of 1, of either sign or above 0: always the same.
enum class Sign { either, positive };
Bytes quarters(DType dtype, std::int64_t count, Sign sign);

}  // namespace tendon::test
