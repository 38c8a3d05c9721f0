// Memory for values: what is done where the device has none left, and that nothing is lost then.
#include "host/cuda/memory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "host/cuda/device_traits.h"
#include "host/cuda/instance.h"
#include "host/plan/plan.h"
#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

// A keeper without anything to give: the next allocation fails once more.
class Poor final : public Memory::Keeper {
 public:
  explicit Poor(Memory& memory) : memory_(memory) { memory_.add(*this); }
  Poor(const Poor&) = delete;
  Poor& operator=(const Poor&) = delete;
  ~Poor() { memory_.remove(*this); }
  void give_back() noexcept override { again_.emplace("cudaMalloc", 1, cudaErrorMemoryAllocation); }

 private:
  Memory& memory_;
  std::optional<FailingCall> again_;
};

class CudaMemory : public OnEmulatedDevice {
 protected:
  StreamHandle stream_ = new_stream();
};

TEST_F(CudaMemory, IsKeptAndServesAgain) {
  Memory memory(0, stream_.get());
  void* block = memory.allocate(1000, "test", {});
  memory.deallocate(block, 1000);
  const std::int64_t before = live_blocks();
  EXPECT_EQ(memory.allocate(900, "test", {}), block);
  EXPECT_EQ(live_blocks(), before);
  EXPECT_EQ(memory.in_use_bytes(), 900);
  EXPECT_EQ(memory.peak_bytes(), 1000);
  memory.deallocate(block, 900);
}

TEST_F(CudaMemory, TakesBackWhatIsKeptAndTriesOnceMore) {
  Memory memory(0, stream_.get());
  memory.deallocate(memory.allocate(1000, "test", {}), 1000);
  const std::int64_t before = live_blocks();
  const FailingCall fails("cudaMalloc", 1, cudaErrorMemoryAllocation);
  const Block block = memory.with_retry([&] { return Block(memory, 100'000, "test", {}); });
  EXPECT_NE(block.data(), nullptr);
  EXPECT_EQ(live_blocks(), before) << "one came, and the one that was kept went";
}

// -exp(x + c) c, where c is a literal of ones; what is multiplied lies in an arena.
Tape make_tape() {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {8, 8}, "x");
  const std::vector<float> ones(64, 1);
  const Ref c = builder.constant(std::span<const float>(ones), {8, 8});
  const Ref y = builder.apply(Op::exp, {builder.apply(Op::add, {x, c})});
  return std::move(builder).finish({builder.apply(Op::neg, {builder.apply(Op::matmul, {y, c})})});
}

// Each allocation in turn, which fails once more where it is tried again.
TEST_F(CudaMemory, ThatIsNotThereForAProgramLeavesNothingBehind) {
  const Tape tape = make_tape();
  KernelCache kernels(0, 90);
  const Floats in(std::vector<float>(64, 1)), out(std::size_t{64});
  const void* from[] = {in.data()};
  void* into[] = {out.data()};
  {
    // What the product's kernels are tried out in is no memory that a program needs.
    Memory memory(0, stream_.get());
    const CudaProgram first(plan::make_plan(tape, kTraits), 0, kernels, memory);
  }
  int n = 1;
  for (bool is_through = false; !is_through; ++n) {
    ASSERT_LT(n, 20);
    SCOPED_TRACE(fmt::format("allocation {}", n));
    const std::int64_t before = live_blocks();
    {
      Memory memory(0, stream_.get());
      const auto compute = [&] {
        const CudaProgram program(plan::make_plan(tape, kTraits), 0, kernels, memory);
        memory.with_retry([&] { return run(program, {tape, from, into}, stream_.get()); });
      };
      std::string text;
      {
        const Poor poor(memory);
        const FailingCall fails("cudaMalloc", n, cudaErrorMemoryAllocation);
        text = thrown(compute);
      }
      is_through = text.empty();
      if (!is_through) {
        EXPECT_TRUE(says(text, {"OutOfMemory", "no memory for ", " on cuda:0", "is free"}));
      }
      EXPECT_EQ(memory.in_use_bytes(), 0);
      compute();
      EXPECT_NEAR(out.values()[63], -8 * std::exp(2.0), 1e-4);
      EXPECT_EQ(memory.in_use_bytes(), 0);
    }
    EXPECT_EQ(live_blocks(), before);
  }
  EXPECT_GE(n, 3) << "a literal and an arena are allocated";
}

TEST_F(CudaMemory, IsGivenBackByGraphsThatDoNotRun) {
  const Tape tape = make_tape();
  KernelCache kernels(0, 90);
  const Floats in(std::vector<float>(64, 1)), out(std::size_t{64});
  const void* from[] = {in.data()};
  void* into[] = {out.data()};
  Memory memory(0, stream_.get());
  const CudaProgram program(plan::make_plan(tape, kTraits), 0, kernels, memory);
  const std::int64_t without_graphs = memory.in_use_bytes();
  run(program, {tape, from, into}, stream_.get());
  ASSERT_GT(memory.in_use_bytes(), without_graphs);
  {
    const FailingCall fails("cudaMalloc", 1, cudaErrorMemoryAllocation);
    const Block block = memory.with_retry([&] { return Block(memory, 100'000, "test", {}); });
    EXPECT_EQ(memory.in_use_bytes(), without_graphs + 100'000);
  }
  run(program, {tape, from, into}, stream_.get());
  EXPECT_NEAR(out.values()[63], -8 * std::exp(2.0), 1e-4);
}

}  // namespace
}  // namespace tendon::cuda
