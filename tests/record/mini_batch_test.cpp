// Mini-batches by slices of data at hand: one plan serves every offset, and values, gradients and
// explanations are those of a slice.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace tendon {
namespace {

Counters now() { return counters(default_device()); }

Tensor counted(const Shape& shape, DType dtype = DType::f32) {
  const Tensor x = reshape(arange(static_cast<double>(shape.size())), shape).cast(dtype);
  run({x});
  return x;
}
std::vector<float> values_of(const Tensor& x) { return x.cast(DType::f32).to_vector<float>(); }

TEST(MiniBatch, OfEveryOffsetIsOnePlanFromTheFirstStepOn) {
  const Tensor x = counted({512, 8}) / 512, y = counted({512});
  run({x, y});
  const Variable w(ones({8, 1}) * 0.1, "w"), b(ones({1}), "b");
  optim::Adam adam;
  const Counters before = now();
  for (int step = 0; step < 32; ++step) {
    GradientTape tape;
    const Tensor batch = slice(x, {16 * step, 0}, {16, -1});
    const Tensor wanted = slice(y, {16 * step}, {16});
    const Tensor loss = reduce_mean(square(matmul(batch, w) + b - reshape(wanted, {16, 1})));
    adam.apply(tape.gradient(loss, {w, b}), {w, b});
  }
  EXPECT_EQ(now().plans_built, before.plans_built + 2);  // the moments' zeros, and all steps
}

TEST(MiniBatch, HasTheValuesOfASliceAtEveryOffsetAndOfEveryDType) {
  for (const DType dtype : {DType::f16, DType::f32, DType::f64, DType::i32}) {
    const Tensor x = counted({9, 3, 2}, dtype);
    for (int first = 0; first < 8; ++first) {
      const Tensor rows = slice(x, {first, 0, 0}, {2, 3, 2});
      std::vector<float> want;
      for (int i = 0; i < 12; ++i) want.push_back(static_cast<float>(6 * first + i) + 1);
      EXPECT_EQ(values_of(rows + 1), want) << name(dtype);
      const Tensor of_rows = slice(rows, {1, 1, 0}, {1, 2, 2});  // a block of a block
      EXPECT_EQ(values_of(of_rows + 1), std::vector<float>(want.begin() + 8, want.end()));
      // These are no blocks.
      const Tensor columns = slice(x, {first, 0, 1}, {1, 3, 1});
      EXPECT_EQ(values_of(columns + 1), std::vector<float>({want[1], want[3], want[5]}));
      const Tensor apart = strided_slice(x, {first, 0, 0}, {first + 1, 3, 2}, {1, 2, 1});
      EXPECT_EQ(values_of(apart + 1), std::vector<float>({want[0], want[1], want[4], want[5]}));
    }
    EXPECT_EQ(values_of(slice(x, {8, 2, 1}, {1, 1, 1}) + 1), std::vector<float>({54}));
    EXPECT_EQ(slice(x, {4, 0, 0}, {0, 3, 2}).size(), 0);
    EXPECT_TRUE(values_of(slice(x, {4, 0, 0}, {0, 3, 2}) + 1).empty());
  }
}

TEST(MiniBatch, IsAskedForAloneOrBesideWhatComesOfIt) {
  const Tensor x = counted({6});
  const Tensor part = slice(x, {2}, {3}), twice = part * 2;
  run({twice, part});
  EXPECT_EQ(values_of(part), std::vector<float>({2, 3, 4}));
  EXPECT_EQ(values_of(twice), std::vector<float>({4, 6, 8}));
  const Tensor other = slice(x, {1}, {2});
  run({other, other * 2, x});
  EXPECT_EQ(values_of(other), std::vector<float>({1, 2}));
  Variable cell(zeros({3}), "cell");
  cell.assign(slice(x, {3}, {3}));
  EXPECT_EQ(values_of(cell + 1), std::vector<float>({4, 5, 6}));
  EXPECT_EQ(values_of(cell), std::vector<float>({3, 4, 5}));
}

// The block keeps no memory that nobody reads: its own is as large as itself.
TEST(MiniBatch, ThatWasReadDoesNotHoldItsData) {
  std::optional<Tensor> x = counted({1 << 16});
  const std::int64_t before = now().bytes_allocated;
  const Tensor part = slice(*x, {64}, {64});
  run({part});
  x.reset();
  EXPECT_LT(now().bytes_allocated, before - (1 << 17));
  EXPECT_EQ(values_of(part)[0], 64);
}

TEST(MiniBatch, OfAWatchedTensorHasAGradient) {
  const Tensor x = counted({4, 2});
  for (int first = 0; first < 3; ++first) {
    GradientTape tape;
    tape.watch(x);
    const Tensor loss = reduce_sum(square(slice(x, {first, 0}, {2, 2})));
    std::vector<float> want(8);
    for (int i = 2 * first; i < 2 * first + 4; ++i)
      want[static_cast<std::size_t>(i)] = 2.0F * static_cast<float>(i);
    EXPECT_EQ(values_of(*tape.gradient(loss, x)), want);
  }
}

std::string first_nan(const Tensor& x) {
  x.item<float>();
  const std::optional<NonFinite> found = why_not_finite(x);
  return found ? found->text : "";
}

TEST(MiniBatch, WithANaNIsFoundInTheDataOrInWhatMadeThem) {
  std::vector<float> values(12, 1);
  values[7] = std::nanf("");
  const Tensor x = Tensor::from(values, {6, 2});
  const Variable w(ones({2}), "w");
  const std::string given = first_nan(reduce_sum(slice(x, {2, 0}, {2, 2}) * w));
  EXPECT_NE(given.find("the values given at mini_batch_test.cpp:"), std::string::npos) << given;
  EXPECT_NE(given.find("hold nan at element (3, 1)"), std::string::npos) << given;
  values[7] = -1;
  const Tensor negative = Tensor::from(values, {6, 2}), root = sqrt(negative);
  run({root});
  const std::string made = first_nan(reduce_sum(slice(root, {2, 0}, {2, 2}) * w));
  EXPECT_NE(made.find("sqrt at mini_batch_test.cpp:"), std::string::npos) << made;
  EXPECT_NE(made.find("-1"), std::string::npos) << made;
  EXPECT_EQ(first_nan(reduce_sum(slice(root, {0, 0}, {2, 2}) * w)), "");
}

TEST(MiniBatch, OfAnIndexThatIsOutOfRangeThrowsAsItsDataDoes) {
  const Tensor x = gather(counted({4}), Tensor::from({0, 9}));
  EXPECT_THROW(
      {
        run({x});
        values_of(slice(x, {0}, {1}) + 1);
      },
      Error);
}

}  // namespace
}  // namespace tendon
