#include "host/plan/device_traits.h"

#include <gtest/gtest.h>

#include "host/cpu/device_traits.h"
#include "host/cuda/device_traits.h"
#include "host/plan/plan.h"
#include "host/plan/stage.h"

namespace tendon::test {
namespace {

TEST(DeviceTraits, AreTheSameSoThatSumsHaveOneOrder) { EXPECT_EQ(cpu::kTraits, cuda::kTraits); }

TEST(DeviceTraits, DecideHowARowIsReduced) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {100, 1000});
  const Tape tape = std::move(builder).finish({builder.apply(Op::reduce_sum, {x}, {.axes = 1})});
  plan::DeviceTraits traits = cpu::kTraits;
  const auto part_of = [&] { return plan::bodies(plan::make_plan(tape, traits).stages[0])[0]; };
  EXPECT_TRUE(part_of().is_resident && part_of().keeps_rows);
  traits.resident_row_elements = 999;
  EXPECT_FALSE(part_of().is_resident || part_of().keeps_rows);
  EXPECT_EQ(part_of().chunk_count, 1);
  traits.chunk_elements = 500;
  traits.chunk_multiple = 1;
  EXPECT_EQ(part_of().chunk_count, 2);
}

}  // namespace
}  // namespace tendon::test
