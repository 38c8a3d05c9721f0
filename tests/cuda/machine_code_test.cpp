// The machine code of long bodies is bounded: of each op of the op table, many times over, with its
// gradients. A line a body is printed, with what the compiler took; that time is not asserted.
// TENDON_LONG=1 takes every op, count and architecture.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <set>

#include "bench/workloads/repeated_op.h"
#include "host/cuda/device_traits.h"
#include "host/cuda/nvrtc.h"
#include "host/cuda/precompile.h"
#include "tests/support/with_gradients.h"

namespace tendon::cuda {
namespace {

using workloads::RepeatedOp;

constexpr std::size_t kMostBytes = 128 << 10;
constexpr std::size_t kMostBytesOfAllOps = 192 << 10;  // each op once or more, called or in line
constexpr std::int64_t kSize = 1 << 20;
constexpr int kFew = 10;  // ops that leave registers for all values

// Those with the longest code, of each kind.
constexpr Op kLongest[] = {Op::sin,       Op::pow,       Op::div,      Op::lgamma,
                           Op::acosh,     Op::polygamma, Op::gelu_erf, Op::log_sigmoid,
                           Op::direction, Op::mod,       Op::exp,      Op::mul};

bool is_long() {
  const char* value = std::getenv("TENDON_LONG");
  return value != nullptr && std::string_view(value) == "1";
}

std::vector<int> architectures() {
  return is_long() ? std::vector{80, 86, 89, 90, 100, 120} : std::vector{90};
}

void expect_bounded(const std::string& name, const Tape& tape, int architecture, bool may_spill,
                    std::size_t bound = kMostBytes) {
  const plan::Plan plan = plan::make_plan(tape, kTraits);
  const Nvrtc& compiler = Nvrtc::instance();
  const Target target = target_for(architecture, compiler.architectures());
  std::set<std::string> texts;
  std::size_t most_bytes = 0;
  int registers = 0, spilled = 0;
  double most_seconds = 0;
  for (const bool is_aligned : {true, false}) {
    for (const GeneratedKernel& kernel : generate(plan, is_aligned)) {
      if (!texts.insert(kernel.text.text).second) continue;
      const std::clock_t begin = std::clock();
      const MachineCode code = compiler.compile(kernel.text, target);
      const auto ticks = static_cast<double>(std::clock() - begin);
      most_seconds = std::max(most_seconds, ticks / CLOCKS_PER_SEC);
      most_bytes = std::max(most_bytes, code.bytes.size());
      registers = std::max(registers, code.register_count);
      spilled = std::max(spilled, code.spilled_bytes);
    }
  }
  fmt::print("{} sm_{}: {} kernels, at most {} KiB, {} registers, {} bytes spilled, {:.2f} s\n",
             name, architecture, texts.size(), most_bytes >> 10, registers, spilled, most_seconds);
  EXPECT_LE(most_bytes, bound) << name << " for sm_" << architecture;
  if (!may_spill) {
    EXPECT_EQ(spilled, 0) << name << " for sm_" << architecture;
  }
}

class MachineCodeOf : public testing::TestWithParam<RepeatedOp> {};

TEST_P(MachineCodeOf, IsBoundedHoweverOftenTheOpOccurs) {
  const RepeatedOp& op = GetParam();
  if (!is_long() && std::ranges::find(kLongest, op.op) == std::end(kLongest))
    GTEST_SKIP() << "TENDON_LONG=1 compiles all ops";
  std::vector<DType> dtypes{DType::f32, DType::f64};
  std::vector counts{kFew, 200};
  if (is_long()) {
    dtypes = {DType::f16, DType::f32, DType::f64};
    counts = {1, kFew, 50, 100, 200};
  }
  for (const DType dtype : dtypes) {
    for (const int count : counts) {
      const Tape tape = test::with_gradients(repeated_op_tape(op, dtype, {kSize}, count));
      for (const int architecture : architectures()) {
        expect_bounded(fmt::format("{} {} of {}", count, op.name, name(dtype)), tape, architecture,
                       count > kFew);
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(EachRow, MachineCodeOf, testing::ValuesIn(workloads::repeated_ops()),
                         [](const auto& row) { return row.param.name; });

TEST(MachineCode, OfDifferentOpsIsBounded) {
  for (const DType dtype : {DType::f16, DType::f32, DType::f64}) {
    if (dtype == DType::f16 && !is_long()) continue;
    for (const int times : is_long() ? std::vector{1, 3} : std::vector{1}) {
      const Tape tape = test::with_gradients(workloads::different_ops_tape(dtype, {kSize}, times));
      for (const int architecture : architectures()) {
        expect_bounded(fmt::format("{} times all ops of {}", times, name(dtype)), tape,
                       architecture, true, kMostBytesOfAllOps);
      }
    }
  }
}

TEST(MachineCode, OfManyTargetsIsBounded) {
  for (const int architecture : architectures()) {
    expect_bounded("200 products, 90 targets",
                   test::with_gradients(workloads::products_tape(DType::f32, kSize, 200, 90)),
                   architecture, true);
  }
}

// A sum of all, of rows that stay in registers, and of rows that are longer.
TEST(MachineCode, OfAReducedBodyIsBounded) {
  const RepeatedOp& sin = *std::ranges::find(workloads::repeated_ops(), Op::sin, &RepeatedOp::op);
  struct Case {
    Shape shape;
    Axes axes;
    const char* name;
  };
  const Case cases[] = {{{1024, 1000}, {0, 1}, "0 and 1"},
                        {{1024, 1000}, {1}, "1"},
                        {{1024, 8192}, {1}, "1 of full rows"},
                        {{8, 100000}, {1}, "1 of long rows"},
                        {{1024, 1000}, {0}, "0"}};
  for (const Case& of : cases) {
    for (const int count : {kFew, 200}) {
      TapeBuilder tape(repeated_op_tape(sin, DType::f32, of.shape, count));
      const Ref result = tape.tape().targets()[0];
      const Tape sum =
          std::move(tape).finish({tape.apply(Op::reduce_sum, {result}, {.axes = of.axes})});
      for (const int architecture : architectures()) {
        expect_bounded(fmt::format("the sum of {} sin over axis {}", count, of.name),
                       test::with_gradients(sum), architecture, true);
      }
    }
  }
}

}  // namespace
}  // namespace tendon::cuda
