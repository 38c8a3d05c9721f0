// Why None: the cause, and the place in this file that a person would edit.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <sstream>
#include <thread>

namespace tendon {
namespace {

Tensor scalar(double value) { return Tensor(value); }
constexpr int kAnyLine = -1;

// The explanation has the cause, and names `line` of this file both in `where` and, unless it is
// the source's own place, in its text.
void expect_cause(const Explanation& why, Cause cause, int line = kAnyLine) {
  EXPECT_EQ(why.cause, cause) << why.text;
  EXPECT_FALSE(why.text.empty());
  if (line == kAnyLine) return;
  ASSERT_TRUE(why.where.has_value()) << why.text;
  EXPECT_EQ(static_cast<int>(why.where->line()), line) << why.text;
  EXPECT_NE(why.text.find("explanation_test.cpp:" + std::to_string(line)), std::string::npos)
      << why.text;
}

TEST(Explanation, Connected) {
  Tensor x = scalar(2);
  GradientTape tape;
  tape.watch(x);
  Tensor y = exp(x) * 2;
  expect_cause(tape.explain(y, x), Cause::connected, __LINE__ - 1);
  const Gradient gradient = tape.gradient(y, x);
  EXPECT_EQ(gradient.why().cause, Cause::connected);
  EXPECT_NE(gradient.why().text.find("exp"), std::string::npos);
}

TEST(Explanation, ASourceThatIsATargetIsConnected) {
  Tensor x = scalar(2);
  GradientTape tape;
  expect_cause(tape.gradient(x, x).why(), Cause::connected);
}

TEST(Explanation, CutByDtypeOfTheSource) {
  Tensor i = Tensor::from({1, 2});
  const int line = __LINE__ - 1;
  GradientTape tape;
  Tensor y = reduce_sum(i * 2.0);
  const Explanation& why = tape.gradient(y, i).why();
  expect_cause(why, Cause::cut_by_dtype);
  EXPECT_EQ(static_cast<int>(why.where->line()), line);
  EXPECT_NE(why.text.find("i32"), std::string::npos);
}

TEST(Explanation, CutByDtypeOnTheWay) {
  Tensor x = scalar(2);
  GradientTape tape;
  tape.watch(x);
  Tensor y = x.cast(DType::i32).cast(DType::f32) * 2;
  expect_cause(tape.gradient(y, x).why(), Cause::cut_by_dtype, __LINE__ - 1);
}

TEST(Explanation, WatchedAfterUse) {
  Tensor x = scalar(2);
  GradientTape tape;
  Tensor y = x * x;
  tape.watch(x);
  Tensor z = y + 1;
  const Explanation& why = tape.gradient(z, x).why();
  expect_cause(why, Cause::watched_after_use, __LINE__ - 4);
  EXPECT_NE(why.text.find("mul"), std::string::npos);
}

TEST(Explanation, WatchedAfterAUseBeforeTheTape) {
  Tensor x = scalar(2);
  Tensor y = x * x;
  GradientTape tape;
  tape.watch(x);
  expect_cause(tape.gradient(y + 1, x).why(), Cause::watched_after_use, __LINE__ - 3);
}

TEST(Explanation, AVariableWatchedAfterItsUse) {
  Variable w(scalar(2), "w", false);
  GradientTape tape;
  Tensor y = w * w;
  tape.watch(w);
  const Explanation& why = tape.gradient(y, w).why();
  expect_cause(why, Cause::watched_after_use, __LINE__ - 3);
  EXPECT_NE(why.text.find("watched at explanation_test.cpp:" + std::to_string(__LINE__ - 3)),
            std::string::npos);
}

TEST(Explanation, SourceUnwatched) {
  Tensor x = scalar(2);
  GradientTape tape;
  Tensor y = x * x;
  expect_cause(tape.gradient(y, x).why(), Cause::source_unwatched, __LINE__ - 1);
}

TEST(Explanation, AnUntrainableVariableIsUnwatched) {
  Variable w(scalar(2), "w", false);
  GradientTape tape;
  Tensor y = w * w;
  const Explanation& why = tape.gradient(y, w).why();
  expect_cause(why, Cause::source_unwatched, __LINE__ - 2);
  EXPECT_NE(why.text.find("'w'"), std::string::npos);
  EXPECT_NE(why.text.find("not trainable"), std::string::npos);
}

TEST(Explanation, AVariableThatTheTapeDoesNotWatchIsUnwatched) {
  Variable w(scalar(2), "w");
  GradientTape tape({.watch_accessed_variables = false});
  Tensor y = w * w;
  expect_cause(tape.gradient(y, w).why(), Cause::source_unwatched, __LINE__ - 1);
}

TEST(Explanation, CutByPause) {
  Tensor x = scalar(2);
  GradientTape tape;
  tape.watch(x);
  Tensor y;
  {
    Pause pause = tape.stop_recording();
    y = x * x;
  }
  const Explanation& why = tape.gradient(y + 1, x).why();
  expect_cause(why, Cause::cut_by_pause, __LINE__ - 3);
  EXPECT_NE(why.text.find("explanation_test.cpp:" + std::to_string(__LINE__ - 5)),
            std::string::npos)
      << why.text;
}

TEST(Explanation, CutByHostRead) {
  Tensor x = Tensor::from({1.5F, 2.5F});
  GradientTape tape({.persistent = true});
  tape.watch(x);
  Tensor y = x * 2;
  const std::vector<float> values = y.to_vector<float>();
  Tensor back = Tensor::from(values, {2});
  Tensor z = reduce_sum(back * back);
  const Explanation why = tape.explain(z, x);
  expect_cause(why, Cause::cut_by_host_read, __LINE__ - 4);
  EXPECT_NE(why.text.find("explanation_test.cpp:" + std::to_string(__LINE__ - 4)),
            std::string::npos)
      << why.text;
  // Through item() and a bare number too.
  Tensor s = reduce_sum(x * 1.37);
  const float read = s.item<float>();
  expect_cause(tape.explain(Tensor(read) * 2, x), Cause::cut_by_host_read, __LINE__ - 1);
  expect_cause(tape.explain(Tensor(3) * read, x), Cause::cut_by_host_read, __LINE__ - 2);
}

TEST(Explanation, OtherValuesAreNoHostRead) {
  Tensor x = Tensor::from({1.5F, 2.5F});
  GradientTape tape;
  tape.watch(x);
  std::vector<float> values = x.to_vector<float>();
  values[0] += 1;
  Tensor y = reduce_sum(Tensor::from(values, {2}) * 2);
  const Explanation& why = tape.gradient(y, x).why();
  EXPECT_NE(why.cause, Cause::cut_by_host_read);
  EXPECT_NE(why.text.find("explanation_test.cpp:" + std::to_string(__LINE__ - 5)),
            std::string::npos)
      << why.text;
}

TEST(Explanation, NumbersOfTheProgramAndTheLibraryAreNoHostRead) {
  Tensor x = scalar(2);
  Tensor y = Tensor::from({1.0F, 3.0F});
  Tensor zero = scalar(0);
  GradientTape tape({.persistent = true});
  tape.watch({x, y, zero});
  Tensor loss = reduce_mean(y);
  if (x.item<float>() > 100) loss += x;
  if (zero.item<float>() > 100) loss += zero;
  loss = loss + reduce_mean(y) + reduce_sum(softmax(y) * 2.0) + reduce_logsumexp(y) +
         reduce_sum(elu(y) / 2.0);
  for (const Tensor& source : {x, zero}) {
    const Explanation why = tape.explain(loss, source);
    EXPECT_EQ(why.cause, Cause::never_used) << why;
    EXPECT_NE(why.text.find("read at explanation_test.cpp"), std::string::npos) << why;
  }
  // Bytes that are equal, but are not the values: indices of zeros.
  Tensor zeros_read = Tensor::from({0.0F, 0.0F});
  tape.watch(zeros_read);
  zeros_read.to_vector<float>();
  Tensor picked = reduce_sum(gather(y, Tensor::from({0, 0})));
  EXPECT_EQ(tape.explain(picked, zeros_read).cause, Cause::never_used);
}

TEST(Explanation, OfAVariableUsedWherePausedOrAfterStop) {
  Variable v(scalar(2), "v");
  GradientTape tape({.persistent = true});
  Tensor seen = v * 1.5;
  Tensor y;
  {
    Pause pause = tape.stop_recording();
    y = v * 2.5;
  }
  expect_cause(tape.explain(y * 3, v), Cause::cut_by_pause, __LINE__ - 2);
  tape.stop();
  Tensor late = v * 3;
  expect_cause(tape.explain(late, v), Cause::target_not_recorded, __LINE__ - 1);
}

TEST(Explanation, OfAReadingMadeBeforeItsVariableWasWatched) {
  Variable v(scalar(2), "v", false);
  GradientTape tape;
  Tensor early = v;
  tape.watch(v);
  Tensor y = early * early;
  expect_cause(tape.gradient(y, v).why(), Cause::watched_after_use, __LINE__ - 1);
}

TEST(Explanation, OfAVariableAsTargetIsOfTheValueItHasNow) {
  Tensor x = scalar(2);
  Variable v(scalar(2), "v");
  GradientTape tape({.persistent = true});
  tape.watch(x);
  Tensor reading = v.read();
  v.assign(x * 2);
  Tensor used = v * 1;
  v.assign(scalar(7));
  for (const Source& source : {Source(reading), Source(x), Source(v)}) {
    const Gradient gradient = tape.gradient(v, source);
    EXPECT_EQ(gradient.has_value(), gradient.why().cause == Cause::connected) << gradient.why();
    EXPECT_NE(gradient.why().cause, Cause::cut_by_assign) << gradient.why();
  }
}

TEST(Explanation, CutByAssign) {
  Tensor x = scalar(2);
  Variable w(scalar(1), "w");
  GradientTape tape;
  tape.watch(x);
  w.assign(x * 2);
  expect_cause(tape.gradient(w * 3, x).why(), Cause::cut_by_assign, __LINE__ - 1);
}

TEST(Explanation, CutByOp) {
  Tensor x = Tensor::from({1.5F, 2.5F});
  GradientTape tape({.persistent = true});
  tape.watch(x);
  Tensor rounded = floor(x);
  expect_cause(tape.explain(rounded * 2, x), Cause::cut_by_op, __LINE__ - 1);
  EXPECT_NE(tape.explain(rounded * 2, x).text.find("floor"), std::string::npos);
  Tensor compared = (x > 2).cast(DType::f32);
  expect_cause(tape.explain(compared * 2, x), Cause::cut_by_op, __LINE__ - 1);
  Tensor largest = argmax(x);
  expect_cause(tape.explain(largest, x), Cause::cut_by_op, __LINE__ - 1);
  Tensor chosen = where(x > 2, 1.0, 0.0);
  expect_cause(tape.explain(chosen, x), Cause::cut_by_op, __LINE__ - 1);
}

TEST(Explanation, CutByStopGradient) {
  Tensor x = scalar(2);
  GradientTape tape;
  tape.watch(x);
  Tensor y = exp(stop_gradient(x) * 2);
  expect_cause(tape.gradient(y, x).why(), Cause::cut_by_stop_gradient, __LINE__ - 1);
}

TEST(Explanation, OfSeveralCutsTheOneNearestToTheTargetIsNamed) {
  Tensor x = scalar(2);
  GradientTape tape;
  tape.watch(x);
  Tensor y = floor(x);
  Tensor z = stop_gradient(y * 2);
  expect_cause(tape.gradient(z + 1, x).why(), Cause::cut_by_stop_gradient, __LINE__ - 1);
}

TEST(Explanation, OfSeveralWaysTheOneWithTheFewestCutsIsNamed) {
  Tensor x = scalar(2);
  GradientTape tape;
  tape.watch(x);
  Tensor once = floor(x);
  Tensor twice = stop_gradient(ceil(x));
  expect_cause(tape.gradient(once + twice, x).why(), Cause::cut_by_op, __LINE__ - 2);
}

TEST(Explanation, SoftmaxIsNoStopGradient) {
  Tensor x = Tensor::from({1.5F, 2.5F});
  GradientTape tape;
  tape.watch(x);
  Tensor y = softmax(floor(x));
  expect_cause(tape.gradient(y, x).why(), Cause::cut_by_op, __LINE__ - 1);
}

TEST(Explanation, TargetNotRecordedAfterStop) {
  Variable w(scalar(2), "w");
  GradientTape tape;
  Tensor y = w * w;
  tape.stop();
  Tensor loss = reduce_sum(y);
  expect_cause(tape.gradient(loss, w).why(), Cause::target_not_recorded, __LINE__ - 1);
}

TEST(Explanation, TargetThatIsALeaf) {
  Variable w(scalar(2), "w");
  GradientTape tape;
  Tensor y = w * w;
  Tensor other = scalar(5);
  expect_cause(tape.gradient(other, w).why(), Cause::target_not_recorded);
}

TEST(Explanation, TargetOfAnotherThread) {
  Variable w(scalar(2), "w");
  Tensor there;
  GradientTape tape;
  Tensor y = w * w;
  std::thread([&] { there = w * w; }).join();
  expect_cause(tape.gradient(there, w).why(), Cause::other_thread);
}

TEST(Explanation, DeadEnd) {
  Variable w(scalar(2), "w"), v(scalar(3), "v");
  GradientTape tape;
  Tensor unused = exp(w * 2);
  Tensor loss = v * v;
  const Explanation& why = tape.gradient(loss, w).why();
  expect_cause(why, Cause::dead_end, __LINE__ - 3);
  EXPECT_NE(why.text.find("exp"), std::string::npos);
}

TEST(Explanation, NeverUsed) {
  Variable w(scalar(2), "w"), v(scalar(3), "v");
  GradientTape tape;
  Tensor loss = v * v;
  expect_cause(tape.gradient(loss, w).why(), Cause::never_used);
}

TEST(Explanation, ABranchThatWasNotTakenNamesTheRead) {
  Variable w(scalar(2), "w"), v(scalar(3), "v");
  GradientTape tape;
  Tensor loss = v * v;
  if (w.read().item<float>() > 5) loss = loss + w;
  const int line = __LINE__ - 1;
  const Explanation& why = tape.gradient(loss, w).why();
  EXPECT_TRUE(why.cause == Cause::never_used || why.cause == Cause::dead_end) << why;
  EXPECT_NE(why.text.find("read at explanation_test.cpp:" + std::to_string(line)),
            std::string::npos)
      << why.text;
}

TEST(Explanation, TheWrongObjectIsANewTensor) {
  Tensor x = scalar(2);
  GradientTape tape;
  tape.watch(x);
  Tensor y = x * x;
  x = x + 1;
  const Explanation& why = tape.gradient(y, x).why();
  expect_cause(why, Cause::never_used);
  EXPECT_NE(why.text.find("add at explanation_test.cpp:" + std::to_string(__LINE__ - 3)),
            std::string::npos);
}

TEST(Explanation, OfASecondOrderThatIsLinear) {
  Tensor x = scalar(2);
  GradientTape outer;
  outer.watch(x);
  Tensor slope;
  {
    GradientTape inner;
    inner.watch(x);
    slope = *inner.gradient(x * 3, x);
  }
  const Explanation& why = outer.gradient(slope, x).why();
  EXPECT_EQ(why.cause, Cause::linear) << why;
}

TEST(Explanation, OutlivesTheTapeAndTheTensors) {
  Gradients gradients;
  {
    Tensor x = scalar(2);
    GradientTape tape;
    tape.watch(x);
    Tensor y = floor(x) * 2;
    gradients = tape.gradient(y, {x});
  }
  for (int i = 0; i < 10'000; ++i) Tensor(1) + 1;  // the log goes on
  expect_cause(gradients[0].why(), Cause::cut_by_op, __LINE__ - 4);
}

TEST(Explanation, MayBeAskedOnAnotherThread) {
  Tensor x = scalar(2);
  GradientTape tape({.persistent = true});
  tape.watch(x);
  const Gradient gradient = tape.gradient(floor(x) * 2, x);
  std::thread other([&] { expect_cause(gradient.why(), Cause::cut_by_op); });
  for (int i = 0; i < 10'000; ++i) tape.watch(x + 1);
  other.join();
}

TEST(Explanation, DoesNotCountAsAGradient) {
  Variable w(scalar(2), "w");
  GradientTape tape;
  Tensor y = w * w;
  tape.explain(y, w);
  EXPECT_EQ(tape.gradient(y, w)->item<float>(), 4);
  EXPECT_EQ(tape.explain(y, w).cause, Cause::connected);  // also when the tape is spent
}

TEST(Explanation, OfANonPersistentTapesNextRecordingStartsAfresh) {
  Tensor x = scalar(2);
  GradientTape tape;
  tape.watch(x);
  tape.gradient(x * x, x);
  tape.resume();
  Tensor y = x * 3;
  expect_cause(tape.gradient(y, x).why(), Cause::source_unwatched, __LINE__ - 1);
}

TEST(PrintedTable, ShowsNormsCountsAndReasons) {
  Variable a(Tensor::from({3.0F, 4.0F}), "a"), b(Tensor::from({0.0F, -1.0F}), "b"),
      c(scalar(1), "c");
  GradientTape tape;
  Tensor y = reduce_sum(square(a) * 0.5) + reduce_sum(sqrt(b)) + reduce_sum(floor(c));
  std::ostringstream printed;
  printed << tape.gradient(y, {a, b, c});
  const std::string table = printed.str();
  std::vector<std::string> lines;
  std::istringstream stream(table);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 4U) << table;
  EXPECT_NE(lines[0].find("norm"), std::string::npos);
  EXPECT_NE(lines[1].find(" 5 "), std::string::npos) << table;  // the norm of (3, 4)
  EXPECT_NE(lines[2].find("nan"), std::string::npos) << table;
  EXPECT_NE(lines[3].find("None"), std::string::npos) << table;
  EXPECT_NE(lines[3].find("cut_by_op: floor at explanation_test.cpp"), std::string::npos) << table;
}

TEST(PrintedTable, TellsTinyFromZeroAndHugeFromInfinite) {
  Variable tiny(full({2}, 1, DType::f64), "tiny"), huge(full({2}, 1, DType::f64), "huge");
  GradientTape tape;
  std::ostringstream printed;
  printed << tape.gradient(reduce_sum(tiny * 1e-200 + huge * 1e200), {tiny, huge});
  EXPECT_NE(printed.str().find("1.414e-200"), std::string::npos) << printed.str();
  EXPECT_NE(printed.str().find("1.414e+200"), std::string::npos) << printed.str();
}

TEST(PrintedTable, IsNotRecordedAndIsNoHostRead) {
  Variable w(scalar(2), "w");
  GradientTape tape({.persistent = true});
  Tensor y = w * w;
  const Gradients gradients = tape.gradient(y, {w});
  const std::int64_t reads = counters(default_device()).host_reads;
  std::ostringstream printed;
  printed << gradients << y << gradients[0] << w << Device::cpu() << y.shape() << y.dtype();
  EXPECT_EQ(counters(default_device()).host_reads, reads);
}

}  // namespace
}  // namespace tendon
