// Memory is freed as soon as no handle, tape or pending run needs it; failing to get any leaves
// everything usable.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <thread>

namespace tendon {
namespace {

std::int64_t bytes_now() { return counters(default_device()).bytes_allocated; }

TEST(Memory, OfTenThousandTrainingStepsDoesNotGrow) {
  Variable w(ones({100}), "w");
  optim::Adam adam({.learning_rate = 1e-3});
  const auto step = [&] {
    GradientTape tape;
    Tensor loss = reduce_sum(square(tanh(w) - 0.5));
    adam.apply(tape.gradient(loss, {w}), {w});
    return loss.item<float>();
  };
  for (int i = 0; i < 10; ++i) step();
  const Counters before = counters(default_device());
  for (int i = 0; i < 10'000; ++i) step();
  const Counters after = counters(default_device());
  EXPECT_EQ(after.bytes_allocated, before.bytes_allocated);
  EXPECT_EQ(after.peak_bytes, before.peak_bytes);
}

TEST(Memory, OfAStepWrittenByHandDoesNotGrowAndCostsTheSameEachTime) {
  Variable w(ones({100}), "w");
  const auto step = [&] {
    GradientTape tape;
    Tensor loss = reduce_sum(square(w));
    w.assign_sub(*tape.gradient(loss, w) * 0.001);
    loss.item<float>();
    return counters(default_device());
  };
  step();
  const Counters first = step();
  const Counters second = step();
  Counters last = second;
  for (int i = 0; i < 1000; ++i) last = step();
  EXPECT_EQ(last.bytes_allocated, second.bytes_allocated);
  EXPECT_EQ(last.ops - first.ops, 1001 * (second.ops - first.ops));
}

TEST(Memory, OfAValueIsFreedWithItsLastHandle) {
  const std::int64_t before = bytes_now();
  {
    Tensor x = Tensor::from(std::vector<float>(1000, 1.0F));
    Tensor copy = x;
    EXPECT_EQ(bytes_now(), before + 4000);
  }
  EXPECT_EQ(bytes_now(), before);
}

TEST(Memory, OfOperandsIsFreedWhenTheResultIsThere) {
  const std::int64_t before = bytes_now();
  Tensor y;
  {
    Tensor x = Tensor::from(std::vector<float>(1000, 1.0F));
    y = reduce_sum(x * 2);
  }
  EXPECT_EQ(bytes_now(), before + 4000);  // y still needs x
  y.item<float>();
  EXPECT_EQ(bytes_now(), before + 4);
}

TEST(Memory, OfATapeIsFreedWhenItHasAnswered) {
  Tensor x = Tensor::from(std::vector<float>(1000, 1.0F));
  const std::int64_t before = bytes_now();
  GradientTape tape;
  tape.watch(x);
  Gradients gradients;
  {
    Tensor y = reduce_sum(exp(x) * Tensor::from(std::vector<float>(1000, 2.0F)));
    gradients = tape.gradient(y, {x});
  }
  gradients[0]->to_vector<float>();
  EXPECT_EQ(bytes_now(), before + 4000);  // the gradient alone
  gradients = {};
  EXPECT_EQ(bytes_now(), before);
}

TEST(Memory, OfAnUnreadResultIsNeverTaken) {
  const std::int64_t before = bytes_now();
  Tensor y = zeros({1000, 1000}) + 1;
  EXPECT_EQ(bytes_now(), before);
}

TEST(Memory, OutOfMemorySaysTheNumbersAndLeavesTheProcessUsable) {
  Variable w(ones({4}), "w");
  GradientTape tape({.persistent = true});
  Tensor y = reduce_sum(w * w);
  Tensor huge = broadcast_to(w.read(), {std::int64_t{1} << 40, 4}) + 1;
  const std::int64_t before = bytes_now();
  try {
    run({huge});
    FAIL();
  } catch (const OutOfMemory& error) {
    EXPECT_EQ(error.requested_bytes(), std::int64_t{1} << 44);
    EXPECT_GT(error.free_bytes(), 0);
    const std::string text = error.what();
    EXPECT_NE(text.find("16.0 TiB"), std::string::npos) << text;
    EXPECT_NE(text.find("memory_test.cpp"), std::string::npos) << text;
  }
  EXPECT_LE(bytes_now(), before);  // what was kept for runs to come may be given back
  EXPECT_EQ(tape.gradient(y, w)->to_vector<float>(), (std::vector<float>{2, 2, 2, 2}));
}

TEST(Memory, OfAMillionPendingOpsIsFreedWithoutRecursion) {
  Tensor y = Tensor(1);
  for (int i = 0; i < 1'000'000; ++i) y = y + 1;
}

TEST(Threads, ReadTheSamePendingValue) {
  for (int round = 0; round < 50; ++round) {
    Tensor x = Tensor::from({1.0F, 2.0F, 3.0F});
    Tensor y = exp(x);
    Tensor z = y * 2 + x;
    std::vector<std::thread> threads;
    std::vector<std::vector<float>> values(4);
    for (std::size_t i = 0; i < values.size(); ++i) {
      threads.emplace_back([&, i] { values[i] = (i % 2 == 0 ? z : z + 0).to_vector<float>(); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& value : values) EXPECT_EQ(value, values[0]);
  }
}

TEST(Threads, TrainVariablesOfTheirOwnAndReadSharedOnes) {
  Variable shared(ones({8}), "shared");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&shared] {
      Variable own(ones({8}), "own");
      optim::Sgd sgd({.learning_rate = 0.01, .momentum = 0.9});
      for (int step = 0; step < 50; ++step) {
        GradientTape tape;
        Tensor loss = reduce_sum(square(own * shared));
        sgd.apply(tape.gradient(loss, {own}), {own});
      }
    });
  }
  for (int i = 0; i < 50; ++i) shared.assign_add(full({8}, 0.001));
  for (std::thread& thread : threads) thread.join();
}

TEST(Threads, ATapeStoppedOnItsThreadMayAnswerOnAnother) {
  Variable w(Tensor(3), "w");
  GradientTape tape;
  Tensor y = w * w;
  std::thread([&] { EXPECT_THROW(tape.gradient(y, w), TapeError); }).join();
  tape.stop();
  std::thread([&] { EXPECT_EQ(tape.gradient(y, w)->item<float>(), 6); }).join();
}

TEST(Threads, ATapeDestroyedOnAnotherThreadStopsRecording) {
  Variable w(Tensor(3), "w");
  auto tape = std::make_unique<GradientTape>();
  std::thread([&] { tape.reset(); }).join();
  Tensor y = w * w;
  GradientTape next;
  EXPECT_EQ(next.gradient(w * w, w)->item<float>(), 6);
}

}  // namespace
}  // namespace tendon
