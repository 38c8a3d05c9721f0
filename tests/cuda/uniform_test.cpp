#include "host/cuda/uniform.h"

#include <gtest/gtest.h>

#include <cstring>

#include "host/cpu/visit.h"
#include "host/ops/op_row.h"
#include "tests/support/executors.h"

namespace tendon::cuda {
namespace {

double read(const test::Bytes& bytes, DType dtype) {
  return cpu::visit(dtype, [&]<class T>() {
    T value{};
    std::memcpy(&value, bytes.data(), sizeof value);
    return static_cast<double>(value);
  });
}

TEST(Uniform, OpsOnTheHostGiveTheValuesOfThePlainExecutor) {
  int count = 0;
  for (const ops::OpRow& row : ops::kRows) {
    if (!row.is_on_host) continue;
    ++count;
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
      TapeBuilder tape;
      const Ref numbers[] = {tape.constant(0.7, dtype), tape.constant(-1.3, dtype)};
      const Ref value = tape.apply(row.op, {numbers, static_cast<std::size_t>(row.arity)});
      const Tape finished = std::move(tape).finish({value});
      ASSERT_TRUE(is_of_numbers(finished, value)) << row.name;
      EXPECT_EQ(value_of_numbers(finished, value), read(test::run_plain(finished, {})[0], dtype))
          << row.name << " of " << name(dtype);
    }
  }
  EXPECT_EQ(count, 8);
}

}  // namespace
}  // namespace tendon::cuda
