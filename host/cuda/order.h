// In which order the values of an element are computed.
#pragma once

#include <vector>

#include "host/plan/plan.h"

namespace tendon::cuda {

struct Order {
  std::vector<plan::Local> locals;  // of elements, operands first
  int most_alive = 0;               // at once, with those that are stored
};

// One in which few values are alive at once, since registers are what lets many threads be
// resident. Loads for which `is_at_hand` says so are there from the start.
Order order_of(const plan::Part& part, const std::vector<bool>& is_at_hand);

}  // namespace tendon::cuda
