#include "tests/support/numeric.h"

namespace tendon::test {
namespace {

Tensor numbers(const Shape& shape, unsigned salt) {
  return tensor(points(shape.size(), -2, 2, salt), shape);
}

Tensor flipped(const Tensor& x) {
  Axes axes;
  for (int i = 0; i + 2 < x.rank(); ++i) axes.push_back(i);
  axes.push_back(x.rank() - 1);
  axes.push_back(x.rank() - 2);
  return transpose(x, axes);
}

// By its definition, over NumPy's broadcast of the leading axes; operands of rank 2 or more.
Values product(const Tensor& a, const Tensor& b, const Shape& result) {
  const int rank = result.rank();
  const std::int64_t m = result[rank - 2];
  const std::int64_t n = result[rank - 1];
  const std::int64_t inner = a.shape()[a.rank() - 1];
  const auto widened = [&](const Tensor& x) {
    Shape wide = result;
    wide[rank - 2] = x.shape()[x.rank() - 2];
    wide[rank - 1] = x.shape()[x.rank() - 1];
    return expanded(values(x), x.shape(), wide);
  };
  const Values left = widened(a);
  const Values right = widened(b);
  Values sums;
  for (std::int64_t i = 0; i < result.size(); ++i) {
    const std::int64_t batch = i / (m * n);
    const std::int64_t row = i / n % m;
    double sum = 0;
    for (std::int64_t k = 0; k < inner; ++k) {
      sum += left[static_cast<std::size_t>((batch * m + row) * inner + k)] *
             right[static_cast<std::size_t>((batch * inner + k) * n + i % n)];
    }
    sums.push_back(sum);
  }
  return sums;
}

struct Case {
  Shape a, b, result;
};
const Case kCases[] = {
    {{2, 3}, {3, 4}, {2, 4}},
    {{1, 1}, {1, 1}, {1, 1}},
    {{2, 2, 3}, {3, 2}, {2, 2, 2}},
    {{2, 3}, {2, 3, 2}, {2, 2, 2}},
    {{2, 1, 2, 3}, {3, 3, 1}, {2, 3, 2, 1}},
    {{1, 2, 2, 3}, {2, 1, 3, 2}, {2, 2, 2, 2}},
};

TEST(Matmul, IsItsDefinitionWithEachTranspose) {
  for (const Case& each : kCases) {
    const Tensor a = numbers(each.a, 1);
    const Tensor b = numbers(each.b, 2);
    const Values want = product(a, b, each.result);
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        const Tensor got = matmul(transpose_a ? flipped(a) : a, transpose_b ? flipped(b) : b,
                                  transpose_a, transpose_b);
        EXPECT_EQ(got.shape(), each.result);
        EXPECT_TRUE(near(values(got), want)) << each.a << each.b << transpose_a << transpose_b;
      }
    }
  }
}

TEST(Matmul, HasTheGradientsThatDifferencesGive) {
  for (const Case& each : kCases) {
    const Tensor a = numbers(each.a, 1);
    const Tensor b = numbers(each.b, 2);
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        const auto f = [=](const Operands& x) {
          return matmul(x[0], x[1], transpose_a, transpose_b);
        };
        const Operands at = {transpose_a ? flipped(a) : a, transpose_b ? flipped(b) : b};
        EXPECT_TRUE(gradient_agrees(f, at)) << each.a << each.b << transpose_a << transpose_b;
        EXPECT_TRUE(second_order_agrees(f, at)) << each.a << each.b << transpose_a << transpose_b;
      }
    }
  }
}

TEST(Matmul, TakesVectorsAsRowsAndColumns) {
  const Case cases[] = {
      {3, 3, {}},
      {3, {3, 2}, 2},
      {{2, 3}, 3, 2},
      {3, {2, 3, 4}, {2, 4}},
      {{2, 4, 3}, 3, {2, 4}},
      {{2, 1, 2, 3}, 3, {2, 1, 2}},
  };
  for (const Case& each : cases) {
    const Tensor a = numbers(each.a, 1);
    const Tensor b = numbers(each.b, 2);
    const Tensor got = matmul(a, b);
    EXPECT_EQ(got.shape(), each.result) << each.a << each.b;
    const Tensor row = each.a.rank() == 1 ? expand_dims(a, 0) : a;
    const Tensor column = each.b.rank() == 1 ? expand_dims(b, 1) : b;
    const Shape whole = matmul(row, column).shape();
    EXPECT_TRUE(near(values(got), product(row, column, whole))) << each.a << each.b;
    const auto f = [](const Operands& x) { return matmul(x[0], x[1]); };
    EXPECT_TRUE(gradient_agrees(f, {a, b})) << each.a << each.b;
    EXPECT_TRUE(second_order_agrees(f, {a, b})) << each.a << each.b;
  }
}

TEST(Matmul, OverAnEmptyInnerExtentIsZeros) {
  EXPECT_TRUE(same(matmul(zeros({2, 0}), zeros({0, 3})), zeros({2, 3})));
  EXPECT_TRUE(same(matmul(zeros(0), zeros(0)), zeros({})));
  const auto f = [](const Operands& x) { return matmul(x[0], x[1]); };
  const Tensor a = zeros({2, 0}, DType::f64);
  const Tensor b = zeros({0, 3}, DType::f64);
  EXPECT_TRUE(same(derivative(f, {a, b}, ones({2, 3}, DType::f64), 0), a));
  EXPECT_TRUE(same(derivative(f, {a, b}, ones({2, 3}, DType::f64), 1), b));
}

TEST(Matmul, WithEmptyOuterExtentsIsEmpty) {
  EXPECT_TRUE(same(matmul(zeros({0, 2}), ones({2, 3})), zeros({0, 3})));
  EXPECT_TRUE(same(matmul(zeros({0, 2, 2}), ones({2, 3})), zeros({0, 2, 3})));
  const auto f = [](const Operands& x) { return matmul(x[0], x[1]); };
  // The batch that is summed over has nothing in it.
  EXPECT_TRUE(
      same(derivative(f, {zeros({0, 2, 2}), ones({2, 3})}, zeros({0, 2, 3}), 1), zeros({2, 3})));
}

TEST(Matmul, OfIntegersWrapsAndOfBooleansCounts) {
  EXPECT_EQ(matmul(Tensor::from({-2, 3}), Tensor::from({5, 7})).item<int>(), 11);
  EXPECT_EQ(matmul(Tensor::from({1 << 16}), Tensor::from({1 << 16})).item<int>(), 0);
  const std::int64_t large = (std::int64_t{1} << 53) + 1;
  EXPECT_EQ(matmul(Tensor::from({large}), Tensor::from({std::int64_t{3}})).item<std::int64_t>(),
            3 * large);
  const Tensor mask = tensor({1, 0, 1}, 3, DType::boolean);
  EXPECT_TRUE(same(matmul(mask, mask), tensor({2}, {}, DType::i32)));
}

TEST(Matmul, OfSixteenBitsIsTheF32ResultRounded) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const Tensor a = tensor(points(60, -2, 2, 1), {3, 20}, dtype);
    const Tensor b = tensor(points(80, -2, 2, 2), {20, 4}, dtype);
    const Tensor want = matmul(a.cast(DType::f32), b.cast(DType::f32)).cast(dtype);
    EXPECT_TRUE(same(matmul(a, b), want)) << dtype;
  }
}

TEST(Matmul, ComputesOnlyTheSideThatIsAskedFor) {
  const Tensor a = numbers({2, 3}, 1);
  const Tensor b = numbers({3, 2}, 2);
  GradientTape tape;
  tape.watch(a);
  const Tensor y = matmul(a, b);
  const Gradients answers = tape.gradient(y, {a, b});
  EXPECT_TRUE(answers[0].has_value());
  EXPECT_FALSE(answers[1].has_value());
}

}  // namespace
}  // namespace tendon::test
