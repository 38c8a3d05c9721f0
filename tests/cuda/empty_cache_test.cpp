// Memory that is kept for later goes back to the device where the caller asks for it.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <vector>

#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

using EmptyCache = OnEmulatedDevice;

Device device() { return Device::cuda(); }
Tensor on_device(std::int64_t rows, float value) { return full({rows, 64}, value).to(device()); }

TEST_F(EmptyCache, GivesBackBlocksThatNoValueHolds) {
  empty_cache(device());
  const Tensor held = exp(on_device(32, 0)) + 1;
  run({held});
  const std::int64_t before = live_blocks();
  for (int i = 0; i < 3; ++i) run({exp(on_device(1000, 1)) * 2});
  EXPECT_GE(counters(device()).bytes_kept, 1000 * 64 * 4);
  EXPECT_GT(live_blocks(), before);
  empty_cache(device());
  EXPECT_EQ(counters(device()).bytes_kept, 0);
  EXPECT_LE(live_blocks(), before);
  EXPECT_EQ(held.to_vector<float>()[2000], 2);
}

// A product's operand that is computed before lies in an arena; another one, with a product's
// address in it, is of a graph.
Tape make_tape() {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {8, 8}, "x");
  const std::vector<float> ones(64, 1);
  const Ref c = builder.constant(std::span<const float>(ones), {8, 8});
  const Ref y = builder.apply(Op::matmul, {builder.apply(Op::exp, {x}), c});
  return std::move(builder).finish({builder.apply(Op::neg, {y})});
}

TEST_F(EmptyCache, GivesBackWhatPlansWorkInAndLeavesTheirRunsAsTheyAre) {
  for_each_seed([] {
    const Executable executable = compile(make_tape(), {.device = device()});
    const Floats x(std::vector<float>(64, 0)), y(std::size_t{64});
    const StreamHandle stream = new_stream();
    empty_cache(device());
    const std::int64_t before = live_blocks();
    for (int round = 0; round < 3; ++round) {
      executable.run(Stream(stream.get()), {x.buffer()}, {y.buffer()});
      EXPECT_GT(live_blocks(), before);
      empty_cache(device());  // while the run may be under way
      EXPECT_EQ(live_blocks(), before);
      EXPECT_EQ(counters(device()).bytes_kept, 0);
    }
    TENDON_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
    EXPECT_EQ(y.values(), std::vector<float>(64, -8));
  });
}

// What finding the connected gradients takes is kept in the order of another stream.
TEST_F(EmptyCache, GivesBackWhatGradientsWereFoundIn) {
  const auto step = [] {
    GradientTape tape;
    Tensor x = on_device(4, 1);
    tape.watch(x);
    const Tensor y = reduce_sum(x * x);
    EXPECT_EQ(tape.gradient(y, x)->to_vector<float>()[0], 2);
  };
  step();
  empty_cache(device());
  EXPECT_EQ(counters(device()).bytes_kept, 0);
  step();
}

}  // namespace
}  // namespace tendon::cuda
