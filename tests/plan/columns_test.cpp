// Rows that are kept while they are reduced, and reductions of their columns beside: one stage.
#include <gtest/gtest.h>
#include <tendon/backend.h>

#include "host/cpu/device_traits.h"
#include "host/plan/stage.h"
#include "tests/support/executors.h"
#include "tests/support/quarters.h"
#include "tests/support/random_tape.h"

namespace tendon::test {
namespace {

struct Case {
  const char* name;
  DType dtype;
  Shape rows;
  std::int64_t length;

  friend void PrintTo(const Case& of, std::ostream* stream) { *stream << of.name; }
};

// The rows less their greatest, scaled; sums and extremes of rows and of columns, of what is
// loaded, of what is computed before and after a row's reduction, and of a number.
Tape tape_of(const Case& c) {
  TapeBuilder builder;
  Shape shape = c.rows;
  shape.push_back(c.length);
  const Ref x = builder.input(c.dtype, shape, "x");
  const Ref scale = builder.input(c.dtype, {c.length}, "scale");
  Axes all_rows;
  for (int i = 0; i < c.rows.rank(); ++i) all_rows.push_back(i);
  const Ref columns_first = builder.apply(Op::reduce_sum, {x}, {.axes = all_rows});
  const Ref greatest = builder.apply(Op::reduce_max, {x}, {.axes = {-1}, .keep_dims = true});
  const Ref scaled = builder.apply(Op::mul, {builder.apply(Op::sub, {x, greatest}), scale});
  const Ref row_sums = builder.apply(Op::reduce_sum, {scaled}, {.axes = {-1}});
  const Ref columns = builder.apply(Op::reduce_max, {scaled}, {.axes = all_rows});
  const Ref ones =
      builder.apply(Op::broadcast_to, {builder.constant(1, c.dtype)}, {.shape = shape});
  const Ref counts = builder.apply(Op::reduce_sum, {ones}, {.axes = all_rows});
  return std::move(builder).finish({scaled, row_sums, columns_first, columns, counts});
}

class Columns : public testing::TestWithParam<Case> {};

TEST_P(Columns, AreReducedInTheStageThatKeepsTheirRows) {
  const plan::Plan plan = plan::make_plan(tape_of(GetParam()), cpu::kTraits);
  ASSERT_EQ(plan.stages.size(), 1U) << plan::text(plan, true);
  const plan::Part& part = plan::bodies(plan.stages[0])[0];
  EXPECT_TRUE(part.is_resident);
  EXPECT_EQ(part.chunked_reductions().size(), 3U) << plan::text(plan, true);
}

TEST_P(Columns, AreAsThePlainExecutorHasThem) {
  const Case& c = GetParam();
  const Tape tape = tape_of(c);
  const std::vector<Bytes> inputs = {quarters(c.dtype, c.rows.size() * c.length, Sign::either),
                                     quarters(c.dtype, c.length, Sign::positive)};
  for (const Executor& run : {Executor(run_planned), Executor(run_planned_unaligned)}) {
    const Comparison comparison = compare(tape, inputs, run);
    EXPECT_FALSE(comparison.failure) << comparison.failure.value_or("");
    EXPECT_EQ(comparison.targets[static_cast<std::size_t>(Agreement::none)], 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Of, Columns,
    testing::Values(
        Case{"FewShortRows", DType::f32, {3}, 5}, Case{"RowsOfAWarp", DType::f32, {700}, 64},
        Case{"RowsOfNoVectors", DType::f32, {300}, 77}, Case{"RowsOfWarps", DType::f32, {130}, 768},
        Case{"ManyRows", DType::f32, {4500}, 512}, Case{"LongestRows", DType::f32, {9}, 4096},
        Case{"AsManyRowsAsColumns", DType::f32, {96}, 96},
        Case{"AxesInFront", DType::f32, {5, 60}, 130}, Case{"Doubles", DType::f64, {150}, 300},
        Case{"DoublesOfAWarp", DType::f64, {400}, 256}, Case{"Halves", DType::f16, {90}, 520},
        Case{"Brains", DType::bf16, {64}, 48}, Case{"Integers", DType::i32, {200}, 100}),
    [](const auto& of) { return std::string(of.param.name); });

TEST(Columns, OfLongerRowsThanAThreadCanKeepAreAStageOfTheirOwn) {
  const plan::Plan plan = plan::make_plan(tape_of({"", DType::f32, {9}, 4100}), cpu::kTraits);
  EXPECT_GT(plan.stages.size(), 1U);
}

// What is reduced is read again when its row has been stored: memory that an op before the rows
// wrote, and nobody wants after them, is not taken for what they store.
TEST(Columns, AreReducedFromWhatTheirRowsDoNotOverwrite) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {64, 8}), w = builder.input(DType::f32, {8, 16}),
            v = builder.input(DType::f32, {16, 4});
  const Ref h = builder.apply(Op::matmul, {x, w});
  const Ref columns = builder.apply(Op::reduce_sum, {h}, {.axes = {0}});
  const Ref greatest = builder.apply(Op::reduce_max, {h}, {.axes = {1}, .keep_dims = true});
  const Ref out = builder.apply(Op::matmul, {builder.apply(Op::sub, {h, greatest}), v});
  const Tape tape = std::move(builder).finish({columns, out});
  const std::vector<Bytes> inputs = {quarters(DType::f32, 512, Sign::either),
                                     quarters(DType::f32, 128, Sign::either),
                                     quarters(DType::f32, 64, Sign::either)};
  const Comparison comparison = compare(tape, inputs, run_planned);
  EXPECT_FALSE(comparison.failure) << comparison.failure.value_or("");
}

// Chunks are a device's blocks: an H100 has 132 multiprocessors.
TEST(Columns, AreReducedInChunksThatKeepADeviceBusy) {
  for (const auto& [rows, length, least] :
       {std::tuple{256, 768, 43}, {512, 1024, 128}, {1024, 1000, 200}, {4096, 768, 72}}) {
    const plan::Plan plan =
        plan::make_plan(tape_of({"", DType::f32, {rows}, length}), cpu::kTraits);
    EXPECT_GE(plan::bodies(plan.stages[0])[0].chunk_count, least) << rows << " rows of " << length;
  }
}

TEST(Columns, OfRandomTapesAreMet) {
  int count = 0;
  for (std::uint64_t seed = 0; seed < 1200; ++seed) {
    const plan::Plan plan = plan::make_plan(random_tape(seed).tape, cpu::kTraits);
    for (const plan::Stage& stage : plan.stages) {
      for (const plan::Part& part : plan::bodies(stage)) count += part.reduces_columns() ? 1 : 0;
    }
  }
  EXPECT_GE(count, 10);
}

}  // namespace
}  // namespace tendon::test
