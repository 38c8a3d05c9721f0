// Tapes whose fusion is shown by golden files: their plans, and the kernels of those.
#pragma once

#include <tendon/backend.h>

#include <span>

namespace tendon::test {

struct PlanCase {
  const char* name;
  const char* shows;  // a sentence
  Tape (*tape)();
};
std::span<const PlanCase> plan_cases();

}  // namespace tendon::test
