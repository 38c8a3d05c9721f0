// The layer for frameworks: tapes built by hand, compiled, run on the caller's buffers.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

namespace {
std::atomic<std::int64_t> heap_allocations = 0;
}  // namespace

// GCC does not see that these fit each other.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t bytes) {
  heap_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* block = std::malloc(bytes)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  heap_allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(bytes);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace tendon {
namespace {

Buffer buffer(std::vector<float>& values) { return {values.data(), values.size() * sizeof(float)}; }

struct Built {
  Tape tape;
  Ref x, w, unused, loss;
};

// loss = sum(tanh(x * w)), and an input that it ignores.
Built build() {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {3}, "x");
  const Ref w = builder.input(DType::f32, {}, "w");
  const Ref unused = builder.input(DType::f32, {5}, "unused");
  const Ref y = builder.apply(Op::tanh, {builder.apply(Op::mul, {x, w})});
  const Ref loss = builder.apply(Op::reduce_sum, {y});
  return {std::move(builder).finish({loss}), x, w, unused, loss};
}

TEST(Executable, ComputesTargetsAndGradients) {
  const Built built = build();
  const Executable executable = compile(
      built.tape,
      {.device = Device::cpu(), .sources = {built.x, built.w, built.unused}, .gradients = true});
  ASSERT_EQ(executable.outputs().size(), 4U);
  EXPECT_FALSE(executable.outputs()[3].connected);
  std::vector<float> x = {0.1F, -0.2F, 0.3F}, w = {2}, ignored(5, 9), loss(1), by_x(3), by_w(1);
  ReachMask connected;
  executable.run(Stream(), {buffer(x), buffer(w), buffer(ignored)},
                 {buffer(loss), buffer(by_x), buffer(by_w), Buffer{}}, &connected);
  EXPECT_TRUE(connected[0] && connected[1] && !connected[2]);
  double expected = 0;
  double expected_w = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double t = std::tanh(2.0 * static_cast<double>(x[i]));
    expected += t;
    expected_w += (1 - t * t) * static_cast<double>(x[i]);
    EXPECT_NEAR(by_x[i], 2 * (1 - t * t), 1e-6);
  }
  EXPECT_NEAR(loss[0], expected, 1e-6);
  EXPECT_NEAR(by_w[0], expected_w, 1e-6);
}

TEST(Executable, TakesOutputGradients) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {2});
  const Ref seed = builder.input(DType::f32, {2});
  const Ref y = builder.apply(Op::square, {x});
  const Executable executable = compile(
      std::move(builder).finish({y}),
      {.device = Device::cpu(), .sources = {x}, .gradients = true, .output_gradients = {seed}});
  std::vector<float> in = {3, 4}, weights = {1, 10}, value(2), slope(2);
  executable.run(Stream(), {buffer(in), buffer(weights)}, {buffer(value), buffer(slope)});
  EXPECT_EQ(slope, (std::vector<float>{6, 80}));
}

TEST(Executable, MayHaveAnInputOrOneValueTwiceAsTargets) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {2});
  const Ref y = builder.apply(Op::neg, {x});
  const Executable executable =
      compile(std::move(builder).finish({x, y, y}), {.device = Device::cpu()});
  std::vector<float> in = {3, 4}, a(2), b(2), c(2);
  executable.run(Stream(), {buffer(in)}, {buffer(a), buffer(b), buffer(c)});
  EXPECT_EQ(a, in);
  EXPECT_EQ(b, (std::vector<float>{-3, -4}));
  EXPECT_EQ(c, b);
}

TEST(Executable, LeavesOutWhatNoTargetNeeds) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {2});
  builder.apply(Op::exp, {x});
  const Ref y = builder.apply(Op::neg, {x});
  const Executable executable = compile(std::move(builder).finish({y}), {.device = Device::cpu()});
  const PlanSummary summary = executable.summary();
  EXPECT_EQ(summary.ops, 1);
  EXPECT_EQ(summary.launches, 1);
  EXPECT_EQ(summary.bytes_read, 8);
  EXPECT_EQ(summary.bytes_written, 8);
  EXPECT_EQ(summary.floor_bytes, 16);
  ASSERT_EQ(summary.kernels.size(), 1U);
  EXPECT_NE(summary.kernels[0].find("pointwise: neg; %0 f32(2,) -> %2 f32(2,)"), std::string::npos)
      << summary.kernels[0];
}

TEST(Executable, RunsOnManyThreadsAtOnce) {
  const Built built = build();
  const Executable executable =
      compile(built.tape, {.device = Device::cpu(), .sources = {built.w}, .gradients = true});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&executable, t] {
      for (int i = 0; i < 50; ++i) {
        std::vector<float> x = {1, 2, 3}, w = {static_cast<float>(t)}, ignored(5), loss(1), by_w(1);
        executable.run(Stream(), {buffer(x), buffer(w), buffer(ignored)},
                       {buffer(loss), buffer(by_w)});
        ASSERT_NEAR(loss[0], std::tanh(1.0 * t) + std::tanh(2.0 * t) + std::tanh(3.0 * t), 1e-5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Executable, KeepsConstantsOfTheTape) {
  TapeBuilder builder;
  const std::vector<double> values = {1, 2, 3};
  const Ref table = builder.constant(std::span<const double>(values), {3});
  const Ref two = builder.constant(2, DType::f64);
  const Ref y = builder.apply(Op::mul, {table, two});
  const Executable executable = compile(std::move(builder).finish({y}), {.device = Device::cpu()});
  std::vector<double> out(3);
  executable.run(Stream(), {}, {Buffer{out.data(), 24}});
  EXPECT_EQ(out, (std::vector<double>{2, 4, 6}));
}

TEST(Executable, RunsOnEmptyExtents) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {0, 3});
  const Ref y = builder.apply(Op::reduce_sum, {x}, {.axes = 0});
  const Executable executable = compile(
      std::move(builder).finish({y}), {.device = Device::cpu(), .sources = {x}, .gradients = true});
  std::vector<float> out(3, 7);
  executable.run(Stream(), {Buffer{}}, {buffer(out), Buffer{}});
  EXPECT_EQ(out, std::vector<float>(3, 0));
}

TEST(Describe, TellsTheCostAndComputesNothing) {
  Tensor x = Tensor::from({1.0F, 2.0F, 3.0F});
  Tensor y = reduce_sum(exp(x));
  const Counters before = counters(default_device());
  const PlanSummary summary = describe({y});
  EXPECT_EQ(counters(default_device()).runs, before.runs);
  EXPECT_EQ(summary.ops, 2);
  EXPECT_EQ(summary.floor_bytes, 16);
  run({y});
  EXPECT_EQ(counters(default_device()).ops - before.ops, summary.ops);
  EXPECT_EQ(describe({y}).ops, 0);
}

TEST(Describe, TellsTheLaunchesOfTheDevice) {
  Tensor x = ones({500, 400});
  run({x});
  Tensor rows = x - reduce_max(x, {1}, true), columns = reduce_sum(rows, {0});
  Tensor total = reduce_sum(exp(x)), product = matmul(rows, transpose(x, {1, 0}));
  const PlanSummary summary = describe({rows, columns, total, product});
  const Counters before = counters(default_device());
  run({rows, columns, total, product});
  const Counters after = counters(default_device());
  EXPECT_EQ(after.launches - before.launches, summary.launches);
  EXPECT_EQ(after.plans_built, before.plans_built);
  EXPECT_EQ(after.kernels_compiled, before.kernels_compiled);
}

TEST(Describe, PeakIsWhatARunAllocates) {
  Tensor x = ones({1000});
  Tensor y = x;
  for (int i = 0; i < 5; ++i) y = exp(y * 0.5);
  const PlanSummary summary = describe({y});
  // y alone lives in between: nothing else of this test does.
  const std::int64_t before = counters(default_device()).bytes_allocated;
  run({y});
  EXPECT_EQ(counters(default_device()).bytes_allocated, before + 4000);
  EXPECT_GE(counters(default_device()).peak_bytes, before + summary.peak_bytes);
}

// Pointwise, reduce, contract and multi stages.
Executable of_every_stage() {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {40, 30});
  const Ref w = builder.input(DType::f32, {30, 20});
  const Ref b = builder.input(DType::f32, {20});
  const Ref hidden =
      builder.apply(Op::tanh, {builder.apply(Op::add, {builder.apply(Op::matmul, {x, w}), b})});
  const Ref loss = builder.apply(Op::reduce_sum, {builder.apply(Op::square, {hidden})});
  return compile(std::move(builder).finish({loss, hidden}),
                 {.device = Device::cpu(), .sources = {w, b}, .gradients = true});
}

struct Buffers {
  explicit Buffers(const std::vector<Executable::Value>& values, std::size_t offset = 0) {
    for (const Executable::Value& value : values) {
      // Aligned to its element, and no more.
      memory.emplace_back(value.bytes + 64 + offset);
      std::byte* data = memory.back().data() + offset;
      for (std::size_t i = 0; i + 4 <= value.bytes; i += 4) {
        const float element = static_cast<float>(i % 97) / 97 - 0.5F;
        std::memcpy(data + i, &element, sizeof element);
      }
      buffers.push_back({data, value.bytes});
    }
  }
  std::vector<std::vector<std::byte>> memory;
  std::vector<Buffer> buffers;
};

TEST(Executable, RunsOnManyThreadsAtOnceWithTheSameBits) {
  const Executable executable = of_every_stage();
  const Buffers inputs(executable.inputs());
  const Buffers expected(executable.outputs());
  executable.run(Stream(), inputs.buffers, expected.buffers);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      const Buffers own(executable.inputs(), 4 * thread);
      for (int round = 0; round < 20; ++round) {
        const Buffers outputs(executable.outputs(), 4 * thread);
        executable.run(Stream(), own.buffers, outputs.buffers);
        for (std::size_t i = 0; i < outputs.buffers.size(); ++i) {
          EXPECT_EQ(std::memcmp(outputs.buffers[i].data, expected.buffers[i].data,
                                expected.buffers[i].bytes),
                    0)
              << "output " << i;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Executable, TakesNothingFromTheHeapAfterItsFirstRun) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "with a sanitizer nothing is pooled";
#endif
  const Executable executable = of_every_stage();
  const Buffers inputs(executable.inputs());
  const Buffers outputs(executable.outputs());
  executable.run(Stream(), inputs.buffers, outputs.buffers);
  const std::int64_t before = heap_allocations;
  for (int i = 0; i < 10; ++i) executable.run(Stream(), inputs.buffers, outputs.buffers);
  EXPECT_EQ(heap_allocations, before);
}

}  // namespace
}  // namespace tendon
