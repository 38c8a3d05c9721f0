// The device's mask against the host's: the same function over the same tapes, in another order.
#include "host/autodiff/reachability.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "host/cpu/cpu_backend.h"
#include "host/cuda/cuda_backend.h"
#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

using autodiff::Mask;
using autodiff::SourceValue;

// A tape with what is asked of it.
struct Question {
  Tape tape;
  std::vector<std::uint8_t> live;
  std::vector<SourceValue> sources;
  std::uint32_t source_count = 0;

  Mask mask(plan::Backend& device) const {
    return autodiff::reachability(device, tape, live, sources, source_count, tape.targets());
  }
};

// What a random tape of scalars is like: an op takes its operands from the `reach` values before
// it, so that a small reach makes it deep and a large one wide.
struct Kind {
  std::uint32_t size = 0, sources = 1, targets = 1;
  std::uint32_t reach = ~0u;
  unsigned dead_of_1000 = 60;  // edges
};

Question random_question(const Kind& kind, std::mt19937& random) {
  TapeBuilder builder;
  const auto below = [&](std::uint32_t count) {
    return static_cast<std::uint32_t>(random() % count);
  };
  const auto earlier = [&] {
    return Ref{builder.size() - 1 - below(std::min(kind.reach, builder.size()))};
  };
  while (builder.size() < kind.size) {
    switch (builder.size() < 8 ? 0 : 1 + below(4)) {
      case 0: builder.input(DType::f32, {}); break;
      case 1: builder.apply(Op::tanh, {earlier()}); break;
      case 2: builder.apply(Op::clip, {earlier(), earlier(), earlier()}); break;
      default: builder.apply(Op::mul, {earlier(), earlier()}); break;
    }
  }
  std::vector<Ref> targets;
  for (std::uint32_t i = 0; i < kind.targets; ++i)
    targets.push_back(Ref{builder.size() - 1 - below(builder.size() / 4 + 1)});
  Question question{.tape = std::move(builder).finish(targets),
                    .live = {},
                    .sources = {},
                    .source_count = kind.sources};
  question.live = autodiff::differentiable_edges(question.tape);
  for (std::uint8_t& edge : question.live) edge = edge != 0 && random() % 1000 >= kind.dead_of_1000;
  for (std::uint32_t i = 0; i < kind.sources; ++i) {
    for (std::uint32_t values = 1 + below(2); values-- > 0;)
      question.sources.push_back({Ref{below(question.tape.size())}, i});
  }
  return question;
}

class CudaReachability : public OnDevice {
 protected:
  void SetUp() override {
    OnDevice::SetUp();
    Refusal refusal;
    device = IsSkipped() ? nullptr : backend(0, refusal);
  }

  // How many values have a backward that is needed.
  std::uint32_t expect_equal_masks(const Kind& kind, std::mt19937& from) {
    const Question question = random_question(kind, from);
    const Mask on_host = question.mask(cpu::backend());
    EXPECT_TRUE(question.mask(*device) == on_host)
        << kind.size << " ops, " << kind.sources << " sources";
    std::uint32_t needed = 0;
    for (std::uint32_t id = 0; id < kind.size; ++id) needed += on_host.needed(Ref{id}) ? 1u : 0u;
    return needed;
  }
  std::uint32_t expect_equal_masks(const Kind& kind) { return expect_equal_masks(kind, random); }

  plan::Backend* device = nullptr;
  std::mt19937 random{1};
};

TEST_F(CudaReachability, OfSmallTapesIsTheHosts) {
  for_each_seed([&] {
    for (const std::uint32_t size : {1u, 2u, 3u, 20u, 100u, 333u}) {
      for (const std::uint32_t sources : {1u, 63u, 64u, 65u, 130u}) {
        expect_equal_masks({size, sources, 1 + size % 3});
      }
    }
  });
}

TEST_F(CudaReachability, OfDeepTapesIsTheHosts) {
  for_each_seed([&] {
    EXPECT_GT(expect_equal_masks({.size = 2000, .sources = 9, .reach = 1, .dead_of_1000 = 0}),
              100U);
    EXPECT_GT(expect_equal_masks({.size = 3000, .sources = 70, .targets = 5, .reach = 4}), 100U);
  });
}

// Levels of more nodes than a block has threads.
TEST_F(CudaReachability, OfWideTapesIsTheHosts) {
  for_each_seed([&] {
    EXPECT_GT(expect_equal_masks({.size = 12'000, .sources = 400, .targets = 30}), 10U);
    EXPECT_GT(
        expect_equal_masks({.size = 4000, .sources = 200, .targets = 50, .dead_of_1000 = 300}),
        10U);
  });
}

TEST_F(CudaReachability, Of100000OpsAnd500SourcesIsTheHosts) {
  EXPECT_GT(expect_equal_masks({.size = 100'000, .sources = 500, .targets = 200}), 100U);
}
TEST_F(CudaReachability, Of100000OpsInALongChainIsTheHosts) {
  EXPECT_GT(expect_equal_masks({.size = 100'000, .sources = 5, .targets = 2, .reach = 8}), 1000U);
}

TEST_F(CudaReachability, WithoutSourcesOrTargetsIsEmpty) {
  Question question = random_question({.size = 50, .sources = 4}, random);
  const auto expect_none = [&](const Question& of) {
    const Mask mask = of.mask(*device);
    for (std::uint32_t id = 0; id < of.tape.size(); ++id) EXPECT_FALSE(mask.needed(Ref{id}));
  };
  Question without_targets = question;
  without_targets.tape = TapeBuilder(question.tape).finish({});
  expect_none(without_targets);
  question.sources.clear();
  expect_none(question);
}

TEST_F(CudaReachability, IsFoundFromSeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 own(i);
      for (int round = 0; round < 3; ++round)
        expect_equal_masks({.size = 400, .sources = 10 * (i + 1)}, own);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tendon::cuda
