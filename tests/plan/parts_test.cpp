// What holds for every part of every plan.
#include <gtest/gtest.h>

#include "host/cpu/device_traits.h"
#include "host/plan/stage.h"
#include "tests/support/random_tape.h"

namespace tendon::test {
namespace {

TEST(Parts, StoreSomethingAndComputeNothingElse) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const plan::Plan plan = plan::make_plan(random_tape(seed).tape, cpu::kTraits);
    for (const plan::Stage& stage : plan.stages) {
      for (const plan::Part& part : plan::bodies(stage)) {
        EXPECT_FALSE(part.stores.empty()) << "seed " << seed;
        std::vector<bool> is_used(part.body.size());
        for (const plan::Store& store : part.stores) is_used[store.local] = true;
        for (std::size_t i = part.body.size(); i-- > 0;) {
          EXPECT_TRUE(is_used[i]) << "seed " << seed << ", step " << i;
          const plan::Instruction& step = part.body[i];
          for (std::uint32_t j = 0; j < step.operand_count; ++j) is_used[step.operands[j]] = true;
        }
      }
    }
    if (HasFailure()) FAIL() << plan::text(plan, true);
  }
}

TEST(Parts, OfAWideMatrixsColumnSumsTakeLittleMemory) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {64, 100000});
  const Ref sum = builder.apply(Op::reduce_sum, {x}, {.axes = Axes(0)});
  const plan::Plan plan = plan::make_plan(std::move(builder).finish({sum}), cpu::kTraits);
  EXPECT_LE(plan.arena_bytes, plan.tape.bytes(x) / 4);
}

TEST(Parts, OfZeroAndMinusZeroAreNotTheSame) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {10});
  const Ref plus = builder.apply(Op::leaky_relu, {x}, {.number = 0.0});
  const Ref minus = builder.apply(Op::leaky_relu, {x}, {.number = -0.0});
  const plan::Plan plan = plan::make_plan(std::move(builder).finish({plus, minus}), cpu::kTraits);
  EXPECT_EQ(plan.op_count, 2);
}

}  // namespace
}  // namespace tendon::test
