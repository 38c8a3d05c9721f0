// What a tape records, and when.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <thread>

namespace tendon {
namespace {

Tensor scalar(double value) { return Tensor(value); }

TEST(Recording, WatchIsNotRetroactive) {
  Tensor x = scalar(3);
  GradientTape tape({.persistent = true});
  Tensor before = x * x;
  tape.watch(x);
  Tensor after = x * 2;
  EXPECT_FALSE(tape.gradient(before, x));
  EXPECT_EQ(tape.gradient(before + after, x)->item<float>(), 2);
}

TEST(Recording, WatchingAnIntermediateDoesNotCutItFromWhatCameBefore) {
  Tensor x = scalar(3);
  GradientTape tape({.persistent = true});
  tape.watch(x);
  Tensor y = x * x;
  tape.watch(y);
  Tensor z = y * 5;
  EXPECT_EQ(tape.gradient(z, x)->item<float>(), 30);
  EXPECT_EQ(tape.gradient(z, y)->item<float>(), 5);
}

TEST(Recording, WatchingAnIntegerWarnsOnceACallSiteAndNeverConnects) {
  std::vector<std::string> warnings;
  set_warning_handler([&](std::string_view text) { warnings.emplace_back(text); });
  Tensor i = Tensor::from({1, 2, 3});
  GradientTape tape({.persistent = true});
  for (int k = 0; k < 3; ++k) tape.watch(i);
  set_warning_handler({});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("recording_test.cpp"), std::string::npos);
  Tensor y = reduce_sum(i * 2.0);
  EXPECT_FALSE(tape.gradient(y, i));
}

TEST(Recording, TrainableVariablesAreWatchedWhenRead) {
  Variable w(scalar(3), "w");
  GradientTape tape;
  Tensor y = w * w;
  EXPECT_EQ(tape.watched_variables().size(), 1U);
  EXPECT_EQ(tape.gradient(y, w)->item<float>(), 6);
}

TEST(Recording, VariablesAreNotWatchedWhereTheTapeSaysSo) {
  Variable w(scalar(3), "w");
  GradientTape tape({.persistent = true, .watch_accessed_variables = false});
  Tensor y = w * w;
  EXPECT_TRUE(tape.watched_variables().empty());
  EXPECT_FALSE(tape.gradient(y, w));
  tape.watch(w);
  Tensor z = w * w;
  EXPECT_EQ(tape.gradient(z, w)->item<float>(), 6);
}

TEST(Recording, AVariableThatIsNotTrainableNeedsAnExplicitWatch) {
  Variable w(scalar(3), "w", false);
  GradientTape tape({.persistent = true});
  Tensor y = w * w;
  EXPECT_FALSE(tape.gradient(y, w));
  tape.watch(w);
  Tensor z = w * w * w;
  EXPECT_EQ(tape.gradient(z, w)->item<float>(), 27);
}

TEST(Recording, AReadMadeBeforeTheWatchStaysUnwatched) {
  Variable w(scalar(3), "w", false);
  GradientTape tape({.persistent = true});
  Tensor read = w;
  tape.watch(w);
  EXPECT_FALSE(tape.gradient(read * 2, w));
}

TEST(Recording, WatchedVariablesKeepOrderSurviveGradientAndAreEmptiedByReset) {
  Variable a(scalar(1), "a"), b(scalar(2), "b"), c(scalar(3), "c");
  GradientTape tape({.persistent = true});
  Tensor y = b * c * a;
  const auto names = [&] {
    std::string all;
    for (const Variable& variable : tape.watched_variables()) all += variable.name();
    return all;
  };
  EXPECT_EQ(names(), "abc");
  tape.gradient(y, tape.watched_variables());
  EXPECT_EQ(names(), "abc");
  tape.reset();
  EXPECT_EQ(names(), "");
}

TEST(Recording, StopRecordingSuspendsThatTapeAlone) {
  Variable w(scalar(3), "w");
  Tensor x = scalar(2);
  GradientTape outer({.persistent = true});
  GradientTape inner({.persistent = true});
  outer.watch(x);
  inner.watch(x);
  Tensor y;
  Tensor z;
  {
    Pause pause = inner.stop_recording();
    y = x * x;
    z = w * x;  // the outer tape watches w, the inner does not
  }
  EXPECT_EQ(outer.gradient(y, x)->item<float>(), 4);
  EXPECT_FALSE(inner.gradient(y, x));
  EXPECT_EQ(outer.watched_variables().size(), 1U);
  EXPECT_TRUE(inner.watched_variables().empty());
  Tensor resumed = x * 7;
  EXPECT_EQ(inner.gradient(resumed, x)->item<float>(), 7);
}

TEST(Recording, AReadingMadeWhilePausedStaysUnwatchedEvenIfTheVariableIsReadLater) {
  Variable w(scalar(3), "w");
  GradientTape tape({.persistent = true});
  Tensor early;
  {
    Pause pause = tape.stop_recording();
    early = w;
  }
  Tensor y = early * 2;
  Tensor z = w * 5;
  EXPECT_FALSE(tape.gradient(y, w));
  EXPECT_EQ(tape.gradient(z, w)->item<float>(), 5);
}

TEST(Recording, PausesNest) {
  Tensor x = scalar(2);
  GradientTape tape({.persistent = true});
  tape.watch(x);
  {
    Pause outer = tape.stop_recording();
    { Pause inner = tape.stop_recording(); }
    Tensor y = x * x;
    EXPECT_FALSE(tape.gradient(y, x));
  }
  EXPECT_TRUE(tape.gradient(x * x, x));
}

TEST(Recording, APauseThatOutlivesItsTapeIsHarmless) {
  auto tape = std::make_unique<GradientTape>();
  Pause pause = tape->stop_recording();
  tape.reset();
}

TEST(Recording, AnExceptionThatLeavesTheBlockEndsTheTape) {
  Tensor x = scalar(2);
  try {
    GradientTape tape;
    tape.watch(x);
    throw std::runtime_error("left");
  } catch (const std::runtime_error&) {
  }
  GradientTape next;
  next.watch(x);
  EXPECT_EQ(next.gradient(x * x, x)->item<float>(), 4);
}

TEST(Recording, CostsNoDeviceWork) {
  Tensor x = Tensor::from({1.0F, 2.0F});
  const Counters before = counters(default_device());
  GradientTape tape;
  tape.watch(x);
  Tensor y = reduce_sum(exp(x) * x);
  Gradient gradient = tape.gradient(y, x);
  const Counters after = counters(default_device());
  EXPECT_EQ(after.ops, before.ops);
  EXPECT_EQ(after.runs, before.runs);
  EXPECT_EQ(after.bytes_allocated, before.bytes_allocated);
  gradient->to_vector<float>();
  EXPECT_EQ(counters(default_device()).runs, before.runs + 1);
}

TEST(Recording, AVariableStandsForAllItsReadsBeforeAndAfterAssigns) {
  Variable w(scalar(3), "w");
  GradientTape tape;
  Tensor y = w * 2;
  w.assign(scalar(10));
  Tensor z = w * 5;
  EXPECT_EQ(tape.gradient(y + z, w)->item<float>(), 7);
}

TEST(Recording, WhatFlowsIntoAssignDoesNotConnect) {
  Tensor x = scalar(3);
  Variable w(scalar(1), "w");
  GradientTape tape({.persistent = true});
  tape.watch(x);
  w.assign(x * 2);
  Tensor y = w * x;
  EXPECT_EQ(tape.gradient(y, x)->item<float>(), 6);  // through the factor x alone
  EXPECT_EQ(tape.gradient(y, w)->item<float>(), 3);
}

TEST(Recording, AnotherThreadsOpsAreNotRecorded) {
  Tensor x = scalar(3);
  GradientTape tape({.persistent = true});
  tape.watch(x);
  Tensor there;
  std::thread([&] { there = x * x; }).join();
  Tensor y = there * 2;
  EXPECT_FALSE(tape.gradient(y, x));
  EXPECT_EQ(tape.gradient(x * x, x)->item<float>(), 6);
}

TEST(Recording, ATapeOfEachThreadRecordsItsOwn) {
  Variable w(scalar(3), "w");
  std::vector<float> answers(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    threads.emplace_back([&, i] {
      GradientTape tape;
      Tensor y = w * w * static_cast<double>(i);
      answers[i] = tape.gradient(y, w)->item<float>();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i], 6 * static_cast<float>(i));
}

TEST(Recording, AnAssignWithManyOpsPendingComputesThem) {
  Variable w(scalar(0), "w");
  const Counters before = counters(default_device());
  for (int i = 0; i < 12'000; ++i) w.assign_add(scalar(1));
  EXPECT_GT(counters(default_device()).runs, before.runs);
  EXPECT_EQ(w.read().item<float>(), 12'000);
}

TEST(Recording, ValuesAreComputedWhenAskedForWithRun) {
  Tensor x = Tensor::from({1.0F, 2.0F});
  Tensor y = x + 1;
  Tensor z = y * 2;
  const Counters before = counters(default_device());
  run({y, z});
  EXPECT_EQ(counters(default_device()).runs, before.runs + 1);
  y.to_vector<float>();
  z.to_vector<float>();
  EXPECT_EQ(counters(default_device()).runs, before.runs + 1);
  EXPECT_EQ(counters(default_device()).host_reads, before.host_reads + 2);
}

}  // namespace
}  // namespace tendon
