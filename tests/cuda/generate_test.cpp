// Kernels of stages as they are generated; what the suite's look like is in
// generated_kernels_test.cpp.
#include "host/cuda/generate.h"

#include <gtest/gtest.h>
#include <tendon/backend.h>

#include <iterator>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "bench/workloads/adam.h"
#include "host/cuda/device_traits.h"
#include "host/cuda/nvrtc.h"
#include "host/plan/stage.h"

namespace tendon::cuda {
namespace {

// One stage of so many parts, each with three inputs and three outputs.
plan::Plan plan_of(int part_count, std::int64_t least_size = 100) {
  TapeBuilder tape;
  std::vector<Ref> targets;
  for (int i = 0; i < part_count; ++i) {
    const Shape shape{least_size + i};
    const Ref a = tape.input(DType::f32, shape), b = tape.input(DType::f32, shape),
              c = tape.input(DType::f32, shape);
    targets.push_back(tape.apply(Op::mul, {a, b}));
    targets.push_back(tape.apply(Op::add, {targets.back(), c}));
    targets.push_back(tape.apply(Op::exp, {targets.back()}));
  }
  return plan::make_plan(std::move(tape).finish(targets), kTraits);
}

int function_count(const GeneratedKernel& kernel) {
  static const std::regex kFunction("void work\\(");
  const std::string& text = kernel.text.text;
  return static_cast<int>(std::distance(std::sregex_iterator(text.begin(), text.end(), kFunction),
                                        std::sregex_iterator()));
}

TEST(Generate, PutsAllPartsOfAStageIntoOneLaunch) {
  const plan::Plan plan = plan_of(400);
  ASSERT_EQ(plan.stages.size(), 1U);
  const std::vector<GeneratedKernel> kernels = generate(plan, plan::bodies(plan.stages[0]), true);
  ASSERT_EQ(kernels.size(), 1U);
  EXPECT_EQ(function_count(kernels[0]), 1);
}

TEST(Generate, WritesAFunctionForPartsAlike) {
  std::vector<workloads::Parameter> parameters;
  for (const DType dtype : {DType::f16, DType::f32, DType::f64}) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{1, 1}, Shape{0}, Shape{4, 0}, Shape{3},
                               Shape{7, 11}, Shape{1024}, Shape{2, 3, 5, 7}})
      parameters.push_back({dtype, shape});
  }
  const plan::Plan plan = plan::make_plan(workloads::adam_tape(parameters), kTraits);
  ASSERT_EQ(plan.stages.size(), 1U);
  const std::vector<GeneratedKernel> kernels = generate(plan, plan::bodies(plan.stages[0]), true);
  ASSERT_EQ(kernels.size(), 1U);
  // For each type one, and three where there is one element: each result of a part of its own.
  EXPECT_EQ(function_count(kernels[0]), 3 * (1 + 3)) << kernels[0].text.text;
}

TEST(Generate, WritesNoSizesOfPartsIntoTheText) {
  const plan::Plan small = plan_of(5, 100), large = plan_of(5, 1'000'000);
  EXPECT_EQ(generate(small, plan::bodies(small.stages[0]), true)[0].text.text,
            generate(large, plan::bodies(large.stages[0]), true)[0].text.text);
}

TEST(Generate, TakesMoreLaunchesWhereThePartsAreOfManyTexts) {
  constexpr int kTexts = 50;
  TapeBuilder tape;
  std::vector<Ref> targets;
  for (int i = 0; i < kTexts; ++i) {
    Ref x = tape.input(DType::f32, {100 + i});
    for (int j = 0; j <= i; ++j) x = tape.apply(Op::neg, {x});
    targets.push_back(x);
  }
  const plan::Plan plan = plan::make_plan(std::move(tape).finish(targets), kTraits);
  ASSERT_EQ(plan.stages.size(), 1U);
  const std::vector<GeneratedKernel> kernels = generate(plan, plan::bodies(plan.stages[0]), true);
  ASSERT_EQ(kernels.size(), 2U);
  EXPECT_EQ(function_count(kernels[0]), 32);
  EXPECT_EQ(function_count(kernels[1]), kTexts - 32);
}

Tape sines(int count) {
  TapeBuilder tape;
  Ref x = tape.input(DType::f32, {1000});
  for (int i = 0; i < count; ++i) x = tape.apply(Op::sin, {x});
  return std::move(tape).finish({x});
}

TEST(Generate, CallsAnOpThatOccursOften) {
  const auto text_of = [](int count) {
    const plan::Plan plan = plan::make_plan(sines(count), kTraits);
    return generate(plan, plan::bodies(plan.stages[0]), true)[0].text.text;
  };
  EXPECT_EQ(text_of(2).find("called::"), std::string::npos);
  const std::string many = text_of(40);
  EXPECT_NE(many.find("called::sin"), std::string::npos) << many;
  EXPECT_EQ(many.find("op::sin"), std::string::npos) << many;
}

TEST(Generate, WritesTheElementOfALongBodyOnce) {
  const plan::Plan plan = plan::make_plan(sines(100), kTraits);
  const std::string text = generate(plan, plan::bodies(plan.stages[0]), true)[0].text.text;
  const std::string call = " element(";
  const std::size_t first = text.find(call);
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(text.find(call, first + 1), std::string::npos) << text;
  EXPECT_EQ(text.find("#pragma unroll\n"), std::string::npos) << text;
}

TEST(Generate, TakesMoreLaunchesWhereThePartsAreLong) {
  TapeBuilder tape;
  std::vector<Ref> targets;
  for (int i = 0; i < 8; ++i) {
    Ref x = tape.input(DType::f32, {100 + i});
    for (int j = 0; j <= 10 + i; ++j) x = tape.apply(Op::lgamma, {x});
    targets.push_back(x);
  }
  const plan::Plan plan = plan::make_plan(std::move(tape).finish(targets), kTraits);
  ASSERT_EQ(plan.stages.size(), 1U);
  const std::vector<GeneratedKernel> kernels = generate(plan, plan::bodies(plan.stages[0]), true);
  EXPECT_GT(kernels.size(), 1U);
  int functions = 0;
  for (const GeneratedKernel& kernel : kernels) functions += function_count(kernel);
  EXPECT_EQ(functions, 8);
}

TEST(Generate, TakesMoreLaunchesWhereTheArgumentsAreManyAndEachStillOnce) {
  constexpr int kParts = 1000;
  const plan::Plan plan = plan_of(kParts);
  ASSERT_EQ(plan.stages.size(), 1U);
  const std::vector<GeneratedKernel> kernels = generate(plan, plan::bodies(plan.stages[0]), true);
  EXPECT_EQ(kernels.size(), 3U);            // of 9 words a part, 4095 at most
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

// What is the same for each row waits in shared memory, but where nothing would be written there: a
// compiler may load from a known place before it asks whether there is an element.
TEST(Generate, SharesNoMemoryForRowsWithoutElements) {
  for (const std::int64_t length : {2, 0}) {
    TapeBuilder tape;
    const Ref x = tape.input(DType::f32, {512, length}), scale = tape.input(DType::f32, {length});
    const Ref scaled = tape.apply(Op::mul, {x, scale});
    const Ref sums = tape.apply(Op::reduce_sum, {scaled}, {.axes = 1, .keep_dims = true});
    const Ref apart = tape.apply(Op::sub, {scaled, sums});
    const plan::Plan plan = plan::make_plan(std::move(tape).finish({apart}), kTraits);
    ASSERT_EQ(plan.stages.size(), 1U);
    const std::string text = generate(plan, plan::bodies(plan.stages[0]), true)[0].text.text;
    EXPECT_EQ(text.find("__shared__ f32 k") != std::string::npos, length > 0) << text;
  }
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
  const plan::Plan plan = plan::make_plan(std::move(tape).finish(sums), kTraits);
  ASSERT_EQ(plan.stages.size(), 1U);
  for (const GeneratedKernel& kernel : generate(plan, plan::bodies(plan.stages[0]), true)) {
    const MachineCode code = Nvrtc::instance().compile(kernel.text, {90});
    EXPECT_LE(code.shared_bytes, 48 << 10) << kernel.text.name;
  }
}

}  // namespace
}  // namespace tendon::cuda
