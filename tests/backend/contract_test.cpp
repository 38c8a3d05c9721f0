// Products by the libraries against a loop in f64.
#include "host/cpu/contract.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <thread>
#include <vector>

namespace tendon::cpu {
namespace {

enum class Order { rows, columns };

// Contiguous in the order given, with `padding` elements after each row (or column).
Contraction::Operand stored(Order order, std::int64_t rows, std::int64_t columns,
                            std::int64_t padding = 0) {
  return order == Order::rows
             ? Contraction::Operand{rows * (columns + padding), columns + padding, 1}
             : Contraction::Operand{columns * (rows + padding), 1, rows + padding};
}

std::int64_t length(const Contraction::Operand& operand, std::int64_t batch, std::int64_t rows,
                    std::int64_t columns) {
  return 1 + (batch - 1) * operand.batch_stride + (rows - 1) * operand.row_stride +
         (columns - 1) * operand.column_stride;
}

template <class T>
struct Operands {
  std::vector<T> a, b, bias;

  Operands(const Contraction& c, unsigned seed) {
    std::mt19937 generator(seed);
    const auto fill = [&](std::vector<T>& values, std::int64_t count) {
      std::uniform_real_distribution<T> distribution(-1, 1);
      values.resize(static_cast<std::size_t>(count));
      for (T& value : values) value = distribution(generator);
    };
    fill(a, length(c.a, c.batch, c.m, c.k));
    fill(b, length(c.b, c.batch, c.k, c.n));
    fill(bias, c.n);
  }
};

template <class T>
std::vector<T> product(const Contraction& c, const Contractor& contractor,
                       const Operands<T>& operands) {
  // What c held must not matter.
  std::vector<T> result(static_cast<std::size_t>(c.batch * c.m * c.n),
                        std::numeric_limits<T>::quiet_NaN());
  contractor.run(operands.a.data(), operands.b.data(), c.has_bias ? operands.bias.data() : nullptr,
                 result.data());
  return result;
}

template <class T>
void expect_right(const Contraction& c, unsigned seed) {
  SCOPED_TRACE(testing::Message() << c.batch << " x " << c.m << " x " << c.k << " x " << c.n
                                  << (sizeof(T) == 4 ? " f32" : " f64"));
  ASSERT_TRUE(takes(c));
  const Operands<T> operands(c, seed);
  const std::unique_ptr<Contractor> contractor = make_contractor(c);
  const std::vector<T> result = product(c, *contractor, operands);
  const double tolerance = static_cast<double>(std::numeric_limits<T>::epsilon());
  std::size_t at = 0;
  for (std::int64_t z = 0; z < c.batch; ++z) {
    for (std::int64_t i = 0; i < c.m; ++i) {
      for (std::int64_t j = 0; j < c.n; ++j, ++at) {
        double sum = 0, magnitude = 1;
        for (std::int64_t k = 0; k < c.k; ++k) {
          const double term =
              static_cast<double>(operands.a[static_cast<std::size_t>(
                  z * c.a.batch_stride + i * c.a.row_stride + k * c.a.column_stride)]) *
              static_cast<double>(operands.b[static_cast<std::size_t>(
                  z * c.b.batch_stride + k * c.b.row_stride + j * c.b.column_stride)]);
          sum += term;
          magnitude += std::abs(term);
        }
        if (c.has_bias) sum += static_cast<double>(operands.bias[static_cast<std::size_t>(j)]);
        if (c.activation) sum = std::max(sum, 0.0);
        // Rounding grows with the root of the number of terms; a wrong index is far outside.
        ASSERT_NEAR(static_cast<double>(result[at]), sum, 4 * tolerance * magnitude)
            << contractor->library() << " at " << z << ", " << i << ", " << j;
      }
    }
  }
  EXPECT_EQ(product(c, *contractor, operands), result) << "another run gives other bits";
}

void expect_right_in_both_dtypes(Contraction c, unsigned seed) {
  c.dtype = DType::f32;
  expect_right<float>(c, seed);
  c.dtype = DType::f64;
  expect_right<double>(c, seed);
}

TEST(Contraction, OfRandomSizesLayoutsAndEpiloguesIsRight) {
  std::mt19937 generator(7);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(generator);
  };
  for (unsigned trial = 0; trial < 150; ++trial) {
    Contraction c;
    const auto size = [&] { return pick(0, 3) == 0 ? 1 : pick(1, trial % 2 == 0 ? 12 : 70); };
    c.batch = pick(0, 1) == 0 ? 1 : pick(1, 6);
    c.m = size();
    c.n = size();
    c.k = size();
    const auto order = [&] { return pick(0, 1) == 0 ? Order::rows : Order::columns; };
    c.a = stored(order(), c.m, c.k, pick(0, 2));
    c.b = stored(order(), c.k, c.n, pick(0, 2));
    if (pick(0, 3) == 0) c.a.batch_stride = 0;
    if (pick(0, 3) == 0) c.b.batch_stride = 0;
    c.has_bias = pick(0, 1) == 0;
    if (pick(0, 1) == 0) c.activation = Op::relu;
    expect_right_in_both_dtypes(c, trial);
  }
}

TEST(Contraction, LargeEnoughForEveryLibraryAndThreadIsRight) {
  for (const auto& [batch, m, k, n] : std::vector<std::array<std::int64_t, 4>>{{1, 64, 784, 64},
                                                                               {1, 8, 512, 512},
                                                                               {1, 1, 784, 256},
                                                                               {1, 256, 784, 1},
                                                                               {8, 48, 48, 48}}) {
    for (const Order order : {Order::rows, Order::columns}) {
      Contraction c{.batch = batch, .m = m, .n = n, .k = k};
      c.a = stored(order, m, k);
      c.b = stored(order, k, n);
      c.has_bias = true;
      expect_right_in_both_dtypes(c, 3);
    }
  }
}

// Element (i, j) in the layout, from rows without gaps.
template <class T>
std::vector<T> laid_out(const std::vector<T>& values, const Contraction::Operand& in,
                        std::int64_t rows, std::int64_t columns) {
  std::vector<T> result(static_cast<std::size_t>(length(in, 1, rows, columns)));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j)
      result[static_cast<std::size_t>(i * in.row_stride + j * in.column_stride)] =
          values[static_cast<std::size_t>(i * columns + j)];
  }
  return result;
}

template <class T>
void expect_the_same_bits_in_every_layout(Contraction c, unsigned seed) {
  c.a = stored(Order::rows, c.m, c.k);
  c.b = stored(Order::rows, c.k, c.n);
  const Operands<T> operands(c, seed);
  const std::vector<T> want = product(c, *make_contractor(c), operands);
  for (const Order of_a : {Order::rows, Order::columns}) {
    for (const Order of_b : {Order::rows, Order::columns}) {
      for (const std::int64_t padding : {0, 3}) {
        Contraction other = c;
        other.a = stored(of_a, c.m, c.k, padding);
        other.b = stored(of_b, c.k, c.n, padding);
        Operands<T> moved = operands;
        moved.a = laid_out(operands.a, other.a, c.m, c.k);
        moved.b = laid_out(operands.b, other.b, c.k, c.n);
        ASSERT_EQ(product(other, *make_contractor(other), moved), want)
            << c.m << " x " << c.k << " x " << c.n << (sizeof(T) == 4 ? " f32" : " f64")
            << (of_a == Order::rows ? "" : ", a by columns")
            << (of_b == Order::rows ? "" : ", b by columns") << ", padding " << padding;
      }
    }
  }
}

// Around the ends of vectors, lanes and blocks of our own loops, and of the libraries' kernels.
TEST(Contraction, HasTheSameBitsInEveryLayout) {
  std::mt19937 generator(11);
  const std::vector<std::int64_t> sizes = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 129, 300};
  const auto pick = [&] { return sizes[generator() % sizes.size()]; };
  for (unsigned trial = 0; trial < 200; ++trial) {
    Contraction c{.m = pick(), .n = pick(), .k = pick()};
    c.dtype = DType::f32;
    expect_the_same_bits_in_every_layout<float>(c, trial);
    c.dtype = DType::f64;
    expect_the_same_bits_in_every_layout<double>(c, trial);
  }
  for (const std::int64_t k : {4'095, 4'096, 4'097, 10'000}) {
    for (const bool is_column : {false, true}) {
      Contraction c{.m = is_column ? 130 : 1, .n = is_column ? 1 : 130, .k = k};
      expect_the_same_bits_in_every_layout<float>(c, 1);
      c.dtype = DType::f64;
      expect_the_same_bits_in_every_layout<double>(c, 1);
    }
  }
}

TEST(Contraction, ReadsAVectorWithAnyStep) {
  Contraction row{.m = 1, .n = 5, .k = 7, .a = {0, 0, 3}, .b = stored(Order::rows, 7, 5)};
  expect_right_in_both_dtypes(row, 1);
  Contraction column{.m = 5, .n = 1, .k = 7, .a = stored(Order::rows, 5, 7), .b = {0, 3, 0}};
  expect_right_in_both_dtypes(column, 1);
}

TEST(Contraction, WithReluKeepsNanAndMakesNegativeZeroZero) {
  Contraction c{.m = 2, .n = 2, .k = 1, .a = {0, 1, 1}, .b = {0, 2, 1}, .activation = Op::relu};
  const float a[] = {std::numeric_limits<float>::quiet_NaN(), -1};
  const float b[] = {0, 1};
  float result[4];
  make_contractor(c)->run(a, b, nullptr, result);
  EXPECT_TRUE(std::isnan(result[1]));
  EXPECT_EQ(result[2], 0);
  EXPECT_FALSE(std::signbit(result[2]));
  EXPECT_EQ(result[3], 0);
}

TEST(Contraction, RunFromFourThreadsAtOnceGivesTheBitsOfOne) {
  for (const std::int64_t size : {12, 100}) {
    for (const std::int64_t batch : {1, 3}) {
      Contraction c{.batch = batch, .m = size, .n = size, .k = size};
      c.a = stored(Order::columns, size, size);
      c.b = stored(Order::rows, size, size);
      const Operands<float> operands(c, 5);
      const std::unique_ptr<Contractor> contractor = make_contractor(c);
      const std::vector<float> expected = product(c, *contractor, operands);
      std::vector<int> wrong(4);
      std::vector<std::thread> threads;
      for (int& count : wrong) {
        threads.emplace_back([&] {
          for (int i = 0; i < 20; ++i) count += product(c, *contractor, operands) != expected;
        });
      }
      for (std::thread& thread : threads) thread.join();
      EXPECT_EQ(wrong, std::vector<int>(4)) << size << ", batch " << batch;
    }
  }
}

TEST(Contraction, IsRefusedWhereTheLibrariesDoNotKnowIt) {
  const Contraction good{
      .m = 4, .n = 5, .k = 6, .a = stored(Order::rows, 4, 6), .b = stored(Order::columns, 6, 5)};
  EXPECT_TRUE(takes(good));
  const auto changed = [&](auto&& change) {
    Contraction c = good;
    change(c);
    return takes(c);
  };
  EXPECT_FALSE(changed([](Contraction& c) { c.dtype = DType::f16; }));
  EXPECT_FALSE(changed([](Contraction& c) { c.dtype = DType::i64; }));
  EXPECT_FALSE(changed([](Contraction& c) { c.k = 0; }));
  EXPECT_FALSE(changed([](Contraction& c) { c.a = {0, 12, 2}; })) << "no contiguous axis";
  EXPECT_FALSE(changed([](Contraction& c) { c.a = {0, 0, 1}; })) << "broadcast rows";
  EXPECT_FALSE(changed([](Contraction& c) { c.activation = Op::gelu_erf; }));
}

}  // namespace
}  // namespace tendon::cpu
