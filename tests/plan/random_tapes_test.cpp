// Random tapes, executed as compile() plans them on the default device, against the plain executor
// on the CPU.
#include <gtest/gtest.h>
#include <tendon/backend.h>

#include <array>
#include <cstdlib>
#include <set>
#include <string>

#include "tests/support/executors.h"
#include "tests/support/random_tape.h"
#include "tests/support/tape_text.h"

namespace tendon::test {
namespace {

Tape with_targets(const Tape& tape, std::span<const Ref> targets) {
  return TapeBuilder(tape).finish(targets);
}

// The first value that differs as the only target; where none does, as few of the targets as do.
Tape smallest_that_fails(const Tape& tape, const std::vector<Bytes>& inputs, const Executor& run) {
  const auto fails = [&](std::span<const Ref> targets) {
    return compare(with_targets(tape, targets), inputs, run).failure.has_value();
  };
  const std::vector<bool> is_needed = needed(tape);
  for (std::uint32_t id = 0; id < tape.size(); ++id) {
    const Ref value{id};
    if (is_needed[id] && fails({&value, 1})) return with_targets(tape, {&value, 1});
  }
  std::vector<Ref> left(tape.targets().begin(), tape.targets().end());
  for (std::size_t i = left.size(); i-- > 0;) {
    std::vector<Ref> fewer = left;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (fails(fewer)) left = fewer;
  }
  return with_targets(tape, left);
}

std::uint64_t tape_count() {
  const char* count = std::getenv("TENDON_RANDOM_TAPES");
  return count == nullptr ? 300 : std::strtoull(count, nullptr, 10);
}

TEST(RandomTapes, GiveWhatThePlainExecutorGives) {
  std::array<int, 4> targets = {};
  for (std::uint64_t seed = 0; seed < tape_count(); ++seed) {
    const RandomTape random = random_tape(seed);
    const Executor run = seed % 4 < 3 ? run_planned : run_planned_unaligned;
    const Comparison comparison = compare(random.tape, random.inputs, run);
    for (std::size_t i = 0; i < targets.size(); ++i) targets[i] += comparison.targets[i];
    if (!comparison.failure) continue;
    const Tape small = smallest_that_fails(random.tape, random.inputs, run);
    ADD_FAILURE() << "seed " << seed << ", " << *comparison.failure << "\nof these ops:\n"
                  << text_of_needed(small)
                  << compare(small, random.inputs, run).failure.value_or("");
  }
  RecordProperty("bits", targets[0]);
  RecordProperty("numbers", targets[1]);
  RecordProperty("near", targets[2]);
  RecordProperty("none", targets[3]);
  const int compared = targets[0] + targets[1] + targets[2];
  EXPECT_GE(compared, 9 * targets[3]) << "too many targets are not compared";
}

TEST(RandomTapes, MeetEveryOpAndDtype) {
  std::set<Op> ops;
  std::set<DType> dtypes;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Tape tape = random_tape(seed).tape;
    const std::vector<bool> is_needed = needed(tape);
    for (std::uint32_t id = 0; id < tape.size(); ++id) {
      if (!is_needed[id]) continue;
      ops.insert(tape.op(Ref{id}));
      dtypes.insert(tape.dtype(Ref{id}));
    }
  }
  for (std::size_t op = 0; op < kOpCount; ++op) {
    EXPECT_TRUE(ops.contains(static_cast<Op>(op))) << name(static_cast<Op>(op));
  }
  EXPECT_EQ(dtypes.size(), 7U);
}

TEST(RandomTapes, AreTheSameForTheSameSeed) {
  EXPECT_EQ(text(random_tape(7).tape), text(random_tape(7).tape));
  EXPECT_NE(text(random_tape(7).tape), text(random_tape(8).tape));
  EXPECT_EQ(random_tape(7).inputs, random_tape(7).inputs);
}

// An executor that gets one bit of each target wrong, the lowest of its first element.
std::vector<Bytes> run_wrongly(const Tape& tape, const std::vector<Bytes>& inputs) {
  std::vector<Bytes> outputs = run_plain(tape, inputs);
  for (Bytes& output : outputs) {
    if (!output.empty()) output[0] ^= std::byte{1};
  }
  return outputs;
}

TEST(RandomTapes, AreComparedByACheckThatCanFail) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {3}, "x");
  const Ref unused = builder.apply(Op::neg, {x});
  const Ref y = builder.apply(Op::exp, {x});
  const Ref sum = builder.apply(Op::reduce_sum, {y});
  const Ref shares = builder.apply(Op::div, {y, sum});
  const Tape tape = std::move(builder).finish({unused, shares});
  const std::array<float, 3> values = {1, 2, 3};
  const auto bytes = std::as_bytes(std::span(values));
  const std::vector<Bytes> inputs = {Bytes(bytes.begin(), bytes.end())};

  EXPECT_FALSE(compare(tape, inputs, run_planned).failure);
  EXPECT_TRUE(compare(tape, inputs, run_wrongly).failure);
  // The last bit of a rounded sum is not compared; another value is.
  EXPECT_FALSE(compare(with_targets(tape, std::array{shares}), inputs, run_wrongly).failure);
  const Executor without_sum = [&](const Tape& of, const std::vector<Bytes>& from) {
    std::vector<Bytes> outputs = run_plain(of, from);
    outputs.back() = run_plain(with_targets(tape, std::array{y}), from)[0];
    return outputs;
  };
  EXPECT_TRUE(compare(tape, inputs, without_sum).failure);
  EXPECT_EQ(text_of_needed(smallest_that_fails(tape, inputs, run_wrongly)),
            "%0 = input f32 (3,) \"x\"\ntargets %0\n");
}

TEST(DegenerateTapes, Run) {
  const std::vector<Bytes> nothing;
  EXPECT_TRUE(run_planned(TapeBuilder().finish({}), nothing).empty());

  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {2}, "x");
  const Ref empty = builder.input(DType::f64, {0, 3}, "empty");
  const Tape only_inputs = TapeBuilder(builder.tape()).finish({});
  const std::vector<Bytes> inputs = {Bytes(8, std::byte{1}), Bytes()};
  EXPECT_TRUE(run_planned(only_inputs, inputs).empty());

  const Tape copies = TapeBuilder(builder.tape()).finish({x, empty, x});
  EXPECT_EQ(run_planned(copies, inputs), (std::vector<Bytes>{inputs[0], inputs[1], inputs[0]}));

  const Ref constant = builder.constant(1, DType::boolean, {3});
  builder.apply(Op::neg, {x});
  const Ref total = builder.apply(Op::reduce_sum, {empty});
  const Tape tape = std::move(builder).finish({constant, constant, total});
  EXPECT_EQ(run_planned(tape, inputs), run_plain(tape, inputs));
}

TEST(TapeText, SaysEachOpInALine) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {2, 3}, "x");
  const std::array<std::int32_t, 2> values = {2, -1};
  const Ref indices = builder.constant<std::int32_t>(values, {2});
  const Ref gathered = builder.apply(Op::gather, {x, indices}, {.axes = 1});
  const Ref leaky = builder.apply(Op::leaky_relu, {gathered}, {.number = 0.2});
  const Ref product = builder.apply(Op::matmul, {leaky, x}, {.transpose_b = false});
  const Ref sum = builder.apply(Op::reduce_sum, {product}, {.axes = {-1}, .keep_dims = true});
  const Ref half = builder.constant(0.5, DType::f32);
  const Ref part =
      builder.apply(Op::slice, {x}, {.shape = {1, 2}, .begin = {1, 2}, .step = {1, -2}});
  builder.apply(Op::mul, {sum, half});
  EXPECT_EQ(text(std::move(builder).finish({sum, part})),
            "%0 = input f32 (2, 3) \"x\"\n"
            "%1 = literal i32 (2,) [2, -1]\n"
            "%2 = gather f32 (2, 2) %0 %1 axes {1}\n"
            "%3 = leaky_relu f32 (2, 2) %2 alpha 0.2\n"
            "%4 = matmul f32 (2, 3) %3 %0\n"
            "%5 = reduce_sum f32 (2, 1) %4 axes {-1} keep_dims\n"
            "%6 = constant f32 () 0.5\n"
            "%7 = slice f32 (1, 2) %0 begin (1, 2) step (1, -2)\n"
            "%8 = mul f32 (2, 1) %5 %6\n"
            "targets %5 %7\n");
}

}  // namespace
}  // namespace tendon::test
