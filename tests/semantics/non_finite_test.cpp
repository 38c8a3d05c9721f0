// why_not_finite: which op first made a value that is not finite, from which values, and where its
// history ends.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <thread>

namespace tendon {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::uint32_t line_of(Place place = Place::current()) { return place.line(); }

std::string at(std::uint32_t line) { return "non_finite_test.cpp:" + std::to_string(line); }

// All of the words, in this order.
void expect_says(const std::optional<NonFinite>& found, std::vector<std::string> words,
                 std::optional<std::uint32_t> line = {}) {
  ASSERT_TRUE(found.has_value());
  std::size_t from = 0;
  for (const std::string& word : words) {
    const std::size_t there = found->text.find(word, from);
    EXPECT_NE(there, std::string::npos) << "'" << found->text << "' lacks '" << word << "'";
    if (there != std::string::npos) from = there + word.size();
  }
  if (!line) return;
  ASSERT_TRUE(found->where.has_value()) << found->text;
  EXPECT_EQ(found->where->line(), *line) << found->text;
}

TEST(FirstNonFinite, IsNoneWhereAllIsFinite) {
  const Tensor x = Tensor::from({0.0F, 1.0F});
  EXPECT_FALSE(why_not_finite(x));
  EXPECT_FALSE(why_not_finite(sqrt(x)));
  EXPECT_FALSE(why_not_finite(zeros({0})));
  EXPECT_FALSE(why_not_finite(zeros({2}, DType::i32)));
  EXPECT_FALSE(why_not_finite(x == x));
  EXPECT_THROW(why_not_finite(Tensor()), Error);
}

TEST(FirstNonFinite, OfAPendingValueIsTheOpThatMadeIt) {
  const Tensor x = Tensor::from({1.0F, 2.0F, 3.0F, 0.0F});
  const Tensor shifted = x - 0.25;
  const std::uint32_t line = line_of() + 1;
  const Tensor y = sqrt(shifted) * 2.0 + 1.0;
  expect_says(why_not_finite(y),
              {"sqrt at " + at(line), "made nan at element (3,)", "from -0.25", "sub at"}, line);
}

TEST(FirstNonFinite, OfAValueThatWasReadIsTheSame) {
  const Tensor x = Tensor::from({1.0F, 0.0F}, {2, 1});
  const std::uint32_t line = line_of() + 1;
  const Tensor y = log(x);
  const Tensor loss = reduce_sum(y * 2.0);
  EXPECT_EQ(loss.item<float>(), -kInfinity);
  expect_says(why_not_finite(loss), {"log at " + at(line), "made -inf at element (1, 0)", "from 0"},
              line);
}

TEST(FirstNonFinite, NamesBothOperandsAndBroadcastsThem) {
  const Tensor x = Tensor::from({1.0F, 2.0F, 3.0F, 4.0F}, {2, 2});
  const Tensor y = Tensor::from({1.0F, 0.0F});
  const std::uint32_t line = line_of() + 1;
  const Tensor z = x / y;
  expect_says(
      why_not_finite(z),
      {"div at " + at(line), "made inf at element (0, 1)", "from 2 (given at", "and 0 (given at"},
      line);
}

TEST(FirstNonFinite, OfANanThatWasMadeOfInfinitiesIsTheInfinity) {
  const Tensor x = Tensor::from({0.0F, 1.0F});
  const std::uint32_t line = line_of() + 1;
  const Tensor y = log(x);
  const Tensor z = y - y;
  expect_says(why_not_finite(z), {"log at " + at(line), "made -inf", "then sub at", "made nan"},
              line);
}

TEST(FirstNonFinite, GoesBackThroughTheRunsBefore) {
  const Tensor x = Tensor::from({-1.0F, 1.0F});
  const std::uint32_t line = line_of() + 1;
  const Tensor y = sqrt(x);
  y.to_vector<float>();
  const Tensor z = y * 2.0;
  z.to_vector<float>();
  expect_says(why_not_finite(exp(z)), {"sqrt at " + at(line), "made nan at element (0,)", "-1"},
              line);
}

TEST(FirstNonFinite, OfAReductionTellsTheRange) {
  const Tensor x = full({4}, 3e38);
  const std::uint32_t line = line_of() + 1;
  const Tensor sum = reduce_sum(x);
  expect_says(why_not_finite(sum), {"reduce_sum at " + at(line), "made inf", "from", "3e+38"},
              line);
}

TEST(FirstNonFinite, OfAProductTellsTheRanges) {
  const Tensor x = full({2, 3}, 1e30), y = full({3, 2}, 1e30);
  run({x, y});
  const std::uint32_t line = line_of() + 1;
  const Tensor product = matmul(x, y);
  expect_says(why_not_finite(reduce_sum(product)),
              {"matmul at " + at(line), "made inf at element (0, 0)", "6 values of 1e+30"}, line);
}

TEST(FirstNonFinite, LooksOnlyAtWhatLeadsThere) {
  const Tensor x = Tensor::from({-1.0F, 4.0F});
  const Tensor masked = where(x > 0.0, log(x), 0.0);
  const std::uint32_t line = line_of() + 1;
  const Tensor y = masked / (x - 4.0);
  expect_says(why_not_finite(y), {"div at " + at(line), "made inf at element (1,)"}, line);
}

TEST(FirstNonFinite, OfAMaskedScoreIsNotTheMask) {
  const Tensor scores = Tensor::from({1.0F, -1.0F, 2.0F});
  const std::uint32_t line = line_of() + 1;
  const Tensor roots = sqrt(scores);
  const Tensor masked = where(scores < 1.5, roots, -kInfinity);
  expect_says(why_not_finite(softmax(masked, 0)), {"sqrt at " + at(line), "from -1"}, line);
}

TEST(FirstNonFinite, InANamedFunctionNamesTheFunction) {
  const Tensor x = full({2, 3}, -kInfinity);
  const std::uint32_t line = line_of() + 1;
  const Tensor y = softmax(x * 1.0, 1);
  const auto found = why_not_finite(y);
  ASSERT_TRUE(found);
  EXPECT_NE(found->text.find("softmax at " + at(line)), std::string::npos) << found->text;
}

TEST(FirstNonFinite, OfValuesThatWereGiven) {
  const std::uint32_t line = line_of() + 1;
  const Tensor x = Tensor::from({1.0F, kNan, 2.0F});
  expect_says(why_not_finite(x), {"the values given at " + at(line), "hold nan at element (1,)"},
              line);
  expect_says(why_not_finite(x * 2.0),
              {"the values given at " + at(line), "hold nan at element (1,)"}, line);
}

TEST(FirstNonFinite, OfANumberThatWasGiven) {
  const std::uint32_t line = line_of() + 1;
  const Tensor x = full({2}, kInfinity);
  expect_says(why_not_finite(x), {"inf", at(line)}, line);
}

TEST(FirstNonFinite, OfAVariablesFirstValue) {
  const Variable w(Tensor::from({1.0F, kNan}), "w");
  expect_says(why_not_finite(w), {"variable 'w'", "hold nan at element (1,)"});
  expect_says(why_not_finite(w * 2.0), {"variable 'w'", "hold nan at element (1,)"});
}

TEST(FirstNonFinite, UnderATapeIsTheForwardOp) {
  Variable w(Tensor::from({-4.0F, 1.0F}), "w");
  GradientTape tape;
  const std::uint32_t line = line_of() + 1;
  const Tensor y = sqrt(w);
  const Tensor loss = reduce_sum(y);
  EXPECT_TRUE(std::isnan(loss.item<float>()));
  expect_says(why_not_finite(loss),
              {"sqrt at " + at(line), "made nan at element (0,)", "from -4 (variable 'w')"}, line);
  // And of what it makes of the gradient.
  expect_says(why_not_finite(*tape.gradient(loss, w)), {"sqrt at " + at(line), "made nan"}, line);
}

TEST(FirstNonFinite, OfAGradientIsTheBackwardOp) {
  for (const bool is_read : {false, true}) {
    Variable w(Tensor::from({0.0F, 1.0F}), "w");
    GradientTape tape;
    const std::uint32_t line = line_of() + 1;
    const Tensor y = sqrt(w);
    const Gradient gradient = tape.gradient(reduce_sum(y), w);
    if (is_read) {
      EXPECT_EQ(gradient->to_vector<float>()[0], kInfinity);
    }
    expect_says(why_not_finite(*gradient),
                {"the gradient of sqrt at " + at(line), "made inf at element (0,)", "0"}, line);
  }
}

TEST(FirstNonFinite, OfASecondGradientNamesBothOrders) {
  Variable w(Tensor::from({0.0F, 1.0F}), "w");
  GradientTape outer;
  GradientTape inner;
  const std::uint32_t line = line_of() + 1;
  const Tensor y = w * sqrt(w) * w;
  const Tensor slope = *inner.gradient(y, w);
  const Tensor curvature = *outer.gradient(slope, w);
  expect_says(why_not_finite(curvature), {"the gradient of", at(line), "made"}, line);
}

TEST(FirstNonFinite, OfAGradientByOneNodeOfAnother) {
  Variable w(Tensor::from({0.0F, 1.0F}), "w");
  Tensor slope;
  const std::uint32_t line = line_of() + 3;
  {
    GradientTape tape;
    slope = *tape.gradient(sqrt(w), w);
  }
  GradientTape second;
  second.watch(slope);
  const Gradient gradient = second.gradient(square(slope), slope);
  expect_says(why_not_finite(*gradient), {"the gradient of sqrt at " + at(line), "made inf"}, line);
}

// A tape that may still be asked for gradients holds what they need.
TEST(FirstNonFinite, IsFoundAfterAnAssignWhileATapeHoldsTheValue) {
  Variable w(Tensor::from({-1.0F}), "weight");
  GradientTape tape;
  const std::uint32_t line = line_of() + 1;
  const Tensor loss = reduce_sum(sqrt(w));
  EXPECT_TRUE(std::isnan(loss.item<float>()));
  w.assign(Tensor::from({1.0F}));
  expect_says(why_not_finite(loss), {"sqrt at " + at(line), "made nan", "from -1"}, line);
}

TEST(FirstNonFinite, EndsAtAVariableThatWasAssignedSince) {
  Variable w(Tensor::from({-1.0F}), "weight");
  Tensor loss;
  {
    GradientTape tape;
    loss = reduce_sum(sqrt(w));
    EXPECT_TRUE(std::isnan(loss.item<float>()));
  }
  const std::uint32_t line = line_of() + 1;
  w.assign(Tensor::from({1.0F}));
  expect_says(why_not_finite(loss),
              {"is nan", "its history ends at variable 'weight'", "assigned since at " + at(line)},
              line);
}

TEST(FirstNonFinite, EndsAtAnOptimizersUpdate) {
  Variable w(Tensor::from({-1.0F, 1.0F}), "weight");
  optim::Sgd sgd({.learning_rate = 0.1});
  for (int step = 0; step < 3; ++step) {
    GradientTape tape;
    const Tensor loss = reduce_sum(sqrt(w));
    const std::uint32_t line = line_of() + 1;
    sgd.apply(tape.gradient(loss, {w}), {w});
    EXPECT_TRUE(std::isnan(loss.item<float>()));
    expect_says(why_not_finite(loss),
                {"its history ends at variable 'weight'", "assigned since at " + at(line)}, line);
    expect_says(why_not_finite(w), {"Sgd::apply at " + at(line), "its history ends at"}, line);
  }
}

TEST(FirstNonFinite, IsFoundInAnUpdateWhoseOperandsAreThere) {
  Variable w(Tensor::from({-3e38F, 1.0F}), "weight");
  const Tensor before = w.read();
  optim::Sgd sgd({.learning_rate = 1});
  GradientTape tape;
  const Gradients gradients = tape.gradient(reduce_sum(w * 2e38), {w});
  const std::uint32_t line = line_of() + 1;
  sgd.apply(gradients, {w});
  expect_says(why_not_finite(w), {"Sgd::apply at " + at(line), "made -inf at element (0,)"}, line);
}

TEST(FirstNonFinite, EndsAtMemoryThatWasFreed) {
  Tensor y;
  const std::uint32_t line = line_of() + 2;
  {
    const Tensor x = Tensor::from({-1.0F, 1.0F});
    y = sqrt(x);
    y.to_vector<float>();
  }
  expect_says(why_not_finite(y),
              {"sqrt at", "is nan at element (0,)", "its history ends at", "given at " + at(line),
               "memory was freed"},
              line);
}

TEST(FirstNonFinite, IsFoundInDataThatTheModelMakes) {
  const Variable w(Tensor::from({-1.0F, 2.0F}), "weight");
  std::uint32_t line = 0;
  const auto model = [&] {
    const Tensor x = Tensor::from({1.0F, 2.0F});
    line = line_of() + 1;
    return reduce_sum(log(w * x));
  };
  const std::optional<NonFinite> found = why_not_finite(model());
  expect_says(found, {"log at " + at(line)}, line);
  GradientTape tape;
  const Gradients gradients = tape.gradient(model(), {w});
  std::ostringstream table;
  table << first_non_finite << gradients;
  EXPECT_EQ(table.str().find("freed"), std::string::npos) << table.str();
}

TEST(FirstNonFinite, IsTheSameFromAnotherThread) {
  const Tensor x = Tensor::from({-1.0F});
  const std::uint32_t line = line_of() + 1;
  const Tensor y = sqrt(x);
  y.to_vector<float>();
  std::optional<NonFinite> found;
  std::thread([&] { found = why_not_finite(y); }).join();
  expect_says(found, {"sqrt at " + at(line)}, line);
}

TEST(FirstNonFinite, LeavesNoTrace) {
  Variable w(Tensor::from({-1.0F, 2.0F}), "w");
  GradientTape tape({.persistent = true});
  const Tensor y = sqrt(w) * w;
  const Tensor loss = reduce_sum(y);
  const std::int64_t reads = counters(default_device()).host_reads;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(why_not_finite(loss));
  EXPECT_EQ(counters(default_device()).host_reads, reads);
  EXPECT_EQ(tape.gradient(loss, w).why().cause, Cause::connected);
  EXPECT_EQ(tape.watched_variables().size(), 1U);
  const std::int64_t bytes = counters(default_device()).bytes_allocated;
  why_not_finite(loss);
  EXPECT_EQ(counters(default_device()).bytes_allocated, bytes);
}

TEST(FirstNonFinite, OfManyOpsIsFound) {
  const Tensor x = Tensor::from({1.0F, 2.0F});
  Tensor y = x;
  for (int i = 0; i < 300; ++i) y = y * 1.5;
  const std::uint32_t line = line_of() - 1;
  expect_says(why_not_finite(y), {"mul at " + at(line), "made inf at element (1,)"}, line);
}

TEST(FirstNonFinite, OfSixteenBits) {
  const Tensor x = Tensor::from({1.0F, 70000.0F});
  const std::uint32_t line = line_of() + 1;
  const Tensor y = x.cast(DType::f16);
  expect_says(why_not_finite(y * y), {"cast at " + at(line), "made inf at element (1,)", "70000"},
              line);
}

TEST(FirstNonFinite, IsForgottenAfterManyRuns) {
  if (!default_device().is_cpu()) GTEST_SKIP() << "what is kept is the same for all devices";
  const Tensor x = Tensor::from({-1.0F});
  const Tensor first = sqrt(x);
  first.to_vector<float>();
  std::vector<Tensor> kept;
  for (int run = 0; run < 6000; ++run) {
    Tensor y = x;
    for (int i = 0; i < 300; ++i) y = abs(y);
    y.to_vector<float>();
    kept.push_back(y);
  }
  expect_says(why_not_finite(first), {"sqrt at", "holds nan at element (0,)", "forgotten"});
  EXPECT_FALSE(why_not_finite(kept.back()));
}

TEST(FirstNonFinite, IsAColumnOfTheTableOnDemand) {
  Variable w(Tensor::from({0.0F, 1.0F}), "w"), b(Tensor::from({1.0F}), "b");
  GradientTape tape;
  const std::uint32_t line = line_of() + 1;
  const Tensor y = sqrt(w) + b;
  const Gradients gradients = tape.gradient(y, {w, b});
  std::ostringstream plain;
  plain << gradients;
  EXPECT_EQ(plain.str().find("first non-finite"), std::string::npos);
  std::ostringstream told;
  told << first_non_finite << gradients;
  const std::string text = told.str();
  EXPECT_NE(text.find("first non-finite"), std::string::npos) << text;
  EXPECT_NE(text.find("the gradient of sqrt at " + at(line)), std::string::npos) << text;
  told.str("");
  told << gradients;
  EXPECT_EQ(told.str(), plain.str());
}

}  // namespace
}  // namespace tendon
