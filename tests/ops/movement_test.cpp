// The ops that move values: reshape, transpose, broadcast_to, expand_dims, squeeze, slice,
// strided_slice, concat, stack, split.
#include <cstdint>
#include <limits>
#include <random>

#include "tests/support/numeric.h"

namespace tendon::test {
namespace {

constexpr std::int64_t kFurthest = std::numeric_limits<std::int64_t>::max();

Tensor counted(const Shape& shape, DType dtype = DType::f64) {
  return reshape(arange(static_cast<double>(shape.size()), dtype), shape);
}
Tensor numbers(const Shape& shape, unsigned salt = 0) {
  return tensor(points(shape.size(), -2, 2, salt), shape);
}

// f is linear, so that its square is what has a second derivative to check.
void expect_derivatives(const Function& f, const Operands& at) {
  EXPECT_TRUE(gradient_agrees(f, at));
  EXPECT_TRUE(second_order_agrees([&f](const Operands& x) { return square(f(x)); }, at));
}

TEST(Reshape, KeepsTheOrderOfValues) {
  const Tensor x = counted({2, 6});
  for (const Shape& shape : {Shape(3, 4), Shape(12), Shape(1, 2, 1, 6), Shape(2, 6)}) {
    EXPECT_EQ(reshape(x, shape).shape(), shape);
    EXPECT_EQ(values(reshape(x, shape)), values(x));
    expect_derivatives([&](const Operands& at) { return reshape(at[0], shape); }, {x});
  }
  EXPECT_EQ(reshape(Tensor::from({5}), {}).item<int>(), 5);
  EXPECT_EQ(reshape(3.5, {1, 1}).shape(), Shape(1, 1));
}

TEST(Reshape, FindsTheExtentThatIsLeft) {
  const Tensor x = zeros({2, 6});
  EXPECT_EQ(reshape(x, -1).shape(), Shape(12));
  EXPECT_EQ(reshape(x, {3, -1}).shape(), Shape(3, 4));
  EXPECT_EQ(reshape(x, {-1, 12}).shape(), Shape(1, 12));
  EXPECT_EQ(reshape(zeros({}), -1).shape(), Shape(1));
  EXPECT_EQ(reshape(zeros({0, 3}), {-1, 3}).shape(), Shape(0, 3));
  EXPECT_EQ(reshape(zeros({0, 3}), {5, -1}).shape(), Shape(5, 0));
}

TEST(Transpose, PermutesTheAxes) {
  const Tensor x = counted({2, 3});
  EXPECT_EQ(values(transpose(x)), Values({0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(transpose(zeros({2, 3, 4})).shape(), Shape(4, 3, 2));
  EXPECT_EQ(transpose(zeros({2, 3, 4}), {1, -1, 0}).shape(), Shape(3, 4, 2));
  EXPECT_EQ(transpose(zeros({0, 3})).shape(), Shape(3, 0));
  EXPECT_EQ(transpose(Tensor(2.0)).item<float>(), 2);
  const Values got = values(transpose(counted({2, 2, 3}), {2, 0, 1}));
  EXPECT_EQ(got, Values({0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11}));
}

TEST(Transpose, HasTheGradientsThatDifferencesGive) {
  const Tensor x = numbers({2, 3, 4});
  for (const Axes& axes : {Axes(), Axes(0, 1, 2), Axes(1, 2, 0), Axes(2, 0, 1), Axes(-1, 1, -3)}) {
    expect_derivatives([&](const Operands& at) { return transpose(at[0], axes); }, {x});
  }
}

TEST(BroadcastTo, StretchesAndSumsBack) {
  const struct {
    Shape from, to;
  } cases[] = {{{}, {2, 3}}, {{3}, {2, 3}}, {{2, 1}, {2, 3}}, {{1, 1}, {4, 2, 3}}, {{2}, 2}};
  for (const auto& [from, to] : cases) {
    const Tensor x = numbers(from);
    EXPECT_EQ(values(broadcast_to(x, to)), expanded(values(x), from, to));
    expect_derivatives([&to = to](const Operands& at) { return broadcast_to(at[0], to); }, {x});
  }
  const auto to_nothing = [](const Operands& at) { return broadcast_to(at[0], {0, 3}); };
  EXPECT_TRUE(gradient_agrees(to_nothing, {numbers({1, 3})}));
}

TEST(ExpandDims, PutsExtentsOfOneWhereTheResultHasThem) {
  const Tensor x = numbers({2, 3});
  EXPECT_EQ(expand_dims(x, 0).shape(), Shape(1, 2, 3));
  EXPECT_EQ(expand_dims(x, -1).shape(), Shape(2, 3, 1));
  EXPECT_EQ(expand_dims(x, {0, 2}).shape(), Shape(1, 2, 1, 3));
  EXPECT_EQ(expand_dims(x, {-1, 0}).shape(), Shape(1, 2, 3, 1));
  EXPECT_EQ(expand_dims(1, 0).shape(), Shape(1));
  expect_derivatives([](const Operands& at) { return expand_dims(at[0], 1); }, {x});
}

TEST(Squeeze, DropsExtentsOfOne) {
  const Tensor x = numbers({1, 2, 1, 3});
  EXPECT_EQ(squeeze(x).shape(), Shape(2, 3));
  EXPECT_EQ(squeeze(x, 0).shape(), Shape(2, 1, 3));
  EXPECT_EQ(squeeze(x, {0, -2}).shape(), Shape(2, 3));
  EXPECT_EQ(squeeze(zeros({1, 1})).shape(), Shape());
  expect_derivatives([](const Operands& at) { return squeeze(at[0], 2); }, {x});
}

TEST(Slice, TakesAWindow) {
  const Tensor x = counted({3, 4});
  EXPECT_EQ(values(slice(x, {1, 1}, {2, 2})), Values({5, 6, 9, 10}));
  EXPECT_EQ(values(slice(x, {2, 0}, {-1, -1})), Values({8, 9, 10, 11}));
  EXPECT_EQ(slice(x, {1, 4}, {2, 0}).shape(), Shape(2, 0));
  EXPECT_EQ(values(slice(Tensor::from({1, 2, 3}), 1, 2)), Values({2, 3}));
  expect_derivatives([](const Operands& at) { return slice(at[0], {1, 1}, {2, -1}); }, {x});
  EXPECT_TRUE(gradient_agrees(
      [](const Operands& at) {
        return slice(at[0], {3, 0}, {0, 4});
      },
      {x}));
}

// The positions of range(extent)[begin:end:step] in Python.
std::vector<std::int64_t> python_slice(std::int64_t extent, std::int64_t begin, std::int64_t end,
                                       std::int64_t step) {
  const auto adjusted = [&](std::int64_t at) {
    const std::int64_t least = step < 0 ? -1 : 0;
    const std::int64_t most = step < 0 ? extent - 1 : extent;
    if (at < 0) at = at + extent < least ? least : at + extent;
    return at > most ? most : at;
  };
  std::vector<std::int64_t> result;
  const std::int64_t stop = adjusted(end);
  for (std::int64_t at = adjusted(begin); step > 0 ? at < stop : at > stop; at += step) {
    result.push_back(at);
  }
  return result;
}

TEST(StridedSlice, IsThatOfPythonOnRandomCases) {
  std::mt19937 random(7);
  const auto between = [&random](int low, int high) {
    return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
  };
  for (int i = 0; i < 500; ++i) {
    Shape shape, begin, end, step;
    for (int axis = 0; axis < 2; ++axis) {
      const int extent = between(0, 6);
      shape.push_back(extent);
      begin.push_back(between(-extent - 2, extent + 2));
      end.push_back(between(-extent - 2, extent + 2));
      step.push_back(between(1, 4) * (between(0, 1) == 0 ? 1 : -1));
    }
    const auto rows = python_slice(shape[0], begin[0], end[0], step[0]);
    const auto columns = python_slice(shape[1], begin[1], end[1], step[1]);
    Values want;
    Values slope(static_cast<std::size_t>(shape.size()));
    for (const std::int64_t row : rows) {
      for (const std::int64_t column : columns) {
        const auto at = static_cast<std::size_t>(row * shape[1] + column);
        slope[at] = static_cast<double>(want.size() + 1);
        want.push_back(static_cast<double>(at));
      }
    }
    const auto f = [&](const Operands& at) { return strided_slice(at[0], begin, end, step); };
    const Tensor x = counted(shape);
    const Tensor got = f({x});
    ASSERT_EQ(got.shape(), Shape(rows.size(), columns.size())) << shape << begin << end << step;
    ASSERT_EQ(values(got), want) << shape << begin << end << step;
    const Tensor cotangent = counted(got.shape()) + 1;
    ASSERT_EQ(values(derivative(f, {x}, cotangent, 0)), slope) << shape << begin << end << step;
  }
}

TEST(StridedSlice, ReachesTheFirstElementBackwards) {
  const Tensor x = counted(4);
  EXPECT_EQ(values(strided_slice(x, -1, -5, -1)), Values({3, 2, 1, 0}));
  EXPECT_EQ(values(strided_slice(x, 3, 0, -2)), Values({3, 1}));
  EXPECT_EQ(values(strided_slice(x, 1, 3)), Values({1, 2}));
  expect_derivatives([](const Operands& at) { return strided_slice(at[0], -1, -5, -3); }, {x});
}

TEST(StridedSlice, TakesPositionsAndStepsOfAnySize) {
  const Tensor x = counted(4);
  EXPECT_EQ(values(strided_slice(x, 0, kFurthest, 2)), Values({0, 2}));
  EXPECT_EQ(values(strided_slice(x, -kFurthest, kFurthest, 1)), Values({0, 1, 2, 3}));
  EXPECT_EQ(values(strided_slice(x, kFurthest, -kFurthest, -3)), Values({3, 0}));
  EXPECT_EQ(values(strided_slice(x, 1, 4, kFurthest)), Values({1}));
  EXPECT_EQ(values(strided_slice(x, 2, -5, -kFurthest)), Values({2}));
}

TEST(Concat, JoinsAlongAnAxis) {
  const Tensor a = counted({2, 2});
  const Tensor b = counted({2, 1}) + 10;
  const Tensor none = zeros({2, 0}, DType::f64);
  EXPECT_EQ(values(concat({a, b, none}, 1)), Values({0, 1, 10, 2, 3, 11}));
  EXPECT_EQ(values(concat({b, a}, -1)), Values({10, 0, 1, 11, 2, 3}));
  EXPECT_EQ(values(concat({a, a})), Values({0, 1, 2, 3, 0, 1, 2, 3}));
  EXPECT_TRUE(same(concat({a}), a));
  EXPECT_EQ(values(concat({Tensor::from({1}), Tensor::from({2.5F})})), Values({1, 2.5}));
  expect_derivatives([](const Operands& at) { return concat({at[0], at[1], at[0]}, 1); }, {a, b});
  EXPECT_TRUE(gradient_agrees(
      [](const Operands& at) {
        return concat({at[0], at[1]}, 1);
      },
      {none, b}));
}

TEST(Concat, TakesManyValues) {
  std::vector<Tensor> parts;
  for (int i = 0; i < 40; ++i) parts.push_back(full(2, i, DType::f64));
  const auto f = [](const Operands& at) { return concat(at); };
  const Values got = values(f(parts));
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], static_cast<double>(i / 2));
  EXPECT_TRUE(gradient_agrees(f, parts));
}

TEST(Stack, JoinsAlongANewAxis) {
  const Tensor a = counted(2);
  const Tensor b = counted(2) + 10;
  EXPECT_EQ(values(stack({a, b})), Values({0, 1, 10, 11}));
  EXPECT_EQ(values(stack({a, b}, 1)), Values({0, 10, 1, 11}));
  EXPECT_EQ(stack({zeros({2, 3}), zeros({2, 3})}, -1).shape(), Shape(2, 3, 2));
  EXPECT_EQ(stack({Tensor(1.0), Tensor(2.0), Tensor(3.0)}).shape(), Shape(3));
  expect_derivatives([](const Operands& at) { return stack({at[0], at[1]}, -1); }, {a, b});
}

TEST(Split, CutsIntoEqualPartsAndIntoSizes) {
  const Tensor x = counted({2, 6});
  const std::vector<Tensor> halves = split(x, 2, 1);
  ASSERT_EQ(halves.size(), 2U);
  EXPECT_EQ(values(halves[1]), Values({3, 4, 5, 9, 10, 11}));
  EXPECT_EQ(split(x, 2).front().shape(), Shape(1, 6));
  const std::vector<Tensor> parts = split(x, {1, 0, 5}, -1);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(values(parts[0]), Values({0, 6}));
  EXPECT_EQ(parts[1].shape(), Shape(2, 0));
  EXPECT_EQ(values(parts[2]), Values({1, 2, 3, 4, 5, 7, 8, 9, 10, 11}));
  EXPECT_TRUE(same(concat(parts, 1), x));
  expect_derivatives([](const Operands& at) { return split(at[0], 3, 1)[1]; }, {x});
  expect_derivatives(
      [](const Operands& at) {
        const std::vector<Tensor> cut = split(at[0], {2, 4}, 1);
        return concat({cut[1], cut[0] * 2}, 1);
      },
      {x});
}

TEST(Movement, KeepsEveryDtype) {
  for (const DType dtype :
       {DType::boolean, DType::i32, DType::i64, DType::f16, DType::bf16, DType::f32, DType::f64}) {
    const Tensor x = tensor({1, 0, 1, 1, 0, 1}, {2, 3}, dtype);
    EXPECT_TRUE(same(reshape(x, {3, 2}), tensor({1, 0, 1, 1, 0, 1}, {3, 2}, dtype)));
    EXPECT_TRUE(same(transpose(x), tensor({1, 1, 0, 0, 1, 1}, {3, 2}, dtype)));
    EXPECT_TRUE(same(broadcast_to(slice(x, {0, 0}, {1, 3}), {2, 3}),
                     tensor({1, 0, 1, 1, 0, 1}, {2, 3}, dtype)));
    EXPECT_TRUE(same(strided_slice(x, {1, 2}, {0, -4}, {-1, -2}), tensor({1, 1}, {1, 2}, dtype)));
    EXPECT_TRUE(same(concat(split(x, 3, 1), 0), tensor({1, 1, 0, 0, 1, 1}, {6, 1}, dtype)));
    EXPECT_TRUE(
        same(stack({x, x}, 1), tensor({1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1}, {2, 2, 3}, dtype)));
  }
}

TEST(Movement, ReachesRankEight) {
  const Shape shape(1, 2, 1, 2, 1, 1, 2, 1);
  const Tensor x = reshape(numbers(8), shape);
  expect_derivatives([](const Operands& at) { return transpose(at[0]); }, {x});
  expect_derivatives(
      [](const Operands& at) {
        return broadcast_to(at[0], {1, 2, 2, 2, 1, 1, 2, 1});
      },
      {x});
}

}  // namespace
}  // namespace tendon::test
