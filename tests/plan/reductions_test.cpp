// Reductions of rows and columns of the sizes at which a kernel takes another shape.
#include <gtest/gtest.h>
#include <tendon/backend.h>

#include "host/cpu/device_traits.h"
#include "host/plan/plan.h"
#include "tests/support/executors.h"
#include "tests/support/quarters.h"

namespace tendon::test {
namespace {

struct Case {
  const char* name;
  DType dtype;
  Shape rows;
  std::int64_t length;

  friend void PrintTo(const Case& of, std::ostream* stream) { *stream << of.name; }
};

void expect_agreement(const Tape& tape, const std::vector<Bytes>& inputs) {
  for (const Executor& run : {Executor(run_planned), Executor(run_planned_unaligned)}) {
    const Comparison comparison = compare(tape, inputs, run);
    EXPECT_FALSE(comparison.failure) << comparison.failure.value_or("");
    EXPECT_EQ(comparison.targets[static_cast<std::size_t>(Agreement::none)], 0);
  }
}

// More rows than a device has under way at once, each less its greatest where a mask of booleans
// says so, scaled; and their sums. Operands of three types lie side by side in a row.
Tape tape_of_rows(const Case& c) {
  TapeBuilder builder;
  Shape shape = c.rows;
  shape.push_back(c.length);
  const Ref x = builder.input(c.dtype, shape, "x");
  const Ref scale = builder.input(c.dtype, {c.length}, "scale");
  const Ref other = builder.input(DType::f16, shape, "other");
  const Ref mask = builder.apply(Op::greater, {builder.apply(Op::cast, {other}, {.dtype = c.dtype}),
                                               builder.constant(0, c.dtype)});
  const Ref greatest = builder.apply(Op::reduce_max, {x}, {.axes = {-1}, .keep_dims = true});
  const Ref less = builder.apply(Op::sub, {x, greatest});
  const Ref scaled = builder.apply(Op::mul, {builder.apply(Op::where, {mask, less, x}), scale});
  const Ref row_sums = builder.apply(Op::reduce_sum, {scaled}, {.axes = {-1}});
  return std::move(builder).finish({scaled, row_sums, mask});
}

class Rows : public testing::TestWithParam<Case> {};

TEST_P(Rows, AreAsThePlainExecutorHasThem) {
  const Case& c = GetParam();
  const Tape tape = tape_of_rows(c);
  EXPECT_EQ(plan::make_plan(tape, cpu::kTraits).stages.size(), 1U);
  const std::int64_t size = c.rows.size() * c.length;
  const std::vector<Bytes> inputs = {quarters(c.dtype, size, Sign::either),
                                     quarters(c.dtype, c.length, Sign::positive),
                                     quarters(DType::f16, size, Sign::either)};
  expect_agreement(tape, inputs);
}

INSTANTIATE_TEST_SUITE_P(
    Of, Rows,
    testing::Values(
        Case{"OneElement", DType::f32, {3000}, 1}, Case{"ThreeElements", DType::f32, {7001}, 3},
        Case{"TenElements", DType::f64, {3001}, 10}, Case{"HalfAWarp", DType::bf16, {3001}, 16},
        Case{"AlmostAWarp", DType::i32, {1001}, 31}, Case{"AWarp", DType::f32, {9000}, 128},
        Case{"AWarpWithHalfOfAVectorMore", DType::f32, {1}, 192},
        Case{"AVectorEach", DType::f32, {1100}, 1000},
        Case{"TwoVectorsEach", DType::f32, {600}, 1500},
        Case{"ManyThreads", DType::f32, {300}, 8192}, Case{"Doubles", DType::f64, {1500}, 600},
        Case{"Halves", DType::f16, {1500}, 776}, Case{"LongDoubles", DType::f64, {20}, 6000},
        Case{"LongHalves", DType::f16, {200}, 8200}, Case{"Integers", DType::i32, {1200}, 700}),
    [](const auto& of) { return std::string(of.param.name); });

// The place of the greatest in rows longer than any that is kept, what of a row is less its
// greatest, and sums.
TEST(LongRows, OfAnArgmaxAreAsThePlainExecutorHasThem) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    TapeBuilder builder;
    const Ref x = builder.input(dtype, {3, 20'000}, "x"),
              scale = builder.input(dtype, {20'000}, "scale");
    const Ref scaled = builder.apply(Op::mul, {x, scale});
    const Ref place = builder.apply(Op::argmax, {scaled}, {.axes = {-1}});
    const Ref greatest = builder.apply(Op::reduce_max, {scaled}, {.axes = {-1}, .keep_dims = true});
    const Ref less = builder.apply(Op::sub, {scaled, greatest});
    const Ref sums = builder.apply(Op::reduce_sum, {less}, {.axes = {-1}});
    const Tape tape = std::move(builder).finish({place, less, sums});
    expect_agreement(
        tape, {quarters(dtype, 60'000, Sign::either), quarters(dtype, 20'000, Sign::positive)});
  }
}

// Rows without elements, normalised and scaled by the same: sums of nothing.
TEST(EmptyRows, AreAsThePlainExecutorHasThem) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {512, 0}, "x"), scale = builder.input(DType::f32, {0});
  const Attributes row{.axes = {-1}, .keep_dims = true};
  const Ref scaled = builder.apply(Op::mul, {x, scale});
  const Ref sums = builder.apply(Op::reduce_sum, {scaled}, row);
  const Ref apart = builder.apply(Op::mul, {builder.apply(Op::sub, {x, sums}), scale});
  const Ref sums_apart = builder.apply(Op::reduce_sum, {builder.apply(Op::square, {apart})}, row);
  const Tape tape = std::move(builder).finish({sums, apart, sums_apart});
  expect_agreement(tape, {Bytes(), Bytes()});
}

// Columns of `rows` lines, each as long as the case says: their sums and greatest, of what is less
// a number of the column, and of two loads; and what is computed on the way.
Tape tape_of_columns(const Case& c) {
  TapeBuilder builder;
  Shape shape = c.rows;
  shape.push_back(c.length);
  const Ref x = builder.input(c.dtype, shape, "x"), y = builder.input(c.dtype, shape, "y");
  const Ref middle = builder.input(c.dtype, {c.length}, "middle");
  const Ref apart = builder.apply(Op::sub, {x, middle});
  const Ref both = builder.apply(Op::maximum, {apart, y});
  const Attributes lines{.axes = {c.rows.rank() - 1}};
  const Ref sums = builder.apply(Op::reduce_sum, {both}, lines),
            greatest = builder.apply(Op::reduce_max, {apart}, lines),
            sums_of_x = builder.apply(Op::reduce_sum, {x}, lines);
  return std::move(builder).finish({both, sums, greatest, sums_of_x});
}

class LongColumns : public testing::TestWithParam<Case> {};

TEST_P(LongColumns, AreAsThePlainExecutorHasThem) {
  const Case& c = GetParam();
  const std::int64_t size = c.rows.size() * c.length;
  expect_agreement(tape_of_columns(c),
                   {quarters(c.dtype, size, Sign::either), quarters(c.dtype, size, Sign::positive),
                    quarters(c.dtype, c.length, Sign::either)});
}

INSTANTIATE_TEST_SUITE_P(Of, LongColumns,
                         testing::Values(Case{"OfVectors", DType::f32, {700}, 512},
                                         Case{"OfAWarpsVectorsAndMore", DType::f32, {300}, 132},
                                         Case{"OfNoVectors", DType::f32, {300}, 130},
                                         Case{"Narrow", DType::f32, {3000}, 12},
                                         Case{"AxesInFront", DType::f32, {3, 400}, 256},
                                         Case{"OfOneChunk", DType::f32, {64}, 2048},
                                         Case{"Doubles", DType::f64, {500}, 300},
                                         Case{"Halves", DType::f16, {600}, 512},
                                         Case{"Brains", DType::bf16, {2, 300}, 264},
                                         Case{"Integers", DType::i32, {400}, 256}),
                         [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace tendon::test
