// The one reachability function, against a search that is obviously right.
#include "host/autodiff/reachability.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "host/autodiff/differentiate.h"
#include "host/cpu/cpu_backend.h"

namespace tendon::autodiff {
namespace {

// A random tape of scalars with ops of one and two operands, some of which cut.
Tape random_tape(std::mt19937& random, std::uint32_t size) {
  TapeBuilder builder;
  const auto pick = [&](std::uint32_t below) {
    return Ref{static_cast<std::uint32_t>(random() % below)};
  };
  for (int i = 0; i < 4; ++i) builder.input(DType::f32, {});
  while (builder.size() < size) {
    const Ref a = pick(builder.size());
    const Ref b = pick(builder.size());
    switch (random() % 6) {
      case 0: builder.apply(Op::floor, {a}); break;
      case 1: builder.apply(Op::stop_gradient, {a}); break;
      case 2: builder.apply(Op::tanh, {a}); break;
      case 3: builder.input(DType::f32, {}); break;
      default: builder.apply(Op::mul, {a, b}); break;
    }
  }
  return std::move(builder).finish({pick(size), pick(size)});
}

// Whether live edges lead from `from` to `to`, by depth-first search from the top.
bool leads(const Tape& tape, const std::vector<std::uint8_t>& live, Ref from, Ref to) {
  std::set<Ref> seen;
  std::vector<Ref> stack = {to};
  while (!stack.empty()) {
    const Ref at = stack.back();
    stack.pop_back();
    if (at == from) return true;
    if (!seen.insert(at).second) continue;
    const auto operands = tape.operands(at);
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (live[tape.operand_begin()[at.id] + i] != 0) stack.push_back(operands[i]);
    }
  }
  return false;
}

TEST(Reachability, AgreesWithASearchOnRandomTapes) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    const Tape tape = random_tape(random, 60);
    std::vector<std::uint8_t> live = differentiable_edges(tape);
    for (std::uint8_t& edge : live)
      edge = edge != 0 && random() % 8 != 0;  // recorded too early, say
    std::vector<SourceValue> sources;
    constexpr std::uint32_t kSources = 130;  // three words of bits
    for (std::uint32_t i = 0; i < kSources; ++i) {
      sources.push_back({Ref{static_cast<std::uint32_t>(random() % tape.size())}, i});
    }
    const Mask mask = reachability(cpu::backend(), tape, live, sources, kSources, tape.targets());
    for (std::uint32_t id = 0; id < tape.size(); ++id) {
      const bool to_target = leads(tape, live, Ref{id}, tape.targets()[0]) ||
                             leads(tape, live, Ref{id}, tape.targets()[1]);
      for (const SourceValue& source : sources) {
        ASSERT_EQ(mask.needed(Ref{id}, source.source),
                  to_target && leads(tape, live, source.value, Ref{id}));
      }
    }
  }
}

TEST(Reachability, OfNonFloatingTargetsIsEmpty) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::i32, {3});
  const Ref y = builder.apply(Op::add, {x, x});
  const Tape tape = std::move(builder).finish({y});
  const std::vector<SourceValue> sources = {{x, 0}};
  EXPECT_FALSE(
      reachability(cpu::backend(), tape, differentiable_edges(tape), sources, 1, tape.targets())
          .needed(x));
}

TEST(Differentiate, AppendsNothingForWhatIsNotNeeded) {
  TapeBuilder builder;
  const Ref a = builder.input(DType::f32, {3});
  const Ref b = builder.input(DType::f32, {3});
  const Ref product = builder.apply(Op::mul, {a, b});
  const Ref other = builder.apply(Op::exp, {b});
  const Ref loss = builder.apply(Op::add, {product, builder.apply(Op::stop_gradient, {other})});
  Tape tape = std::move(builder).finish({loss});
  const std::uint32_t forward = tape.size();
  const std::vector<SourceValue> sources = {{a, 0}};
  const std::vector<std::uint8_t> live = differentiable_edges(tape);
  const Mask mask = reachability(cpu::backend(), tape, live, sources, 1, tape.targets());
  const Differentiated result = differentiate(std::move(tape), {}, sources, 1, live, mask);
  ASSERT_TRUE(result.gradients[0].has_value());
  // The seed, which is 1: the gradient is b itself.
  ASSERT_EQ(result.tape.size(), forward + 1);
  EXPECT_EQ(*result.gradients[0], b);
}

TEST(Differentiate, OfNothingConnectedAppendsNothing) {
  TapeBuilder builder;
  const Ref a = builder.input(DType::f32, {3});
  const Ref b = builder.input(DType::f32, {3});
  const Ref loss = builder.apply(Op::exp, {b});
  Tape tape = std::move(builder).finish({loss});
  const std::uint32_t forward = tape.size();
  const std::vector<SourceValue> sources = {{a, 0}};
  const std::vector<std::uint8_t> live = differentiable_edges(tape);
  const Mask mask = reachability(cpu::backend(), tape, live, sources, 1, tape.targets());
  const Differentiated result = differentiate(std::move(tape), {}, sources, 1, live, mask);
  EXPECT_FALSE(result.gradients[0].has_value());
  EXPECT_EQ(result.tape.size(), forward);
}

}  // namespace
}  // namespace tendon::autodiff
