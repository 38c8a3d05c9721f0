// Kernels of stages as they are generated; what the suite's look like is in
// generated_kernels_test.cpp.
#include "host/cuda/generate.h"

#include <gtest/gtest.h>
#include <tendon/backend.h>

#include <utility>
#include <vector>

#include "host/cuda/nvrtc.h"

namespace tendon::cuda {
namespace {

// One stage of so many parts, each with three inputs and three outputs.
plan::Plan plan_of(int part_count) {
  TapeBuilder tape;
  std::vector<Ref> targets;
  for (int i = 0; i < part_count; ++i) {
    const Shape shape{100 + i};
    const Ref a = tape.input(DType::f32, shape), b = tape.input(DType::f32, shape),
              c = tape.input(DType::f32, shape);
    targets.push_back(tape.apply(Op::mul, {a, b}));
    targets.push_back(tape.apply(Op::add, {targets.back(), c}));
    targets.push_back(tape.apply(Op::exp, {targets.back()}));
  }
  return plan::make_plan(std::move(tape).finish(targets));
}

TEST(Generate, PutsAllPartsOfAStageIntoOneLaunch) {
  const plan::Plan plan = plan_of(32);
  ASSERT_EQ(plan.stages.size(), 1U);
  EXPECT_EQ(generate(plan, plan.stages[0], true).size(), 1U);
}

TEST(Generate, TakesMoreLaunchesWhereThePartsAreManyAndEachStillOnce) {
  constexpr int kParts = 1000;
  const plan::Plan plan = plan_of(kParts);
  ASSERT_EQ(plan.stages.size(), 1U);
  const std::vector<GeneratedKernel> kernels = generate(plan, plan.stages[0], true);
  EXPECT_GT(kernels.size(), 1U);
  std::vector<int> uses(plan.tape.size());  // of each value's address
  for (const GeneratedKernel& kernel : kernels) {
    EXPECT_LE(8 * kernel.fields.size(), 32764U) << kernel.text.name;
    for (const Field& field : kernel.fields) {
      if (field.kind == Field::Kind::address) ++uses[field.value.id];
    }
  }
  for (const Ref input : plan.tape.inputs()) EXPECT_EQ(uses[input.id], 1);
  for (const Ref target : plan.tape.targets()) EXPECT_EQ(uses[target.id], 1);
}

// Sums of columns share lines in a block's shared memory, of which a kernel has 48 KiB.
TEST(Generate, ReducesManyColumnsInTurns) {
  TapeBuilder tape;
  const Ref x = tape.input(DType::f64, {80'000, 64});
  std::vector<Ref> sums;
  for (int i = 0; i < 30; ++i) {
    const Ref factor = tape.constant(1 + i, DType::f64);
    sums.push_back(tape.apply(Op::reduce_sum, {tape.apply(Op::mul, {x, factor})}, {.axes = 0}));
  }
  const plan::Plan plan = plan::make_plan(std::move(tape).finish(sums));
  ASSERT_EQ(plan.stages.size(), 1U);
  for (const GeneratedKernel& kernel : generate(plan, plan.stages[0], true)) {
    const MachineCode code = Nvrtc::instance().compile(kernel.text, {90});
    EXPECT_LE(code.shared_bytes, 48 << 10) << kernel.text.name;
  }
}

}  // namespace
}  // namespace tendon::cuda
