// Fusion decisions, as plans that a person can read: each case's file in golden/ holds its tape and
// its plan.
#include <gtest/gtest.h>
#include <tendon/backend.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "host/cpu/device_traits.h"
#include "host/plan/plan.h"
#include "host/support/text.h"
#include "tests/support/plan_cases.h"
#include "tests/support/tape_text.h"

namespace tendon::test {
namespace {

std::string text_of(const PlanCase& c) {
  const Tape tape = c.tape();
  return fmt::format("{}\n\n{}\n{}", c.shows, text_of_needed(tape),
                     plan::text(plan::make_plan(tape, cpu::kTraits), true));
}

class GoldenPlan : public testing::TestWithParam<PlanCase> {};

TEST_P(GoldenPlan, IsAsBefore) {
  const std::string file = fmt::format("{}/{}.txt", TENDON_GOLDEN_PLANS, GetParam().name);
  const std::string now = text_of(GetParam());
  if (std::getenv("TENDON_UPDATE_GOLDEN") != nullptr) std::ofstream(file) << now;
  std::stringstream before;
  before << std::ifstream(file).rdbuf();
  EXPECT_EQ(before.str(), now) << "If the new plan is better: TENDON_UPDATE_GOLDEN=1 writes it to "
                               << file;
}
INSTANTIATE_TEST_SUITE_P(Plans, GoldenPlan,
                         testing::ValuesIn(plan_cases().begin(), plan_cases().end()),
                         [](const auto& c) { return std::string(c.param.name); });

}  // namespace
}  // namespace tendon::test
