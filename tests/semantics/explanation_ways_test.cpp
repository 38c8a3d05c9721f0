// Explanations of programs as users write them: what happened before the tape is no part of them,
// the way is told as the user's calls, and a gradient that is incomplete is told to be so.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace tendon {
namespace {

Variable vector_variable(const char* name) { return Variable(Tensor::from({1.5F, 2.25F}), name); }

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
std::string here(int line) { return "explanation_ways_test.cpp:" + std::to_string(line); }

std::string printed(const Explanation& why) {
  std::ostringstream stream;
  stream << why;
  return stream.str();
}

// The steps as "op:line", with a star where the way is cut.
std::vector<std::string> steps(const std::vector<Step>& way) {
  std::vector<std::string> texts;
  for (const Step& step : way) {
    texts.push_back(step.op + ":" + (step.where ? std::to_string(step.where->line()) : "?") +
                    (step.cuts ? "*" : ""));
  }
  return texts;
}
using Steps = std::vector<std::string>;
std::string step(const char* op, int line, const char* cut = "") {
  return std::string(op) + ":" + std::to_string(line) + cut;
}

// ---- before the tape

TEST(BeforeTheTape, AnEarlierTapeIsNoUse) {
  const Variable a = vector_variable("a"), b = vector_variable("b");
  {
    GradientTape tape;
    tape.gradient(square(a), a);
  }
  GradientTape tape;
  EXPECT_EQ(tape.gradient(square(b), a).why().cause, Cause::never_used);
}

TEST(BeforeTheTape, AValidationIsNoUse) {
  const Variable w = vector_variable("w"), bias = vector_variable("bias");
  const Tensor x = Tensor::from({3.0F, 4.0F});
  const auto model = [&] { return reduce_mean(square(w * x + bias)); };
  static_cast<void>(model().item<float>());
  GradientTape tape;
  Tensor loss = reduce_mean(square(w * x));  // the bias is forgotten
  const Gradients gradients = tape.gradient(loss, {w, bias});
  EXPECT_TRUE(gradients[0].has_value());
  EXPECT_EQ(gradients[1].why().cause, Cause::never_used) << gradients[1].why();
  EXPECT_FALSE(has(gradients[1].why().text, "C++ if")) << gradients[1].why();
}

TEST(BeforeTheTape, TwoPlayersAreTrainedInTurn) {
  const Variable v = vector_variable("v"), w = vector_variable("w");
  optim::Sgd sgd({.learning_rate = 0.1});
  for (int step = 0; step < 6; ++step) {
    GradientTape tape;
    const bool first = step % 2 == 0;
    Tensor loss = reduce_sum(square(first ? v : w));
    const Gradients gradients = tape.gradient(loss, {v, w});
    std::ostringstream table;
    table << gradients;
    const Explanation& why = gradients[first ? 1 : 0].why();
    EXPECT_EQ(why.cause, Cause::never_used) << why;
    EXPECT_TRUE(has(table.str(), "never_used")) << table.str();
    sgd.apply(Gradients({gradients[first ? 0 : 1]}), {first ? v : w});
  }
}

TEST(BeforeTheTape, TheLibrarysOwnOpsAreNoUse) {
  Variable w = vector_variable("w");
  const Variable v = vector_variable("v");
  optim::Adam adam({.learning_rate = 0.1});
  GradientTape tape({.persistent = true});
  const Gradients gradients = tape.gradient(reduce_sum(square(w)), {w});
  std::ostringstream table;
  table << gradients << w;
  adam.apply(gradients, {w});
  Tensor late = reduce_sum(square(v));
  const Explanation why = tape.explain(late, w);
  EXPECT_FALSE(has(why.text, "gradient.cpp")) << why;
  EXPECT_FALSE(has(why.text, "optim.cpp")) << why;
  EXPECT_EQ(why.cause, Cause::dead_end) << why;
}

// ---- other sources, targets and orders

TEST(OtherTargets, AReadingOfAWatchedVariableIsRecorded) {
  const Variable v(Tensor(2.5), "v"), w(Tensor(3.5), "w"), x(Tensor(4.5), "x");
  GradientTape tape;
  Tensor r;
  const int line = __LINE__ + 1;
  if (x.read().item<float>() > 0) {
    r = v;
  } else {
    r = square(w);
  }
  const Gradients gradients = tape.gradient(r, {v, w, x});
  EXPECT_EQ(gradients[0]->item<float>(), 1);
  EXPECT_EQ(gradients[1].why().cause, Cause::never_used) << gradients[1].why();
  EXPECT_TRUE(has(gradients[2].why().text, "read at " + here(line))) << gradients[2].why();
}

TEST(OtherTargets, ASlopeThatDoesNotDependOnTheSourceIsLinear) {
  const Variable a(Tensor(2.0), "a"), b(Tensor(3.0), "b");
  GradientTape outer({.persistent = true});
  GradientTape inner;
  Tensor slope = *inner.gradient(3 * a + a * b, a);
  Explanation why = outer.explain(slope, a);
  EXPECT_EQ(why.cause, Cause::linear) << why;
  EXPECT_EQ(outer.explain(slope, b).cause, Cause::connected);
  why = outer.explain(square(slope), a);
  EXPECT_EQ(why.cause, Cause::linear) << why;
}

struct Layer {
  Tensor w;
  int line;
  explicit Layer(const Variable& variable) : w(variable), line(__LINE__) {}
};

TEST(OtherTargets, ACopyInAConstructorNamesTheCopy) {
  const Variable variable = vector_variable("weights");
  const Layer layer(variable);
  GradientTape tape;
  Tensor y = reduce_sum(layer.w * 2);
  const Explanation& why = tape.gradient(y, variable).why();
  EXPECT_EQ(why.cause, Cause::source_unwatched) << why;
  EXPECT_TRUE(has(why.text, "copied")) << why;
  EXPECT_TRUE(has(why.text, "keep the Variable")) << why;
  ASSERT_TRUE(why.where.has_value());
  EXPECT_EQ(static_cast<int>(why.where->line()), layer.line) << why;
}

TEST(OtherTargets, FeaturesOfAnotherThreadNameIt) {
  const Variable w = vector_variable("w");
  Tensor features;
  int line = 0;
  std::thread([&] {
    features = tanh(w * 2);
    line = __LINE__ - 1;
  }).join();
  GradientTape tape;
  const Explanation& why = tape.gradient(reduce_sum(features), w).why();
  EXPECT_EQ(why.cause, Cause::other_thread) << why;
  EXPECT_TRUE(has(why.text, "another thread")) << why;
  EXPECT_TRUE(has(why.text, here(line))) << why;
}

TEST(OtherTargets, OfAnotherTapeNamesWhereThatBegan) {
  const Tensor x = ones({2});
  GradientTape first;
  const int line = __LINE__ - 1;
  first.watch(x);
  Tensor loss = reduce_sum(square(x));
  GradientTape second;
  const Explanation& why = second.gradient(loss, x).why();
  EXPECT_EQ(why.cause, Cause::other_tape) << why;
  EXPECT_TRUE(has(why.text, "begun at " + here(line))) << why;
}

TEST(OtherTargets, AfterResetNamesIt) {
  const Variable w = vector_variable("w");
  GradientTape tape;
  Tensor loss = reduce_sum(square(w));
  tape.reset();
  const int line = __LINE__ - 1;
  const Explanation& why = tape.gradient(loss, w).why();
  EXPECT_EQ(why.cause, Cause::after_reset) << why;
  EXPECT_TRUE(has(why.text, here(line))) << why;
}

TEST(OtherTargets, HostNumbersHaveNoHistory) {
  const Variable w = vector_variable("w"), v = vector_variable("v");
  GradientTape tape({.persistent = true});
  Tensor x = w * 2;
  const float s = reduce_sum(x).item<float>();
  const int read = __LINE__ - 1;
  Tensor loss = reduce_sum(s * 3 + v);
  Explanation why = tape.explain(loss, w);
  EXPECT_EQ(why.cause, Cause::dead_end) << why;
  EXPECT_TRUE(has(why.text, "read at " + here(read))) << why;
  EXPECT_TRUE(has(why.text, "has no history")) << why;

  std::vector<float> values = x.to_vector<float>();
  const int copied = __LINE__ - 1;
  for (float& value : values) value *= 2;
  Tensor back = Tensor::from(values);
  const int made = __LINE__ - 1;
  why = tape.explain(reduce_sum(back * v), w);
  EXPECT_EQ(why.cause, Cause::dead_end) << why;
  EXPECT_TRUE(has(why.text, "read at " + here(copied))) << why;
  EXPECT_TRUE(has(why.text, here(made))) << why;
}

TEST(OtherTargets, AnAssignNamesTheVariable) {
  const Variable w = vector_variable("w");
  Variable state = vector_variable("state");
  GradientTape tape;
  state.assign(w * 2);
  const Explanation& why = tape.gradient(reduce_sum(square(state)), w).why();
  EXPECT_EQ(why.cause, Cause::cut_by_assign) << why;
  EXPECT_TRUE(has(why.text, "'state'")) << why;
}

TEST(OtherTargets, AnOptimizersUpdateIsAnAssign) {
  const Variable w(Tensor(2.0), "w"), rate(Tensor(3.0), "rate");
  optim::Sgd sgd({.learning_rate = 0.1});
  GradientTape outer({.persistent = true});
  {
    GradientTape inner;
    const Gradients gradients = inner.gradient(square(w) * rate, {w});
    sgd.apply(gradients, {w});
  }
  const int line = __LINE__ - 2;
  const Explanation why = outer.explain(square(w), rate);
  EXPECT_EQ(why.cause, Cause::cut_by_assign) << why;
  EXPECT_TRUE(has(why.text, "'w'")) << why;
  EXPECT_TRUE(has(why.text, here(line))) << why;
}

TEST(OtherTargets, ResumedTapesKnowWhatTheyRecordedBefore) {
  const Variable w = vector_variable("w"), v = vector_variable("v");
  GradientTape tape({.persistent = true});
  Tensor y = floor(w);
  const int line = __LINE__ - 1;
  tape.stop();
  for (int i = 0; i < 5'000; ++i) Tensor(1.0) + 1;
  Tensor unrecorded = square(v);
  tape.resume();
  Tensor loss = reduce_sum(y * unrecorded);
  EXPECT_EQ(tape.explain(loss, w).cause, Cause::cut_by_op);
  EXPECT_EQ(static_cast<int>(tape.explain(loss, w).where->line()), line);
  EXPECT_NE(tape.explain(loss, v).cause, Cause::never_used) << tape.explain(loss, v);
}

TEST(OtherTargets, AVariableMadeOnTheTapeIsNamed) {
  const Variable w = vector_variable("w");
  GradientTape tape;
  const Variable made(w * 2, "made");
  const Explanation& why = tape.gradient(reduce_sum(square(made)), w).why();
  EXPECT_EQ(why.cause, Cause::cut_by_assign) << why;
  EXPECT_TRUE(has(why.text, "'made'")) << why;
}

TEST(OtherTargets, AValueCachedFromAnEarlierTapeNamesItsOp) {
  const Variable w = vector_variable("w");
  Tensor cache;
  int line = 0;
  for (int step = 0; step < 2; ++step) {
    GradientTape tape;
    if (step == 0) cache = tanh(w);
    line = __LINE__ - 1;
    const Gradient gradient = tape.gradient(reduce_sum(cache * 2), w);
    if (step == 0) continue;
    EXPECT_EQ(gradient.why().cause, Cause::source_unwatched) << gradient.why();
    EXPECT_FALSE(has(gradient.why().text, "copied")) << gradient.why();
    EXPECT_EQ(static_cast<int>(gradient.why().where->line()), line) << gradient.why();
  }
}

TEST(OtherTargets, LossesOfEarlierTapesAreOtherCuts) {
  const Variable w = vector_variable("w");
  Tensor total(0.0);
  for (int step = 0; step < 3; ++step) {
    GradientTape tape;
    total = total + reduce_sum(square(w));
    const int line = __LINE__ - 1;
    const Gradient gradient = tape.gradient(total, w);
    EXPECT_EQ(gradient.why().cause, Cause::connected);
    EXPECT_EQ(steps(gradient.why().other_cuts),
              step == 0 ? Steps{} : Steps{"add:" + std::to_string(line) + "*"});
  }
}

TEST(OtherTargets, AnExplicitWatchOfAVariableIsForgottenByReset) {
  const Variable w = vector_variable("w");
  GradientTape tape({.watch_accessed_variables = false});
  tape.watch(w);
  tape.reset();
  const Explanation& why = tape.gradient(reduce_sum(square(w)), w).why();
  EXPECT_EQ(why.cause, Cause::after_reset) << why;
}

TEST(OtherTargets, ASlopeThatIsAValueOfTheForwardPassIsLinear) {
  const Variable a = vector_variable("a"), b = vector_variable("b");
  const Tensor x = Tensor::from({2.0F, 3.0F});
  GradientTape outer({.persistent = true});
  Gradient by_a;
  Gradient both;
  {
    GradientTape inner({.persistent = true});
    by_a = inner.gradient(reduce_sum(x * a), a);
    both = inner.gradient(reduce_sum(a * b), a);
  }
  EXPECT_EQ(outer.explain(*by_a, a).cause, Cause::linear) << outer.explain(*by_a, a);
  EXPECT_EQ(outer.explain(reduce_sum(square(*by_a)), a).cause, Cause::linear);
  EXPECT_EQ(outer.explain(*both, a).cause, Cause::linear) << outer.explain(*both, a);
  EXPECT_EQ(outer.gradient(*both, b)->to_vector<float>(), (std::vector<float>{1, 1}));
}

TEST(OtherTargets, ManyOpsBeforeTheTapeChangeNothing) {
  const Variable a = vector_variable("a");
  const auto chain = [&] {
    Tensor y = tanh(a);
    for (int i = 0; i < 5'000; ++i) y = y * 1.0001;
    return y;
  };
  {
    GradientTape tape;
    const Tensor y = chain();
    tape.reset();
    EXPECT_EQ(tape.gradient(reduce_sum(y), a).why().cause, Cause::after_reset);
  }
  for (const bool computed : {false, true}) {
    const Tensor y = chain();
    if (computed) run({y});
    GradientTape tape;
    const Explanation why = tape.gradient(reduce_sum(y), a).why();
    EXPECT_EQ(why.cause, Cause::source_unwatched) << why.text;
  }
  Tensor features;
  std::thread([&] { features = chain(); }).join();
  GradientTape tape;
  EXPECT_EQ(tape.gradient(reduce_sum(features), a).why().cause, Cause::other_thread);
}

TEST(OtherTargets, ANameThatBeginsAMessageIsTheOps) {
  const Variable a = vector_variable("a");
  GradientTape tape;
  const Explanation why = tape.gradient(reduce_sum(trunc(a)), a).why();
  EXPECT_TRUE(why.text.starts_with("trunc at")) << why;
}

TEST(OtherTargets, AStateThatIsCarriedFromStepToStepIsOneCut) {
  const Variable a = vector_variable("a");
  Tensor h = ones({2});
  for (int step = 0; step < 4; ++step) {
    GradientTape tape;
    h = tanh(a * h + 1);
    const int line = __LINE__ - 1;
    const Gradient gradient = tape.gradient(reduce_sum(h), a);
    if (step == 2) run({h});
    EXPECT_EQ(steps(gradient.why().other_cuts),
              step == 0 ? Steps{} : Steps{"tanh:" + std::to_string(line) + "*"})
        << step;
  }
}

// ---- ways

Tensor quantized(const Tensor& x) { return round(x * 4) / 4.0; }
const int kQuantizedLine = __LINE__ - 1;

TEST(Way, LeadsThroughTheUsersCalls) {
  const Variable w = vector_variable("w");
  GradientTape tape;
  Tensor h = tanh(w);
  Tensor q = quantized(h);
  Tensor loss = reduce_sum(softmax(q) * 2);
  const int line = __LINE__ - 1;
  const Explanation& why = tape.gradient(loss, w).why();
  EXPECT_EQ(why.cause, Cause::cut_by_op) << why;
  EXPECT_EQ(static_cast<int>(why.where->line()), kQuantizedLine);
  EXPECT_EQ(steps(why.way),
            (Steps{step("tanh", line - 2), step("mul", kQuantizedLine),
                   step("round", kQuantizedLine, "*"), step("div", kQuantizedLine),
                   step("softmax", line), step("mul", line), step("reduce_sum", line)}))
      << why;
  EXPECT_TRUE(has(printed(why), "round at " + here(kQuantizedLine) + " (cut)")) << printed(why);
  EXPECT_TRUE(has(printed(why), "reduce_sum at " + here(line))) << printed(why);
}

TEST(Way, OfAConnectedSourceIsTold) {
  const Variable w = vector_variable("w");
  GradientTape tape;
  Tensor loss = reduce_sum(exp(w));
  const Explanation& why = tape.gradient(loss, w).why();
  EXPECT_EQ(steps(why.way), (Steps{step("exp", __LINE__ - 2), step("reduce_sum", __LINE__ - 2)}));
  EXPECT_TRUE(why.other_cuts.empty());
}

TEST(Way, OfADeadEndLeadsToTheEnd) {
  const Variable w = vector_variable("w"), v = vector_variable("v");
  GradientTape tape;
  Tensor unused = exp(w * 2);
  const Explanation& why = tape.gradient(reduce_sum(v), w).why();
  EXPECT_EQ(steps(why.way), (Steps{step("mul", __LINE__ - 2), step("exp", __LINE__ - 2)}));
}

TEST(Way, OfManyStepsIsPrintedShort) {
  const Variable w = vector_variable("w");
  GradientTape tape;
  Tensor y = w;
  for (int i = 0; i < 100; ++i) y = y * 2;
  y = floor(y);
  for (int i = 0; i < 100; ++i) y = y * 2;
  const Explanation& why = tape.gradient(y, w).why();
  EXPECT_EQ(why.way.size(), 201U);
  EXPECT_TRUE(has(printed(why), "94 more -> floor")) << printed(why);
}

// ---- a gradient that is incomplete

TEST(OtherCuts, OfAConnectedSourceAreNamed) {
  const Variable a = vector_variable("a");
  GradientTape tape;
  Tensor y = reduce_sum(square(a) + 10 * round(a) + 5 * stop_gradient(a));
  const int line = __LINE__ - 1;
  const Gradients gradients = tape.gradient(y, {a});
  const Explanation& why = gradients[0].why();
  EXPECT_EQ(why.cause, Cause::connected);
  EXPECT_EQ(steps(why.other_cuts),
            (Steps{step("round", line, "*"), step("stop_gradient", line, "*")}))
      << why;
  EXPECT_TRUE(has(why.text, "two other ways are cut: round at " + here(line) +
                                ", stop_gradient at " + here(line)))
      << why;
  std::ostringstream table;
  table << gradients;
  EXPECT_TRUE(has(table.str(), "2 other ways are cut: round at " + here(line))) << table.str();
}

TEST(OtherCuts, AreAlsoPausesAssignsCopiesAndHostReads) {
  const Variable a = vector_variable("a");
  Variable state = vector_variable("state");
  const Tensor copy = a;
  GradientTape tape;
  Tensor paused;
  {
    const Pause pause = tape.stop_recording();
    paused = a * 3;
  }
  state.assign(a * 4);
  Tensor back = Tensor::from((a * 1.25).to_vector<float>());
  Tensor loss = reduce_sum(a * paused * state * back * copy);
  const int line = __LINE__ - 1;
  const Explanation& why = tape.gradient(loss, a).why();
  EXPECT_EQ(why.cause, Cause::connected);
  const Steps cuts = steps(why.other_cuts);
  const Steps expected = {step("mul", line - 4, "*"), step("assign", line - 2, "*"),
                          step("from", line - 1, "*"), step("mul", line, "*")};
  for (const std::string& cut : expected)
    EXPECT_NE(std::ranges::find(cuts, cut), cuts.end()) << cut << " in " << why;
}

TEST(OtherCuts, AreNotConditionsAndWhatTheLibraryDoesInside) {
  const Variable a = vector_variable("a");
  GradientTape tape;
  Tensor y = reduce_sum(where(a > 2, log(a), 0.0) + softmax(a) + reduce_logsumexp(a) +
                        gather(a, argmax(a)) + maximum(a, 0.5));
  const Explanation& why = tape.gradient(y, a).why();
  EXPECT_EQ(why.cause, Cause::connected);
  EXPECT_TRUE(why.other_cuts.empty()) << why;
}

}  // namespace
}  // namespace tendon
