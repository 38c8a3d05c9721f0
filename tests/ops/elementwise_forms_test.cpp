// Every row of the op table: the dtypes and shapes it takes. What it computes in floating point is
// in elementwise_test.cpp.
#include <cmath>
#include <cstdint>
#include <limits>

#include "tests/ops/elementwise_rows.h"

namespace tendon::test {
namespace {

// Whole numbers from -9 to 9.
Tensor integers(const Shape& shape, unsigned salt, DType dtype) {
  Values whole = points(shape.size(), -9.5, 9.5, salt);
  for (double& x : whole) x = std::nearbyint(x) + 0.0;  // no -0, which integers lack
  return tensor(whole, shape, dtype);
}
Operands integer_operands(const ElementwiseRow& row, const Shape& shape, DType dtype) {
  Operands operands;
  for (unsigned k = 0; k < row.arity; ++k) operands.push_back(integers(shape, k, dtype));
  return operands;
}

template <class T>
T applied(Tensor (*op)(const Operand&, const Operand&), T a, T b) {
  return op(Tensor::from({a}), Tensor::from({b})).template item<T>();
}

TEST(ElementwiseForms, OfIntegersMatchesF64WhereThatIsExact) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.takes(DType::i32)) continue;
    // What is no number, 0 to a negative power and a remainder by 0, is 0; the rest truncates.
    Operands wide = integer_operands(row, 400, DType::f64);
    for (Tensor& operand : wide) operand = operand.to(Device::cpu());  // whose pow is exact here
    Values want = values(row.apply(wide));
    for (double& x : want) x = std::isfinite(x) ? std::trunc(x) : 0;
    for (const DType dtype : {DType::i32, DType::i64}) {
      const Tensor got = row.apply(integer_operands(row, 400, dtype));
      const bool stays = row.table().result == ops::ResultClass::same;
      EXPECT_EQ(got.dtype(), stays ? dtype : DType::boolean) << row.name();
      EXPECT_TRUE(near(values(got), want, 0)) << row.name() << " of " << dtype;
    }
  }
}

TEST(ElementwiseForms, OfIntegersIsTakenAsF32WhereOperandsAreFloating) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (row.table().operands != ops::OperandClass::floating) continue;
    const Operands at = integer_operands(row, 20, DType::f32);
    for (const DType dtype : {DType::i32, DType::i64}) {
      EXPECT_TRUE(same(row.apply(integer_operands(row, 20, dtype)), row.apply(at)))
          << row.name() << " of " << dtype;
    }
  }
}

TEST(ElementwiseForms, OfBooleansIsThatOfIntegersWhereOperandsAreNumeric) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (row.table().operands != ops::OperandClass::numeric) continue;
    Operands booleans;
    Operands numbers;
    for (unsigned k = 0; k < row.arity; ++k) {
      booleans.push_back(tensor({static_cast<double>(k % 2), 1, 0, 1}, 4, DType::boolean));
      numbers.push_back(booleans.back().cast(DType::i32));
    }
    // As in NumPy.
    const bool stays =
        row.op == Op::add || row.op == Op::mul || row.op == Op::maximum || row.op == Op::minimum;
    const Tensor want = row.apply(numbers);
    EXPECT_TRUE(same(row.apply(booleans), stays ? want.cast(DType::boolean) : want)) << row.name();
  }
}

TEST(ElementwiseForms, OfIntegersWraps) {
  constexpr std::int32_t kLow = std::numeric_limits<std::int32_t>::min();
  constexpr std::int32_t kHigh = std::numeric_limits<std::int32_t>::max();
  constexpr std::int64_t kLow64 = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHigh64 = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(applied(add, kHigh, 1), kLow);
  EXPECT_EQ(applied(add, kHigh64, std::int64_t{1}), kLow64);
  EXPECT_EQ(applied(sub, kLow, 1), kHigh);
  EXPECT_EQ(applied(mul, kHigh, kHigh), 1);
  EXPECT_EQ(applied(mul, kHigh64, kHigh64), 1);
  EXPECT_EQ(applied(squared_difference, kHigh, kLow), 1);
  EXPECT_EQ(applied(tendon::pow, 2, 31), kLow);
  EXPECT_EQ(applied(tendon::pow, 3, 40), static_cast<std::int32_t>(12157665459056928801ULL));
  EXPECT_EQ(neg(Tensor::from({kLow})).item<std::int32_t>(), kLow);
  EXPECT_EQ(tendon::abs(Tensor::from({kLow64})).item<std::int64_t>(), kLow64);
  EXPECT_EQ(square(Tensor::from({1 << 16})).item<std::int32_t>(), 0);
}

TEST(ElementwiseForms, OfIntegersHasTheRemaindersAndPowersThatAreStated) {
  constexpr std::int32_t kLow = std::numeric_limits<std::int32_t>::min();
  EXPECT_EQ(applied(mod, -7, 3), 2);
  EXPECT_EQ(applied(mod, 7, -3), -2);
  EXPECT_EQ(applied(mod, kLow, -1), 0);
  EXPECT_EQ(applied(mod, 5, 0), 0);
  EXPECT_EQ(applied(tendon::pow, -1, -3), -1);
  EXPECT_EQ(applied(tendon::pow, -1, kLow), 1);
  EXPECT_EQ(applied(tendon::pow, 1, kLow), 1);
  EXPECT_EQ(applied(tendon::pow, 7, -2), 0);
  EXPECT_EQ(applied(tendon::pow, 0, 0), 1);
}

TEST(ElementwiseForms, OfBooleansFollowsTheTruthTables) {
  const Tensor a = tensor({0, 0, 1, 1}, 4, DType::boolean);
  const Tensor b = tensor({0, 1, 0, 1}, 4, DType::boolean);
  const auto table = [](Tensor result) {
    EXPECT_EQ(result.dtype(), DType::boolean);
    return values(result);
  };
  EXPECT_EQ(table(logical_and(a, b)), Values({0, 0, 0, 1}));
  EXPECT_EQ(table(logical_or(a, b)), Values({0, 1, 1, 1}));
  EXPECT_EQ(table(logical_xor(a, b)), Values({0, 1, 1, 0}));
  EXPECT_EQ(table(logical_not(a)), Values({1, 1, 0, 0}));
  EXPECT_EQ(table(!a), Values({1, 1, 0, 0}));
  EXPECT_EQ(table(a == b), Values({1, 0, 0, 1}));
  EXPECT_EQ(table(a != b), Values({0, 1, 1, 0}));
  EXPECT_EQ(table(a < b), Values({0, 1, 0, 0}));
  EXPECT_EQ(table(a <= b), Values({1, 1, 0, 1}));
  EXPECT_EQ(table(a > b), Values({0, 0, 1, 0}));
  EXPECT_EQ(table(a >= b), Values({1, 0, 1, 1}));
  EXPECT_EQ(table(identity(b)), Values({0, 1, 0, 1}));
  EXPECT_EQ(table(stop_gradient(b)), Values({0, 1, 0, 1}));
}

TEST(ElementwiseForms, OfSixteenBitsIsTheF32ResultRounded) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (!row.takes(DType::f32)) continue;
    for (const DType dtype : {DType::f16, DType::bf16}) {
      const Operands at = operands_of(row, 100, dtype);
      Operands wide;
      for (const Tensor& operand : at) wide.push_back(operand.cast(DType::f32));
      const Tensor want = row.apply(wide);
      EXPECT_TRUE(same(row.apply(at), row.gives_numbers() ? want.cast(dtype) : want))
          << row.name() << " of " << dtype;
    }
  }
}

TEST(ElementwiseForms, KeepsEmptyShapes) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    const DType dtype = row.takes(DType::f32) ? DType::f32 : DType::boolean;
    for (const Shape& shape : {Shape(0), Shape(2, 0, 3)}) {
      const Operands at = operands_of(row, shape, dtype);
      EXPECT_TRUE(same(row.apply(at), zeros(shape, row.apply(at).dtype()))) << row.name();
      if (!row.gives_numbers() || row.is_cut()) continue;
      for (const Gradient& answer : gradients(row.apply, at, ones(shape))) {
        EXPECT_TRUE(same(*answer, zeros(shape))) << row.name();
      }
    }
  }
}

TEST(ElementwiseForms, GivesASingleElementTheSameValueInEveryShape) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    const DType dtype = row.takes(DType::f32) ? DType::f32 : DType::boolean;
    const Tensor scalar = row.apply(operands_of(row, {}, dtype));
    EXPECT_EQ(scalar.shape(), Shape()) << row.name();
    for (const Shape& shape : {Shape(1), Shape(1, 1, 1)}) {
      const Tensor got = row.apply(operands_of(row, shape, dtype));
      EXPECT_TRUE(same(got, reshape(scalar, shape))) << row.name();
    }
  }
}

struct Broadcast {
  Shape a, b, c, result;  // c: of ternary rows only
};
const Broadcast kBroadcasts[] = {
    {{3, 1}, {4}, {}, {3, 4}},
    {{}, {2, 3}, {3}, {2, 3}},
    {{2, 3}, {}, {2, 1}, {2, 3}},
    {{2, 1, 3}, {4, 1}, {1}, {2, 4, 3}},
    {{1}, {2, 1, 2}, {1, 3, 1}, {2, 3, 2}},
    {{1, 1}, {2}, {2}, {1, 2}},
    {{0}, {1}, {1}, {0}},
    {{1, 3}, {0, 1}, {}, {0, 3}},
    {{1, 2, 1, 2, 1, 1, 1, 2}, {2, 1, 1, 1, 1, 2, 1}, {}, {1, 2, 1, 2, 1, 1, 2, 2}},
};

TEST(ElementwiseForms, BroadcastsAsNumPy) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (row.arity == 1) continue;
    const DType dtype = row.takes(DType::f64) ? DType::f64 : DType::boolean;
    const auto [low, high] = row.table().domain;
    for (const Broadcast& shapes : kBroadcasts) {
      const Shape each[] = {shapes.a, shapes.b, shapes.c};
      Shape result = shapes.result;
      // Only the ternary rows see c.
      if (row.arity == 2)
        result = row.apply({zeros(shapes.a, dtype), zeros(shapes.b, dtype)}).shape();
      Operands at;
      Operands wide;
      for (unsigned k = 0; k < row.arity; ++k) {
        const Values own = values(tensor(points(each[k].size(), low, high, k), each[k], dtype));
        at.push_back(tensor(own, each[k], dtype));
        wide.push_back(tensor(expanded(own, each[k], result), result, dtype));
      }
      const Tensor got = row.apply(at);
      EXPECT_EQ(got.shape(), result) << row.name();
      EXPECT_TRUE(same(got, row.apply(wide))) << row.name() << ' ' << shapes.a << shapes.b;
      if (!row.gives_numbers() || row.is_cut()) continue;
      const Tensor cotangent = tensor(points(result.size(), 0.5, 1.5, 9), result);
      for (std::size_t k = 0; k < row.arity; ++k) {
        const Tensor slope = derivative(row.apply, at, cotangent, k);
        const Values want = values(derivative(row.apply, wide, cotangent, k));
        EXPECT_EQ(slope.shape(), each[k]) << row.name();
        EXPECT_TRUE(near(values(slope), summed(want, result, each[k])))
            << row.name() << " by " << k << ' ' << shapes.a << shapes.b;
      }
    }
  }
}

TEST(ElementwiseForms, ReadsViewsLikeCopies) {
  const std::pair<const char*, Function> views[] = {
      {"transposed", [](const Operands& x) { return transpose(x[0]); }},
      {"reversed",
       [](const Operands& x) {
         return strided_slice(x[0], {2, 3}, {-4, -5}, {-1, -2});
       }},
      {"a window",
       [](const Operands& x) {
         return slice(x[0], {1, 0}, {2, 3});
       }},
      {"stretched",
       [](const Operands& x) {
         return broadcast_to(slice(x[0], {0, 1}, {3, 1}), {3, 4});
       }},
  };
  for (const ElementwiseRow& row : elementwise_rows()) {
    const DType dtype = row.takes(DType::f64) ? DType::f64 : DType::boolean;
    for (const auto& [what, view] : views) {
      const Operands at = operands_of(row, {3, 4}, dtype);
      Operands seen;
      Operands copied;
      for (const Tensor& operand : at) {
        seen.push_back(view({operand}));
        copied.push_back(tensor(values(seen.back()), seen.back().shape(), dtype));
        seen.back() = view({operand});  // not computed yet: the row reads the view itself
      }
      EXPECT_TRUE(same(row.apply(seen), row.apply(copied))) << row.name() << ' ' << what;
      if (!row.gives_numbers() || row.is_cut()) continue;
      const auto through = [&row, &view = view](const Operands& operands) {
        Operands viewed;
        for (const Tensor& operand : operands) viewed.push_back(view({operand}));
        return row.apply(viewed);
      };
      EXPECT_TRUE(gradient_agrees(through, at)) << row.name() << ' ' << what;
    }
  }
}

}  // namespace
}  // namespace tendon::test
