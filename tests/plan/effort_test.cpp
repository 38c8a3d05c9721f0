// Planning takes as much work an op for a long tape as for a short one, counted without a clock.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "bench/workloads/tape_shapes.h"
#include "host/cpu/device_traits.h"
#include "host/plan/plan.h"
#include "tests/support/with_gradients.h"

namespace tendon::test {
namespace {

constexpr std::int64_t kMostPerRow = 6;

class Effort : public testing::TestWithParam<workloads::TapeShape> {};

TEST_P(Effort, OfAPlanIsLinear) {
  for (const int ops : {1'000, 100'000}) {
    const Tape tape = with_gradients(GetParam().tape(ops));
    const std::int64_t rows = tape.size();
    const plan::Effort effort = plan::make_plan(tape, cpu::kTraits).effort;
    RecordProperty("joins of " + std::to_string(ops), std::to_string(effort.joins));
    RecordProperty("resolves of " + std::to_string(ops), std::to_string(effort.resolves));
    EXPECT_GT(effort.joins, 0);
    EXPECT_LE(effort.joins, kMostPerRow * rows) << ops << " ops";
    EXPECT_LE(effort.resolves, kMostPerRow * rows) << ops << " ops";
  }
}
INSTANTIATE_TEST_SUITE_P(Shapes, Effort, testing::ValuesIn(workloads::tape_shapes()),
                         [](const auto& shape) {
                           std::string name = shape.param.name;
                           std::ranges::replace(name, ' ', '_');
                           return name;
                         });

}  // namespace
}  // namespace tendon::test
