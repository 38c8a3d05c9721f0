// The gradient by a tensor that is used in parts: right however the parts lie, and as cheap as the
// parts are.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <numeric>
#include <string>
#include <vector>

namespace tendon::test {
namespace {

// Rows or columns [begin, begin + count) of a matrix.
struct Window {
  int axis;
  std::int64_t begin, count;
};

// d/dx of sum((k + 1) * window k of x, all k), as loops add it up.
std::vector<double> by_hand(const Shape& shape, const std::vector<Window>& windows) {
  std::vector<double> gradient(static_cast<std::size_t>(shape.size()));
  for (std::size_t k = 0; k < windows.size(); ++k) {
    for (std::int64_t i = 0; i < shape[0]; ++i) {
      for (std::int64_t j = 0; j < shape[1]; ++j) {
        const std::int64_t at = windows[k].axis == 0 ? i : j;
        if (at >= windows[k].begin && at < windows[k].begin + windows[k].count)
          gradient[static_cast<std::size_t>(i * shape[1] + j)] += static_cast<double>(k + 1);
      }
    }
  }
  return gradient;
}

Tensor part(const Tensor& x, const Window& window) {
  Shape begin(0, 0), size = x.shape();
  begin[window.axis] = window.begin;
  size[window.axis] = window.count;
  return slice(x, begin, size);
}

std::vector<double> by_tape(const Shape& shape, const std::vector<Window>& windows) {
  const Variable x(ones(shape, DType::f64), "x");
  GradientTape tape;
  Tensor sum = zeros({}, DType::f64);
  for (std::size_t k = 0; k < windows.size(); ++k)
    sum = sum + reduce_sum(part(x, windows[k])) * static_cast<double>(k + 1);
  return tape.gradient(sum, x).value().to_vector<double>();
}

std::vector<Window> each_row(std::int64_t count) {
  std::vector<Window> windows;
  for (std::int64_t i = 0; i < count; ++i) windows.push_back({0, i, 1});
  return windows;
}

TEST(GradientByParts, IsWhatLoopsAddUp) {
  const std::vector<std::pair<Shape, std::vector<Window>>> cases = {
      {{3, 2}, each_row(3)},
      {{3, 2}, {{0, 2, 1}, {0, 0, 1}, {0, 1, 1}}},  // in another order
      {{40, 2}, each_row(40)},                      // more than a view has pieces
      {{300, 1}, each_row(300)},                    // more than two levels of them
      {{9, 2}, {{0, 1, 2}, {0, 5, 1}, {0, 6, 2}}},  // with gaps, inside and outside
      {{5, 4}, {{1, 0, 2}, {1, 2, 2}}},             // columns
      {{5, 4}, {{1, 0, 2}, {0, 1, 2}}},             // of two axes
      {{5, 4}, {{0, 0, 3}, {0, 2, 3}}},             // that overlap
      {{5, 4}, {{0, 1, 2}, {0, 1, 2}}},             // twice the same
      {{5, 4}, {{0, 0, 5}, {0, 1, 1}}},             // all, and a part
      {{5, 4}, {{0, 1, 1}, {0, 0, 5}}},
  };
  for (const auto& [shape, windows] : cases)
    EXPECT_EQ(by_tape(shape, windows), by_hand(shape, windows)) << shape << windows.size();
}

TEST(GradientByParts, AddsWhatComesBesideTheParts) {
  const Variable x(ones({3, 2}), "x");
  for (const bool is_first : {true, false}) {
    GradientTape tape;
    Tensor sum = is_first ? reduce_sum(x * 10.0) : zeros({});
    for (const Window& row : each_row(3)) sum = sum + reduce_sum(square(part(x, row)));
    if (!is_first) sum = sum + reduce_sum(x * 10.0);
    EXPECT_EQ(tape.gradient(sum, x).value().to_vector<float>(), std::vector<float>(6, 12));
  }
}

TEST(GradientByParts, OfStepsThatGoBackwardAndOfNothing) {
  const Variable x(arange(6), "x");
  GradientTape tape;
  const Tensor even = strided_slice(x, {4}, {-7}, {-2}), odd = strided_slice(x, {1}, {6}, {2});
  const Tensor nothing = slice(x, {2}, {0});
  const Tensor y = reduce_sum(even * 2.0) + reduce_sum(odd) + reduce_sum(nothing);
  EXPECT_EQ(tape.gradient(y, x).value().to_vector<float>(), (std::vector<float>{2, 1, 2, 1, 2, 1}));
}

TEST(GradientByParts, HasAGradient) {
  const Variable x(full({20, 2}, 3), "x");
  GradientTape outer;
  GradientTape inner;
  Tensor y = zeros({});
  for (const Window& row : each_row(20)) {
    const Tensor piece = part(x, row);
    y = y + reduce_sum(piece * piece * piece);
  }
  const Tensor slope = inner.gradient(y, x).value();
  EXPECT_EQ(slope.to_vector<float>(), std::vector<float>(40, 27));
  EXPECT_EQ(outer.gradient(reduce_sum(slope), x).value().to_vector<float>(),
            std::vector<float>(40, 18));
}

// A sequence that is read step by step: the gradient by it takes as much a step, however long it
// is.
TEST(GradientByParts, CostsWhatThePartsAre) {
  const auto work_a_step = [](std::int64_t steps) {
    const Variable x(ones({steps, 256}), "x");
    GradientTape tape;
    Tensor h = zeros({256});
    for (const Window& row : each_row(steps)) h = tanh(h + reshape(part(x, row), {256}));
    const PlanSummary plan = describe({tape.gradient(h, x).value()});
    return static_cast<double>(plan.flops + plan.bytes_read + plan.bytes_written) /
           static_cast<double>(steps);
  };
  EXPECT_LT(work_a_step(256), 1.5 * work_a_step(64));
}

}  // namespace
}  // namespace tendon::test
