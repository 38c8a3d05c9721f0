// A program and precompile() map stages to the same kernels.
#include "host/cuda/launches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "host/cuda/device_traits.h"
#include "host/cuda/precompile.h"
#include "host/cuda/program.h"
#include "tests/cuda/emulated_device.h"
#include "tests/cuda/suite.h"
#include "tests/support/plan_cases.h"

namespace tendon::cuda {
namespace {

using Names = std::set<std::string>;  // of kernels; a name has a hash of the text

Names names_of(const CudaProgram& program) {
  Names names;
  for (const bool is_aligned : {true, false}) {
    for (const Launch& launch : program.launches(is_aligned).launches) {
      if (const auto* kernel = std::get_if<KernelLaunch>(&launch))
        names.insert(kernel->kernel->name());
    }
  }
  return names;
}
Names names_without_epilogues(const plan::Plan& plan) {
  Names names;
  for (const bool is_aligned : {true, false}) {
    for (const GeneratedKernel& kernel : generate(plan, is_aligned)) names.insert(kernel.text.name);
  }
  return names;
}
Names precompiled_names(const plan::Plan& plan) {
  Names names;
  for (const KernelText& text : texts_to_compile(plan)) names.insert(text.name);
  return names;
}

bool may_have_epilogue(const plan::Stage& stage) {
  const auto* contraction = std::get_if<plan::Contraction>(&stage);
  return contraction != nullptr && (contraction->bias || contraction->has_relu);
}

class Launches : public OnDevice {
 protected:
  // The same kernels, but for epilogues that the device's library does itself.
  void expect_equal_kernels(const std::string& name, const Tape& tape) {
    SCOPED_TRACE(name);
    const plan::Plan plan = plan::make_plan(tape, kTraits);
    const CudaProgram program(plan, 0, kernels_, memory_);
    const Names launched = names_of(program);
    const Names precompiled = precompiled_names(plan);
    EXPECT_TRUE(std::ranges::includes(precompiled, launched));
    EXPECT_TRUE(std::ranges::includes(launched, names_without_epilogues(plan)));
    if (std::ranges::none_of(plan.stages, may_have_epilogue)) {
      EXPECT_EQ(launched, precompiled);
    }
  }

 private:
  StreamHandle stream_ = new_stream();
  Memory memory_{0, stream_.get()};
  KernelCache kernels_{0, 90};
};

TEST_F(Launches, OfPlanCasesArePrecompiled) {
  for (const test::PlanCase& of : test::plan_cases()) expect_equal_kernels(of.name, of.tape());
}

TEST_F(Launches, OfTheSuiteArePrecompiled) {
  for (const SuiteCase& of : suite()) expect_equal_kernels(of.name, of.tape());
}

// relu(a b + bias), where the library takes neither operand as it lies.
Tape packed_product(DType dtype) {
  TapeBuilder tape;
  const Ref a = tape.input(dtype, {12, 10}), b = tape.input(dtype, {10, 14});
  const auto every_second = [&](Ref value, const Shape& shape) {
    return tape.apply(Op::slice, {value}, {.shape = shape, .begin = {0, 0}, .step = {2, 2}});
  };
  const Ref product = tape.apply(Op::matmul, {every_second(a, {6, 5}), every_second(b, {5, 7})});
  const Ref sum = tape.apply(Op::add, {product, tape.input(dtype, {7})});
  return std::move(tape).finish({tape.apply(Op::relu, {sum})});
}

Tape scatter(std::int64_t rows, std::int64_t indices) {
  TapeBuilder tape;
  const Ref updates = tape.input(DType::f32, {indices, 3});
  const Ref index = tape.input(DType::i32, {indices});
  return std::move(tape).finish(
      {tape.apply(Op::scatter_add, {updates, index}, {.axes = 0, .shape = {rows, 3}})});
}

TEST_F(Launches, OfProductsAndIrregularOpsArePrecompiled) {
  expect_equal_kernels("packed product of f32", packed_product(DType::f32));
  expect_equal_kernels("packed product of f64", packed_product(DType::f64));
  expect_equal_kernels("few indices", scatter(10, 5));
  expect_equal_kernels("many indices", scatter(10, 100));
  expect_equal_kernels("no elements", scatter(0, 0));
}

}  // namespace
}  // namespace tendon::cuda
