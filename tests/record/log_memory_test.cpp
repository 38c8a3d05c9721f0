// The log that explanations are made from holds what live tapes and kept gradients need, however
// long a program runs.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cstdint>
#include <functional>
#include <sstream>
#include <thread>
#include <vector>

namespace tendon {
namespace {

std::int64_t log_bytes() { return counters(Device::cpu()).log_bytes; }

// The bytes of the log after few and after many rounds of a program.
void expect_constant(const std::function<void()>& round, int few, int many) {
  for (int i = 0; i < few; ++i) round();
  const std::int64_t before = log_bytes();
  for (int i = few; i < many; ++i) round();
  EXPECT_EQ(log_bytes(), before);
}

constexpr int kFewOps = 1'000;
constexpr int kManyOps = 1'000'000;

TEST(LogMemory, IsConstantWithoutATape) {
  const Tensor w = ones({8});
  run({w});
  expect_constant([&] { Tensor y = w * 2; }, kFewOps, kManyOps);
}

TEST(LogMemory, IsConstantWhereValuesAreComputedAndRead) {
  const Tensor w = ones({8});
  expect_constant(
      [&] {
        Tensor y = reduce_sum(w * 2);
        static_cast<void>(y.item<float>());
      },
      kFewOps, 20 * kFewOps);
}

TEST(LogMemory, IsConstantWithShortTapes) {
  const Variable w(ones({8}), "w");
  constexpr int kOps = 100;
  expect_constant(
      [&] {
        GradientTape tape;
        Tensor y = w;
        for (int i = 0; i < kOps; ++i) y = y * 2;
        tape.gradient(y, w);
      },
      kFewOps / kOps, kManyOps / kOps);
}

TEST(LogMemory, IsConstantWithOneTapeBegunAndEndedBefore) {
  const Variable w(ones({8}), "w");
  { GradientTape tape; }
  GradientTape tape({.persistent = true});
  Tensor loss = reduce_sum(w * w);
  tape.stop();  // alive, but it logs nothing more
  expect_constant([&] { Tensor y = w * 2; }, kFewOps, kManyOps);
  EXPECT_TRUE(tape.gradient(loss, w).has_value());
}

TEST(LogMemory, IsConstantOnASecondThread) {
  const Variable w(ones({8}), "w");
  GradientTape tape;  // of this thread
  std::thread([&] { expect_constant([&] { Tensor y = w * 2; }, kFewOps, kManyOps); }).join();
}

TEST(LogMemory, IsConstantWithPrinting) {
  const Variable w(ones({2}), "w");
  expect_constant(
      [&] {
        GradientTape tape;
        const Gradients gradients = tape.gradient(reduce_sum(w * w), {w});
        std::ostringstream table;
        table << gradients << w;
      },
      10, 1'000);
}

TEST(LogMemory, IsConstantWhereATapeIsResetAgainAndAgain) {
  const Variable w(ones({8}), "w");
  GradientTape tape({.persistent = true});
  std::vector<std::int64_t> bytes;
  for (int round = 0; round < 2'000; ++round) {
    Tensor y = w;
    for (int i = 0; i < 100; ++i) y = y * 2;
    tape.gradient(y, w);
    tape.reset();
    if (round % 1'000 == 999) bytes.push_back(log_bytes());
  }
  EXPECT_EQ(bytes[0], bytes[1]);
}

TEST(LogMemory, IsFreedWhereATapeIsDestroyedOnAnotherThread) {
  const Variable w(ones({8}), "w");
  const std::int64_t before = log_bytes();
  auto tape = std::make_unique<GradientTape>();
  std::thread([&] { tape.reset(); }).join();
  for (int i = 0; i < 100'000; ++i) Tensor y = w * 2;
  EXPECT_LE(log_bytes() - before, 1 << 20);
}

TEST(LogMemory, OfKeptGradientsIsLinearInThem) {
  const Variable w(ones({8}), "w");
  const std::int64_t before = log_bytes();
  std::vector<Gradient> kept;
  std::vector<std::int64_t> bytes;
  for (int i = 0; i < 1'000; ++i) {
    GradientTape tape;
    Tensor y = w;
    for (int k = 0; k < 50; ++k) y = y * 2;
    kept.push_back(tape.gradient(y, w));
    if (i % 500 == 499) bytes.push_back(log_bytes() - before);
  }
  // Some 105 entries a tape, of some 100 bytes: tapes share chunks.
  EXPECT_LT(bytes[1], 1'000 * 105 * 130);
  EXPECT_LT(bytes[1], bytes[0] * 2 + (1 << 18));
  kept.clear();
  EXPECT_LT(log_bytes() - before, 1 << 17);  // a chunk, until the next tape
}

}  // namespace
}  // namespace tendon
