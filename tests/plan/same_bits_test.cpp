// An op's value has the same bits however it was fused: the targets of a tape as one plan computes
// them, and as plans of one op each do, at lengths around those where a chunk, a tile or a block
// ends.
#include <gtest/gtest.h>
#include <tendon/backend.h>

#include <cmath>
#include <functional>
#include <random>
#include <string>

#include "bench/workloads/formula.h"
#include "host/cpu/visit.h"
#include "tests/support/executors.h"
#include "tests/support/random_tape.h"
#include "tests/support/tape_text.h"
#include "tests/support/with_gradients.h"

namespace tendon::test {
namespace {

using workloads::apply;
using workloads::input;
using workloads::number;
using workloads::Value;

// Every needed value, computed from those of its operands by a plan of its own.
std::vector<Bytes> run_one_by_one(const Tape& tape, const std::vector<Bytes>& inputs) {
  const std::vector<bool> is_needed = needed(tape);
  std::vector<Bytes> values(tape.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) values[tape.inputs()[i].id] = inputs[i];
  for (std::uint32_t id = 0; id < tape.size(); ++id) {
    const Ref value{id};
    const Op op = tape.op(value);
    if (!is_needed[id] || op == Op::input) continue;
    TapeBuilder alone;
    std::vector<Ref> operands;
    std::vector<Bytes> given;
    const auto constant = [&](Ref of) {
      return alone.constant(tape.attributes(of).number, tape.dtype(of), tape.shape(of));
    };
    for (const Ref operand : tape.operands(value)) {
      if (tape.op(operand) == Op::constant) {
        operands.push_back(constant(operand));
        continue;
      }
      operands.push_back(alone.input(tape.dtype(operand), tape.shape(operand)));
      given.push_back(values[operand.id]);
    }
    if (op == Op::literal) {
      const auto bytes = tape.literal(value);
      values[id] = Bytes(bytes.begin(), bytes.end());
      continue;
    }
    const Ref made =
        op == Op::constant ? constant(value) : alone.apply(op, operands, tape.attributes(value));
    values[id] = run_planned(std::move(alone).finish({made}), given)[0];
  }
  std::vector<Bytes> targets;
  for (const Ref target : tape.targets()) targets.push_back(values[target.id]);
  return targets;
}

void expect_same_bits(const Tape& tape, const std::vector<Bytes>& inputs, const std::string& of) {
  const std::vector<Bytes> fused = run_planned(tape, inputs);
  const std::vector<Bytes> alone = run_one_by_one(tape, inputs);
  for (std::size_t i = 0; i < fused.size(); ++i) {
    const Ref target = tape.targets()[i];
    EXPECT_TRUE(agrees(tape.dtype(target), fused[i], alone[i], {Agreement::bits}))
        << of << ", target " << i << " of " << text_of_needed(tape);
  }
}

// Whose sums are rounded in any order.
Bytes uneven(DType dtype, std::int64_t count, unsigned seed) {
  Bytes bytes(static_cast<std::size_t>(count) * size_bytes(dtype));
  std::mt19937_64 random(seed);
  cpu::visit(dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < count; ++i) {
      const double drawn = static_cast<double>(random() >> 11) * 0x1p-52 - 1;
      T& into = reinterpret_cast<T*>(bytes.data())[i];
      if constexpr (sizeof(T) == 2) {
        into = T(static_cast<float>(drawn));
      } else {
        into = static_cast<T>(drawn);
      }
    }
  });
  return bytes;
}
std::vector<Bytes> uneven_inputs(const Tape& tape) {
  std::vector<Bytes> inputs;
  for (const Ref of : tape.inputs()) {
    inputs.push_back(
        uneven(tape.dtype(of), tape.shape(of).size(), static_cast<unsigned>(inputs.size()) + 1));
  }
  return inputs;
}

// Around the ends of vectors, folded blocks (256), tiles (2048), blocks of a sum (4096), resident
// rows and chunks (16384), and several of those.
std::vector<std::int64_t> lengths() {
  if (!default_device().is_cpu()) return {255, 1'025, 4'097, 16'384, 16'385, 20'011, 70'001};
  std::vector<std::int64_t> lengths = {1, 7, 20'011, 100'003, 1'048'577};
  for (std::int64_t end = 8; end <= 131'072; end *= 2) {
    for (const std::int64_t by : {-1, 0, 1}) lengths.push_back(end + by);
  }
  return lengths;
}

struct Case {
  const char* name;
  std::function<Tape(DType, std::int64_t)> tape;
  std::int64_t longest = 32'769;
  std::int64_t longest_of_16_bits = 20'011;
  bool holds_on_cpu_alone = false;

  friend void PrintTo(const Case& of, std::ostream* stream) { *stream << of.name; }
};

const Attributes kAlongRow{.axes = {-1}, .keep_dims = true};
Value sum(Value x) { return apply(Op::reduce_sum, {x}, kAlongRow); }

Tape of_clipped(DType dtype, std::int64_t length) {
  TapeBuilder tape;
  const Value x = input(tape, dtype, {length}, "x");
  return std::move(tape).finish({sum(maximum(x, number(x, -0.5))).ref});
}
// So many values at once that few elements of each fit in a tile.
Tape of_a_long_body(DType dtype, std::int64_t length) {
  TapeBuilder tape;
  const Value x = input(tape, dtype, {length}, "x"), y = input(tape, dtype, {length}, "y");
  std::vector<Value> values = {x, y};
  for (std::size_t i = 0; i < 24; ++i) values.push_back(values.back() * 0.75 + values[i / 2]);
  Value all = values.back();
  for (const Value value : values) all = all * value + y;
  return std::move(tape).finish({sum(all).ref, sum(all - x).ref});
}
Value softmax(Value x) {
  const Value powers = exp(x - stop_gradient(apply(Op::reduce_max, {x}, kAlongRow)));
  return powers / sum(powers);
}
Tape of_softmax(DType dtype, std::int64_t length) {
  TapeBuilder tape;
  const Value x = input(tape, dtype, {3, length}, "x"), y = input(tape, dtype, {3, length}, "y");
  return with_gradients(std::move(tape).finish({(softmax(x) * y).ref}));
}
Tape of_variance(DType dtype, std::int64_t length) {
  TapeBuilder tape;
  const Value x = input(tape, dtype, {2, length}, "x");
  const Value mean = sum(x) / static_cast<double>(length);
  const Value variance = sum(square(x - mean)) / static_cast<double>(length);
  return with_gradients(std::move(tape).finish({mean.ref, variance.ref}));
}
// In a stage with a place, rows are at hand however long.
Tape beside_a_place(DType dtype, std::int64_t length) {
  TapeBuilder tape;
  const Value x = input(tape, dtype, {2, length}, "x"), y = input(tape, dtype, {length}, "y");
  const Value scaled = x * y;
  const Value place = apply(Op::argmax, {scaled}, {.axes = {-1}});
  const Value greatest = apply(Op::reduce_max, {scaled}, kAlongRow);
  return std::move(tape).finish(
      {place.ref, greatest.ref, sum(scaled).ref, sum(scaled - greatest).ref});
}
Tape of_columns(DType dtype, std::int64_t length) {
  TapeBuilder tape;
  const Value x = input(tape, dtype, {length, 5}, "x"),
              y = input(tape, DType::f16, {length, 5}, "y");
  const auto sum_of_columns = [](Value of) { return apply(Op::reduce_sum, {of}, {.axes = {0}}); };
  return std::move(tape).finish({sum_of_columns(x).ref, sum_of_columns(y).ref,
                                 sum_of_columns(x * apply(Op::cast, {y}, {.dtype = dtype})).ref});
}
// The gradients by scale and shift are sums over rows that are reduced themselves. There a CUDA
// device's blocks share the lines otherwise than where sums of columns are alone.
Tape of_layer_norm(DType dtype, std::int64_t length) {
  TapeBuilder tape;
  const std::int64_t width = 40;
  const Value x = input(tape, dtype, {length, width}, "x");
  const Value scale = input(tape, dtype, {width}, "scale"),
              shift = input(tape, dtype, {width}, "shift");
  const auto mean = [&](Value of) { return sum(of) * (1 / static_cast<double>(width)); };
  const Value centred = x - mean(x);
  const Value y = centred * rsqrt(mean(square(centred)) + 1e-5) * scale + shift;
  return with_gradients(std::move(tape).finish({square(y).ref}));
}
Tape of_a_vector(DType dtype, std::int64_t length) {
  TapeBuilder tape;
  const Value a = input(tape, dtype, {length, 33}, "a"), b = input(tape, dtype, {33, length}, "b");
  const Value column = input(tape, dtype, {length, 1}, "column"),
              row = input(tape, dtype, {1, length}, "row"),
              few = input(tape, dtype, {1, 33}, "few");
  const auto transposed = [](Value x) { return apply(Op::transpose, {x}, {.axes = {1, 0}}); };
  const auto product = [](Value x, Value y) { return apply(Op::matmul, {x, y}); };
  return std::move(tape).finish(
      {product(transposed(a), column).ref, product(b, column).ref, product(row, a).ref,
       product(row, transposed(b)).ref, product(row, column).ref,
       product(transposed(column), transposed(row)).ref, product(few * 3, transposed(a)).ref});
}

class SameBits : public testing::TestWithParam<std::tuple<Case, DType>> {};

TEST_P(SameBits, FusedAndAlone) {
  const auto& [of, dtype] = GetParam();
  if (of.holds_on_cpu_alone && !default_device().is_cpu())
    GTEST_SKIP() << "the device sums these columns in another order beside their rows";
  for (const std::int64_t length : lengths()) {
    if (length > (size_bytes(dtype) == 2 ? of.longest_of_16_bits : of.longest)) continue;
    const Tape tape = of.tape(dtype, length);
    expect_same_bits(tape, uneven_inputs(tape), std::to_string(length) + " elements");
    if (HasFailure()) break;
  }
}
INSTANTIATE_TEST_SUITE_P(
    Of, SameBits,
    testing::Combine(testing::Values(Case{"Clipped", of_clipped, 1'048'577},
                                     Case{"ALongBody", of_a_long_body, 100'003},
                                     Case{"Softmax", of_softmax}, Case{"Variance", of_variance},
                                     Case{"RowsBesideAPlace", beside_a_place},
                                     Case{"Columns", of_columns},
                                     Case{"LayerNorm", of_layer_norm, 20'011, 1'025, true},
                                     Case{"OfAVector", of_a_vector, 20'011, 300}),
                     testing::Values(DType::f32, DType::f64, DType::f16, DType::bf16)),
    [](const auto& of) {
      return std::string(std::get<0>(of.param).name) + "_" + name(std::get<1>(of.param));
    });

TEST(SameBits, OfRandomTapes) {
  for (std::uint64_t seed = 0; seed < (default_device().is_cpu() ? 200 : 20); ++seed) {
    const RandomTape random = random_tape(seed);
    expect_same_bits(random.tape, random.inputs, "seed " + std::to_string(seed));
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace tendon::test
