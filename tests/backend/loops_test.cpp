// The loops over elements, in each variant that this machine runs.
#include "host/cpu/loops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <type_traits>
#include <vector>

#include "host/cpu/loops_variants.h"
#include "host/cpu/visit.h"

namespace {

using namespace tendon;
using cpu::available_loops;
using cpu::kLoopPadding;
using cpu::Loop;
using cpu::Loops;

constexpr std::array kDTypes{DType::boolean, DType::i32, DType::i64, DType::f16,
                             DType::bf16,    DType::f32, DType::f64};
constexpr std::int64_t kCount = 1000;
constexpr std::int64_t kPadded = (kCount + kLoopPadding - 1) / kLoopPadding * kLoopPadding;

struct alignas(64) Buffer {
  std::array<unsigned char, kPadded * 8> bytes;
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes.data());
  }
};

template <class T>
constexpr bool kStored = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;

// Special values, then random ones of many magnitudes.
template <class T>
std::vector<T> samples(std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<T> values;
  if constexpr (std::is_same_v<T, bool>) {
    for (std::size_t i = 0; i < count; ++i) values.push_back((random() & 1U) != 0);
  } else if constexpr (std::is_integral_v<T>) {
    using Limits = std::numeric_limits<T>;
    values = {0, 1, -1, 2, Limits::min(), Limits::max(), 7, 16777217};
    while (values.size() < count) {
      values.push_back(static_cast<T>(random()) >> (random() % (8 * sizeof(T))));
    }
  } else {
    using Number = std::conditional_t<std::is_same_v<T, double>, double, float>;
    using Limits = std::numeric_limits<Number>;
    for (const Number value : {Number{0},
                               Number{1},
                               Number{0.5},
                               Number{1.5},
                               Number{2.5},
                               Number{65504},
                               Number{65519},
                               Number{65520},
                               Number{2147483520},
                               Number{2147483648},
                               Number{9223372036854775808.0},
                               Number{0x1p-24F},
                               Number{0x1.000002p-25F},
                               Number{0x1p-25F},
                               Number{1.00048828125},
                               Number{1.00146484375},
                               Limits::min(),
                               Limits::denorm_min(),
                               Limits::max(),
                               Limits::infinity(),
                               Limits::quiet_NaN()}) {
      values.push_back(static_cast<T>(value));
      values.push_back(static_cast<T>(-value));
    }
    while (values.size() < count) {
      const double unit = static_cast<double>(random()) / 0x1p63 - 1;
      values.push_back(static_cast<T>(
          static_cast<Number>(std::ldexp(unit, static_cast<int>(random() % 80) - 40))));
    }
  }
  std::shuffle(values.begin(), values.end(), random);
  values.resize(count);
  return values;
}

// Samples of a dtype; the padding holds bytes that are no bool.
Buffer filled(DType dtype, unsigned seed) {
  Buffer buffer;
  buffer.bytes.fill(0xa5);
  cpu::visit(dtype, [&]<class T>() {
    const std::vector<T> values = samples<T>(kCount, seed);
    for (std::size_t i = 0; i < values.size(); ++i) buffer.as<T>()[i] = values[i];
  });
  return buffer;
}

::testing::AssertionResult same_bits(const Buffer& a, const Buffer& b, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    if (a.bytes[i] != b.bytes[i]) return ::testing::AssertionFailure() << "at byte " << i;
  }
  return ::testing::AssertionSuccess();
}

// All but those that call the math functions, whose vector forms differ in the last bits.
constexpr std::array kExact{
    Op::neg,           Op::abs,      Op::sign,        Op::step,
    Op::square,        Op::sqrt,     Op::rsqrt,       Op::reciprocal,
    Op::relu,          Op::relu6,    Op::floor,       Op::ceil,
    Op::round,         Op::trunc,    Op::is_nan,      Op::is_inf,
    Op::is_finite,     Op::identity, Op::logical_not, Op::leaky_relu,
    Op::add,           Op::sub,      Op::mul,         Op::div,
    Op::maximum,       Op::minimum,  Op::mod,         Op::squared_difference,
    Op::scale,         Op::same,     Op::equal,       Op::share_of_greater,
    Op::not_equal,     Op::less,     Op::less_equal,  Op::greater,
    Op::greater_equal, Op::where,    Op::logical_and, Op::logical_or,
    Op::logical_xor,   Op::clip};

bool gives_bool(Op op, DType dtype) {
  switch (op) {
    case Op::is_nan:
    case Op::is_inf:
    case Op::is_finite:
    case Op::equal:
    case Op::not_equal:
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal: return true;
    default: return dtype == DType::boolean;
  }
}

TEST(Loops, OfEachVariantGiveTheSameBits) {
  for (const DType dtype : kDTypes) {
    const Buffer x = filled(dtype, 1);
    const Buffer y = filled(dtype, 2);
    const Buffer z = filled(dtype, 3);
    const Buffer condition = filled(DType::boolean, 4);
    for (const Op op : kExact) {
      const std::size_t bytes = kCount * (gives_bool(op, dtype) ? 1 : size_bytes(dtype));
      const Buffer& a = op == Op::where ? condition : x;
      Buffer first;
      for (const Loops* variant : available_loops()) {
        const Loop loop = variant->pointwise(op, dtype);
        ASSERT_EQ(loop == nullptr, available_loops()[0]->pointwise(op, dtype) == nullptr);
        if (loop == nullptr) continue;
        Buffer result;
        loop(&a, &y, &z, &result, kCount, 0.3);
        if (variant == available_loops()[0]) first = result;
        EXPECT_TRUE(same_bits(result, first, bytes))
            << variant->name << ' ' << name(op) << ' ' << name(dtype);
      }
    }
  }
}

TEST(Loops, ComputeInPlace) {
  for (const Loops* variant : available_loops()) {
    for (const DType dtype : {DType::i32, DType::i64, DType::f32, DType::f64}) {
      const Buffer x = filled(dtype, 1);
      const Buffer y = filled(dtype, 2);
      for (const Op op : {Op::add, Op::maximum, Op::pow, Op::exp, Op::tanh}) {
        const Loop loop = variant->pointwise(op, dtype);
        if (loop == nullptr) continue;
        Buffer apart;
        loop(&x, &y, nullptr, &apart, kCount, 0);
        Buffer in_a = x;
        loop(&in_a, &y, nullptr, &in_a, kCount, 0);
        EXPECT_TRUE(same_bits(in_a, apart, kCount * size_bytes(dtype))) << name(op);
        Buffer in_b = y;
        loop(&x, &in_b, nullptr, &in_b, kCount, 0);
        EXPECT_TRUE(same_bits(in_b, apart, kCount * size_bytes(dtype))) << name(op);
      }
    }
  }
}

TEST(Loops, GiveAnElementTheSameBitsWhereverItLies) {
  Buffer x = filled(DType::f32, 1);
  for (const Loops* variant : available_loops()) {
    for (const Op op : {Op::exp, Op::log, Op::sin, Op::tanh, Op::sigmoid, Op::gelu_erf}) {
      const Loop loop = variant->pointwise(op, DType::f32);
      Buffer all;
      loop(&x, nullptr, nullptr, &all, kCount, 0);
      for (std::int64_t i = 0; i < kCount; i += 37) {
        Buffer one{};
        Buffer result;
        one.as<float>()[0] = x.as<float>()[i];
        loop(&one, nullptr, nullptr, &result, 1, 0);
        EXPECT_EQ(std::bit_cast<std::uint32_t>(result.as<float>()[0]),
                  std::bit_cast<std::uint32_t>(all.as<float>()[i]))
            << variant->name << ' ' << name(op) << ' ' << x.as<float>()[i];
      }
    }
  }
}

// The 16-bit number that is nearest to the value, of two the even one: of what f32 leads to, or a
// neighbour of that.
template <class To, class From>
To nearest(From value) {
  const To about(static_cast<float>(value));
  const auto exact = static_cast<long double>(value);
  if (!std::isfinite(static_cast<float>(about)) || std::isnan(static_cast<double>(exact))) {
    // Half a step below the number behind the last is where infinity begins.
    const long double last = std::is_same_v<To, half> ? 65520.0L : 0x1.ffp127L;
    if (!(std::abs(exact) < last)) return about;
    return std::bit_cast<To>(static_cast<std::uint16_t>(about.bits() - 1));
  }
  To best = about;
  for (const int step : {-1, 1}) {
    const To other = std::bit_cast<To>(static_cast<std::uint16_t>(about.bits() + step));
    if (!std::isfinite(static_cast<float>(other))) continue;
    const auto distance = [exact](To x) {
      return std::abs(static_cast<long double>(static_cast<float>(x)) - exact);
    };
    const bool is_tie = distance(other) == distance(best) && other.bits() % 2 == 0;
    if (distance(other) < distance(best) || is_tie) best = other;
  }
  return best;
}
template <class To, class From>
To converted(From value) {
  if constexpr (kStored<From>) {
    return converted<To>(static_cast<float>(value));
  } else if constexpr (kStored<To> && std::is_same_v<From, float>) {
    return To(value);
  } else if constexpr (kStored<To>) {
    return nearest<To>(value);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> &&
                       !std::is_same_v<To, bool>) {
    if (std::isnan(value)) return 0;
    const double bound = std::ldexp(1.0, 8 * sizeof(To) - 1);
    if (static_cast<double>(value) < -bound) return std::numeric_limits<To>::min();
    if (static_cast<double>(value) >= bound) return std::numeric_limits<To>::max();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

TEST(Loops, CastAsScalarsAreCast) {
  for (const Loops* variant : available_loops()) {
    for (const DType from : kDTypes) {
      for (const DType to : kDTypes) {
        Buffer x = filled(from, 1);
        Buffer result;
        variant->cast(from, to)(&x, nullptr, nullptr, &result, kCount, 0);
        cpu::visit(from, [&]<class From>() {
          cpu::visit(to, [&]<class To>() {
            for (std::int64_t i = 0; i < kCount; ++i) {
              To expected{};
              if constexpr (std::is_same_v<From, To>) {
                expected = x.as<From>()[i];
              } else {
                expected = converted<To>(x.as<From>()[i]);
              }
              ASSERT_EQ(std::memcmp(&expected, &result.as<To>()[i], sizeof(To)), 0)
                  << variant->name << ' ' << name(from) << " to " << name(to) << " at " << i;
            }
          });
        });
      }
    }
  }
}

TEST(Loops, RoundAsACastThereAndBack) {
  for (const Loops* variant : available_loops()) {
    for (const DType to : {DType::f16, DType::bf16}) {
      const Buffer x = filled(DType::f32, 1);
      Buffer stored;
      Buffer back;
      Buffer rounded;
      variant->cast(DType::f32, to)(&x, nullptr, nullptr, &stored, kCount, 0);
      variant->cast(to, DType::f32)(&stored, nullptr, nullptr, &back, kCount, 0);
      variant->round(to)(&x, nullptr, nullptr, &rounded, kCount, 0);
      EXPECT_TRUE(same_bits(rounded, back, kCount * sizeof(float))) << variant->name;
    }
    EXPECT_EQ(variant->round(DType::f32), nullptr);
  }
}

constexpr std::array<std::int64_t, 12> kLengths{1, 2, 3, 7, 16, 31, 64, 65, 130, 4095, 4097, 20000};

template <class T>
class RowLoops : public ::testing::Test {};
using RowTypes = ::testing::Types<bool, std::int32_t, std::int64_t, float, double>;
TYPED_TEST_SUITE(RowLoops, RowTypes);

// As elements; a vector of bool has none.
template <class T>
struct Row {
  explicit Row(const std::vector<T>& values) : length(values.size()), x(new T[values.size()]) {
    for (std::size_t i = 0; i < length; ++i) x[i] = values[i];
  }
  std::size_t length;
  std::unique_ptr<T[]> x;
};

TYPED_TEST(RowLoops, SumNearTheExactSum) {
  using T = TypeParam;
  for (const Loops* variant : available_loops()) {
    const cpu::RowLoop sum = variant->reduce(Op::reduce_sum, dtype_of<T>());
    if constexpr (std::is_same_v<T, bool>) {
      EXPECT_EQ(sum, nullptr);
      continue;
    }
    if (sum == nullptr) continue;
    T none{1};
    sum(nullptr, &none, 1, 0);
    EXPECT_EQ(none, T{0});
    for (const std::int64_t length : kLengths) {
      std::mt19937_64 random(static_cast<unsigned>(length));
      std::vector<T> values;
      for (std::int64_t i = 0; i < 3 * length; ++i) {
        if constexpr (std::is_integral_v<T>) {
          values.push_back(static_cast<T>(random()));
        } else {
          values.push_back(static_cast<T>(static_cast<double>(random()) / 0x1p63 - 0.5));
        }
      }
      const Row<T> rows(values);
      std::array<T, 3> sums{};
      sum(rows.x.get(), sums.data(), 3, length);
      for (std::int64_t r = 0; r < 3; ++r) {
        using Total = std::conditional_t<std::is_integral_v<T>, std::uint64_t, long double>;
        Total expected = 0;
        [[maybe_unused]] Total magnitude = 0;
        for (std::int64_t i = 0; i < length; ++i) {
          const T x = rows.x[static_cast<std::size_t>(r * length + i)];
          expected += static_cast<Total>(x);
          if constexpr (std::is_floating_point_v<T>) magnitude += std::abs(x);
        }
        const T got = sums[static_cast<std::size_t>(r)];
        if constexpr (std::is_integral_v<T>) {
          EXPECT_EQ(got, static_cast<T>(expected));
        } else {
          EXPECT_LE(std::abs(static_cast<Total>(got) - expected),
                    8 * static_cast<Total>(std::numeric_limits<T>::epsilon()) * magnitude)
              << variant->name << ' ' << length;
        }
      }
      std::array<T, 3> first{};
      available_loops()[0]->reduce(Op::reduce_sum, dtype_of<T>())(rows.x.get(), first.data(), 3,
                                                                  length);
      EXPECT_EQ(sums, first) << variant->name << ' ' << length;
    }
  }
}

template <class T>
bool beats(Op op, T value, T best) {
  if (best != best) return false;
  if (value != value) return true;
  return op == Op::reduce_max || op == Op::argmax ? value > best : value < best;
}
template <class T>
bool alike(T a, T b) {
  return a == b || (a != a && b != b);
}

TYPED_TEST(RowLoops, FindTheFirstExtremeAndANaNBeforeAll) {
  using T = TypeParam;
  for (const Loops* variant : available_loops()) {
    for (const std::int64_t length : kLengths) {
      for (const bool nan : {false, true}) {
        std::vector<T> values =
            samples<T>(static_cast<std::size_t>(length), static_cast<unsigned>(length));
        for (std::size_t i = 0; i < values.size(); ++i) {
          if (!nan && values[i] != values[i]) values[i] = T{};
        }
        const Row<T> row(values);
        for (const Op op : {Op::reduce_max, Op::reduce_min, Op::argmax, Op::argmin}) {
          std::size_t best = 0;
          for (std::size_t i = 1; i < row.length; ++i) {
            if (beats<T>(op, row.x[i], row.x[best])) best = i;
          }
          const cpu::RowLoop loop = variant->reduce(op, dtype_of<T>());
          if (op == Op::argmax || op == Op::argmin) {
            std::int64_t at = -1;
            loop(row.x.get(), &at, 1, length);
            EXPECT_EQ(at, static_cast<std::int64_t>(best)) << variant->name << ' ' << length;
          } else {
            T extreme{};
            loop(row.x.get(), &extreme, 1, length);
            EXPECT_TRUE(alike<T>(extreme, row.x[best])) << variant->name << ' ' << length;
          }
        }
      }
    }
  }
}

TYPED_TEST(RowLoops, AccumulateElementByElement) {
  using T = TypeParam;
  for (const Loops* variant : available_loops()) {
    for (const std::size_t count : {1U, 7U, 64U, 333U}) {
      const Row<T> x(samples<T>(count, 1));
      const Row<T> start(samples<T>(count, 2));
      for (const Op op : {Op::reduce_max, Op::reduce_min}) {
        Row<T> into(samples<T>(count, 2));
        variant->accumulate(op, dtype_of<T>())(x.x.get(), into.x.get(),
                                               static_cast<std::int64_t>(count));
        for (std::size_t i = 0; i < count; ++i) {
          const T expected = beats<T>(op, x.x[i], start.x[i]) ? x.x[i] : start.x[i];
          EXPECT_TRUE(alike<T>(into.x[i], expected)) << variant->name;
        }
      }
      const cpu::AccumulateLoop sum = variant->accumulate(Op::reduce_sum, dtype_of<T>());
      ASSERT_EQ(sum == nullptr, (std::is_same_v<T, bool>));
      if (sum == nullptr) continue;
      using Total = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
      std::vector<Total> totals(count, Total{3});
      sum(x.x.get(), totals.data(), static_cast<std::int64_t>(count));
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_TRUE(alike<Total>(totals[i], Total{3} + static_cast<Total>(x.x[i])));
      }
    }
  }
}

TEST(Loops, OfTheBestVariantAreChosen) {
  if (std::getenv("TENDON_CPU") != nullptr) GTEST_SKIP() << "TENDON_CPU is set";
  EXPECT_EQ(&cpu::loops(), available_loops().back());
}

}  // namespace
