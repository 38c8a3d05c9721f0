// The key of a tape: what makes two tapes one program, and what does not.
#include "host/plan/tape_key.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "host/cpu/cpu_backend.h"
#include "host/plan/program_cache.h"

namespace tendon::plan {
namespace {

using Write = std::function<std::vector<Ref>(TapeBuilder&)>;

Tape written(const Write& write) {
  TapeBuilder builder;
  const std::vector<Ref> targets = write(builder);
  return std::move(builder).finish(targets);
}

void expect_same(const Write& a, const Write& b) {
  EXPECT_TRUE(same_structure(written(a), written(b)));
  EXPECT_EQ(structure_hash(written(a)), structure_hash(written(b)));
}
void expect_different(const Write& a, const Write& b) {
  EXPECT_FALSE(same_structure(written(a), written(b)));
  EXPECT_NE(structure_hash(written(a)), structure_hash(written(b)));
}

TEST(TapeKey, LeavesOutConstantsNumbers) {
  const auto with = [](double rate, double shift) {
    return [=](TapeBuilder& b) -> std::vector<Ref> {
      const Ref x = b.input(DType::f32, {3});
      const Ref scaled = b.apply(Op::mul, {x, b.constant(rate, DType::f32)});
      return {b.apply(Op::add, {scaled, b.constant(shift, DType::f32)})};
    };
  };
  // Equal neighbours share their attributes in a tape; different ones do not.
  expect_same(with(0.1, 0.1), with(0.1, 0.2));
  expect_same(with(NAN, 1), with(NAN, 1));
}

TEST(TapeKey, LeavesOutRandomKeysNamesAndPlaces) {
  const auto with = [](std::uint64_t stream, const char* name) {
    return [=](TapeBuilder& b) -> std::vector<Ref> {
      const Ref x = b.input(DType::f32, {3}, name);
      const Ref drawn =
          b.apply(Op::uniform, {}, {.shape = {3}, .key = {7, stream}, .dtype = DType::f32});
      return {b.apply(Op::add, {x, drawn})};
    };
  };
  expect_same(with(1, "x"), with(2, "y"));
  expect_same([](TapeBuilder& b) -> std::vector<Ref> { return {b.input(DType::f32, {3})}; },
              [](TapeBuilder& b) -> std::vector<Ref> { return {b.input(DType::f32, {3})}; });
}

TEST(TapeKey, HoldsTypesOfLeaves) {
  const auto input = [](DType dtype, Shape shape) {
    return [=](TapeBuilder& b) -> std::vector<Ref> { return {b.input(dtype, shape)}; };
  };
  expect_different(input(DType::f32, {3}), input(DType::f64, {3}));
  expect_different(input(DType::f32, {3}), input(DType::f32, {1, 3}));
  const auto constant = [](Shape shape) {
    return [=](TapeBuilder& b) -> std::vector<Ref> { return {b.constant(1, DType::f32, shape)}; };
  };
  expect_different(constant({2}), constant({3}));
  const auto drawn = [](Shape shape) {
    return [=](TapeBuilder& b) -> std::vector<Ref> {
      return {b.apply(Op::uniform, {}, {.shape = shape})};
    };
  };
  expect_different(drawn({2}), drawn({3}));
}

TEST(TapeKey, HoldsOpsOperandsAttributesInputsAndTargets) {
  const auto with = [](Op op, bool swapped, bool both) {
    return [=](TapeBuilder& b) -> std::vector<Ref> {
      const Ref x = b.input(DType::f32, {3});
      const Ref y = b.input(DType::f32, {3});
      const Ref z = swapped ? b.apply(op, {y, x}) : b.apply(op, {x, y});
      return both ? std::vector<Ref>{z, x} : std::vector<Ref>{z};
    };
  };
  expect_same(with(Op::sub, false, false), with(Op::sub, false, false));
  expect_different(with(Op::sub, false, false), with(Op::div, false, false));
  expect_different(with(Op::sub, false, false), with(Op::sub, true, false));
  expect_different(with(Op::sub, false, false), with(Op::sub, false, true));

  const auto attributes = [](Op op, Attributes given) {
    return [=](TapeBuilder& b) -> std::vector<Ref> {
      return {b.apply(op, {b.input(DType::f32, {4, 4})}, given)};
    };
  };
  expect_different(attributes(Op::leaky_relu, {.number = 0.1}),
                   attributes(Op::leaky_relu, {.number = 0.2}));
  expect_different(attributes(Op::reduce_sum, {.axes = {0}}),
                   attributes(Op::reduce_sum, {.axes = {1}}));
  expect_different(attributes(Op::reduce_sum, {.axes = {0}}),
                   attributes(Op::reduce_sum, {.axes = {0}, .keep_dims = true}));
  expect_different(attributes(Op::reshape, {.shape = {16}}),
                   attributes(Op::reshape, {.shape = {2, 8}}));
  expect_different(attributes(Op::slice, {.shape = {2, 4}, .begin = {0, 0}, .step = {1, 1}}),
                   attributes(Op::slice, {.shape = {2, 4}, .begin = {1, 0}, .step = {1, 1}}));
  expect_different(attributes(Op::slice, {.shape = {2, 4}, .begin = {0, 0}, .step = {1, 1}}),
                   attributes(Op::slice, {.shape = {2, 4}, .begin = {0, 0}, .step = {2, 1}}));
}

TEST(TapeKey, HoldsTheBytesOfLiterals) {
  const auto with = [](std::vector<float> values) {
    return [=](TapeBuilder& b) -> std::vector<Ref> {
      const std::vector<float> first{1, 2};
      const Ref x = b.constant(std::span<const float>(first), {2});
      const Ref y = b.constant(std::span<const float>(values), {2});
      return {b.apply(Op::add, {x, y})};
    };
  };
  expect_same(with({3, 4}), with({3, 4}));
  expect_different(with({3, 4}), with({3, 5}));
}

TEST(ProgramCache, GivesOneProgramToTapesOfAStructure) {
  Backend& backend = cpu::backend();
  const auto scaled = [](std::int64_t extent, double number) {
    return written([=](TapeBuilder& b) -> std::vector<Ref> {
      return {b.apply(Op::mul, {b.input(DType::f32, {extent}), b.constant(number, DType::f32)})};
    });
  };
  const Counters before = backend.counters();
  const auto first = program_for(backend, scaled(1231, 2));
  const auto second = program_for(backend, scaled(1231, 3));
  const auto other = program_for(backend, scaled(1232, 2));
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
  EXPECT_EQ(backend.counters().plans_built, before.plans_built + 2);
  EXPECT_EQ(backend.counters().plans_found, before.plans_found + 1);

  const std::vector<float> x(1231, 1);
  std::vector<float> y(1231);
  const void* inputs[] = {x.data()};
  void* outputs[] = {y.data()};
  backend.execute(*first, scaled(1231, 5), inputs, outputs, Stream());
  EXPECT_EQ(y, std::vector<float>(1231, 5));
}

TEST(ProgramCache, ForgetsWhatHasNotBeenUsedForLong) {
  Backend& backend = cpu::backend();
  const auto of_extent = [](std::int64_t extent) {
    return written([=](TapeBuilder& b) -> std::vector<Ref> {
      return {b.apply(Op::neg, {b.input(DType::f64, {extent})})};
    });
  };
  const std::weak_ptr<const Program> kept = program_for(backend, of_extent(5000));
  const std::weak_ptr<const Program> dropped = program_for(backend, of_extent(5001));
  for (std::int64_t i = 0; i < 300; ++i) {
    program_for(backend, of_extent(6000 + i));
    program_for(backend, of_extent(5000));
  }
  EXPECT_FALSE(kept.expired());
  EXPECT_TRUE(dropped.expired());
}

}  // namespace
}  // namespace tendon::plan
