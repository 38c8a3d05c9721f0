// A value that dies gives its memory only to one that is written in the order in which it is read.
#include <gtest/gtest.h>
#include <tendon/backend.h>

#include <vector>

#include "host/cpu/plain_executor.h"

namespace tendon::test {
namespace {

// Larger than a tile, so that what is written too early is still to be read.
TEST(InPlace, IsNotForAValueThatIsReadTransposed) {
  constexpr std::int64_t kSize = 150;
  TapeBuilder builder;
  const Ref a = builder.input(DType::f32, {kSize, kSize});
  const Ref product = builder.apply(Op::matmul, {a, a});
  const Ref turned = builder.apply(Op::transpose, {product}, {.axes = Axes(1, 0)});
  const Ref one = builder.constant(1, DType::f32);
  const Ref more = builder.apply(Op::add, {turned, one});
  const Tape tape = std::move(builder).finish({});
  // Again a product, so that `more` lies in the arena; small whole numbers, so that sums are exact.
  TapeBuilder next(tape);
  const Ref last = next.apply(Op::matmul, {more, a});
  const Tape whole = std::move(next).finish({last});

  std::vector<float> input(kSize * kSize);
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i * 7 % 3);
  std::vector<float> expected(input.size());
  std::vector<float> given(input.size());
  const void* from = input.data();
  void* into = expected.data();
  cpu::Memory memory;
  cpu::execute_plainly(whole, {&from, 1}, {&into, 1}, memory);
  compile(whole, {.device = Device::cpu()})
      .run(Stream(), {{input.data(), input.size() * 4}}, {{given.data(), given.size() * 4}});
  EXPECT_EQ(given, expected);
}

}  // namespace
}  // namespace tendon::test
