// What ops throw: the type, and a message that names the op as it was called, the caller's line and
// the shapes.
#include <fmt/format.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "tests/ops/elementwise_rows.h"
#include "tests/support/device_buffer.h"

namespace tendon::test {
namespace {

using Words = std::vector<std::string>;

TEST(OpErrors, NameTheExactLine) {
  const Tensor a = zeros({2, 3});
  const Tensor b = zeros({4});
  try {
    const auto line = std::to_string(__LINE__ + 1);
    EXPECT_EQ(add(a, b).rank(), 0) << line;
    FAIL() << "threw nothing";
  } catch (const ShapeError& error) {
    const auto line = std::to_string(__LINE__ - 3);
    EXPECT_EQ(error.what(), "add at errors_test.cpp:" + line +
                                ": shapes do not broadcast: f32 (2, 3) x f32 (4,)");
  }
}

TEST(OpErrors, OfElementwiseRowsNameThemAndTheirShapes) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (row.arity == 1) continue;
    const DType dtype = row.takes(DType::f32) ? DType::f32 : DType::boolean;
    Operands at(row.arity, zeros({2, 3}, dtype));
    at.back() = zeros({3, 2}, dtype);
    // The row's own call is written where the table is included; other tests look at the line.
    try {
      row.apply(at);
      ADD_FAILURE() << row.name() << " threw nothing";
    } catch (const ShapeError& error) {
      const std::string text = error.what();
      EXPECT_EQ(text.find(std::string(row.name()) + " at "), 0U) << text;
      EXPECT_NE(text.find("(2, 3)"), std::string::npos) << text;
      EXPECT_NE(text.find("(3, 2)"), std::string::npos) << text;
    }
    at.back() = at.front();
    EXPECT_EQ(row.apply(at).shape(), Shape(2, 3)) << row.name();
  }
}

TEST(OpErrors, OfElementwiseOperandsNameTheirDtype) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<DTypeError>([&] { logical_not(x); }, {"logical_not", "f32 (2, 3)"}));
  EXPECT_TRUE(throws<DTypeError>([&] { logical_and(x, true); }, {"logical_and", "f32 (2, 3)"}));
  EXPECT_TRUE(throws<DTypeError>([&] { logical_or(1, true); }, {"logical_or", "i32 ()"}));
  EXPECT_TRUE(throws<DTypeError>([&] { logical_xor(x, x); }, {"logical_xor", "f32 (2, 3)"}));
  EXPECT_EQ(logical_not(x > 0).dtype(), DType::boolean);
}

TEST(OpErrors, OfOperatorsAndCompoundAssignmentsNameTheOpAndTheLine) {
  const Tensor b = zeros({3, 2});
  Tensor a = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { a - b; }, {"sub", "(2, 3)", "(3, 2)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { a* b; }, {"mul", "(2, 3)", "(3, 2)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { a < b; }, {"less", "(2, 3)", "(3, 2)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { a += b; }, {"add", "(2, 3)", "(3, 2)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { a /= b; }, {"div", "(2, 3)", "(3, 2)"}));
  a += 1;
  EXPECT_EQ(reduce_sum(a).item<float>(), 6);
}

TEST(OpErrors, OfReductionsNameThemAndTheAxis) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { reduce_sum(x, 2); }, {"reduce_sum", "2", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { reduce_max(x, -3); }, {"reduce_max", "-3", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { reduce_min(x, {0, -2}); }, {"reduce_min", "-2"}));
  EXPECT_TRUE(throws<ShapeError>([&] { argmax(x, 2); }, {"argmax", "2", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { argmin(Tensor(1.0)); }, {"argmin", "()"}));
  EXPECT_EQ(reduce_sum(x, 1).shape(), Shape(2));
}

TEST(OpErrors, OfComposedReductionsNameWhatWasCalled) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { reduce_mean(x, 2); }, {"reduce_mean", "2", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { reduce_logsumexp(x, 2); }, {"reduce_logsumexp", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { log_softmax(x, -3); }, {"log_softmax", "-3", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { softmax(Tensor(1.0)); }, {"softmax", "()"}));
  EXPECT_EQ(softmax(x).shape(), Shape(2, 3));
}

TEST(OpErrors, OfExtremesOfNothingNameTheEmptyAxis) {
  const Tensor x = zeros({2, 0});
  EXPECT_TRUE(throws<ShapeError>([&] { reduce_max(x, 1); }, {"reduce_max", "1", "(2, 0)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { reduce_min(x); }, {"reduce_min", "1", "(2, 0)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { argmax(x, 1); }, {"argmax", "1", "(2, 0)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { argmin(x, -1); }, {"argmin", "1", "(2, 0)"}));
  EXPECT_EQ(reduce_max(x, 0).shape(), Shape(0));
}

TEST(OpErrors, OfMatmulNameItsShapes) {
  const Tensor a = zeros({2, 3});
  const auto expect = [&](const Tensor& left, const Tensor& right, bool ta, bool tb,
                          const Words& words, Place place = Place::current()) {
    Words all = {"matmul"};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_TRUE(throws<ShapeError>(
        [&] {
          matmul({left, place}, {right, place}, ta, tb);
        },
        all, place));
  };
  expect(a, a, false, false, {"(2, 3)"});
  expect(a, zeros({3, 4}), true, false, {"(2, 3)", "(3, 4)"});
  expect(a, zeros({3, 4}), false, true, {"(2, 3)", "(3, 4)"});
  expect(zeros({2, 2, 3}), zeros({3, 3, 4}), false, false, {"(2, 2, 3)", "(3, 3, 4)"});
  expect(zeros({3}), a, true, false, {"(3,)", "(2, 3)"});
  expect(a, zeros({2}), false, false, {"(2, 3)", "(2,)"});
  expect(a, Tensor(1.0), false, false, {"(2, 3)", "()"});
  EXPECT_EQ(matmul(a, a, false, true).shape(), Shape(2, 2));
}

TEST(OpErrors, OfReshapeNameBothShapes) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { reshape(x, {4, 2}); }, {"reshape", "(2, 3)", "(4, 2)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { reshape(x, {4, -1}); }, {"reshape", "(2, 3)", "(4, -1)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { reshape(x, {-1, -1}); }, {"reshape", "(-1, -1)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { reshape(x, {-2, -3}); }, {"reshape", "(-2, -3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { reshape(zeros(0), {0, -1}); }, {"reshape", "(0, -1)"}));
  EXPECT_EQ(reshape(x, {3, 2}).shape(), Shape(3, 2));
}

TEST(OpErrors, OfTransposeNameTheShape) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { transpose(x, 0); }, {"transpose", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { transpose(x, {0, 0}); }, {"transpose", "0"}));
  EXPECT_TRUE(throws<ShapeError>([&] { transpose(x, {0, 2}); }, {"transpose", "2", "(2, 3)"}));
  EXPECT_EQ(transpose(x).shape(), Shape(3, 2));
}

TEST(OpErrors, OfBroadcastToNameBothShapes) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        broadcast_to(x, {2, 4});
      },
      {"broadcast_to", "(2, 3)", "(2, 4)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { broadcast_to(x, 3); }, {"broadcast_to", "(2, 3)", "(3,)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { broadcast_to(x, {-1, 3}); }, {"broadcast_to", "(-1, 3)"}));
  EXPECT_EQ(broadcast_to(x, {4, 2, 3}).rank(), 3);
}

TEST(OpErrors, OfExpandDimsAndSqueezeNameThemAndTheAxis) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { expand_dims(x, 3); }, {"expand_dims", "3", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { expand_dims(x, {1, 1}); }, {"expand_dims", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { squeeze(x, 0); }, {"squeeze", "0", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { squeeze(x, 2); }, {"squeeze", "2", "(2, 3)"}));
  const Tensor deep = reshape(x, {1, 2, 1, 3, 1, 1, 1, 1});
  EXPECT_TRUE(throws<ShapeError>([&] { expand_dims(deep, 0); }, {"expand_dims", "8"}));
  EXPECT_EQ(squeeze(deep).shape(), Shape(2, 3));
}

TEST(OpErrors, OfSlicesNameThemAndTheWindow) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { slice(x, {0, 1}, {2, 3}); }, {"slice", "(0, 1)", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { slice(x, {-1, 0}, {1, 1}); }, {"slice", "(-1, 0)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { slice(x, 0, 1); }, {"slice", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { slice(x, {3, 0}, {-1, -1}); }, {"slice", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        strided_slice(x, {0, 0}, {2, 3}, {1, 0});
      },
      {"strided_slice", "step", "0", "1"}));
  EXPECT_TRUE(throws<ShapeError>([&] { strided_slice(x, 0, 2); }, {"strided_slice", "(2, 3)"}));
  EXPECT_EQ(slice(x, {0, 1}, {2, 2}).shape(), Shape(2, 2));
}

TEST(OpErrors, OfConcatAndStackNameThemAndTheShapes) {
  const Tensor x = zeros({2, 3});
  const Tensor y = zeros({3, 3});
  const std::vector<Tensor> none;
  EXPECT_TRUE(throws<ShapeError>([&] { concat({x, y}, 1); }, {"concat", "(2, 3)", "(3, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { concat({x, y}, 2); }, {"concat", "2", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { concat({x, Tensor(1.0)}); }, {"concat", "(2, 3)", "()"}));
  EXPECT_TRUE(throws<ShapeError>([&] { concat(none); }, {"concat"}));
  EXPECT_TRUE(throws<ShapeError>([&] { stack({x, y}); }, {"stack", "(2, 3)", "(3, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { stack({x, x}, 3); }, {"stack", "3", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { stack(none); }, {"stack"}));
  EXPECT_EQ(concat({x, y}).shape(), Shape(5, 3));
}

TEST(OpErrors, OfSplitNameTheAxisAndTheParts) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { split(x, 2, 1); }, {"split", "2", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { split(x, 0); }, {"split", "0", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { split(x, 1, 2); }, {"split", "2", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { split(x, {1, 1}, 1); }, {"split", "2", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { split(x, {4, -1}, 1); }, {"split", "(2, 3)"}));
  EXPECT_EQ(split(x, 3, 1).size(), 3U);
}

TEST(OpErrors, OfGatherNameItsDtypeAndAxis) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<DTypeError>([&] { gather(x, zeros(2)); }, {"gather", "f32"}));
  EXPECT_TRUE(throws<DTypeError>([&] { gather(x, true); }, {"gather", "boolean"}));
  EXPECT_TRUE(throws<ShapeError>([&] { gather(x, 0, 2); }, {"gather", "2", "(2, 3)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { gather(Tensor(1.0), 0); }, {"gather", "()"}));
  EXPECT_EQ(gather(x, 0).shape(), Shape(3));
}

TEST(OpErrors, OfAnIndexOutOfRangeComeWhenItIsComputed) {
  const Tensor x = Tensor::from({1.0F, 2.0F, 3.0F});
  for (const int wrong : {3, -4}) {
    const Tensor indices = Tensor::from({0, wrong});
    const Place called = Place::current();
    const Tensor taken = gather(x, indices);
    const Tensor sum = reduce_sum(taken);
    EXPECT_EQ(sum.rank(), 0);
    const Words words = {"gather", std::to_string(wrong), "3"};
    EXPECT_TRUE(throws<ShapeError>([&] { sum.item<float>(); }, words, called));
    EXPECT_TRUE(throws<ShapeError>([&] { taken.to_vector<float>(); }, words, called));
    // Operands, and what does not need the wrong value, are as they were.
    EXPECT_EQ((x * 2).to_vector<float>(), std::vector<float>({2, 4, 6}));
    EXPECT_EQ(indices.to_vector<int>(), std::vector<int>({0, wrong}));
    EXPECT_EQ(gather(x, indices % 3).size(), 2);
  }
}

TEST(OpErrors, OfAnIndexOutOfRangeInABackwardPassLeaveTheTapeWhole) {
  const Tensor x = Tensor::from({1.0F, 2.0F, 3.0F});
  GradientTape tape({.persistent = true});
  tape.watch(x);
  const Tensor wrong = reduce_sum(gather(x, 5));
  const Tensor right = reduce_sum(gather(x, 1) * 2);
  const Gradient answer = tape.gradient(wrong, x);
  EXPECT_TRUE(throws<ShapeError>([&] { answer->to_vector<float>(); }, {"5"}));
  EXPECT_EQ(tape.gradient(right, x)->to_vector<float>(), std::vector<float>({0, 2, 0}));
}

// What an executor says of indices; on a device it says so when something waits for the result.
std::string message_of(const Tensor& x, const Tensor& indices, int axis = 0) {
  try {
    gather(x, indices, axis).cast(DType::f32).to_vector<float>();
  } catch (const ShapeError& error) {
    const std::string text = error.what();
    return text.substr(text.find(": ") + 2);
  }
  return "threw nothing";
}

TEST(OpErrors, OfSeveralIndicesOutOfRangeNameTheFirst) {
  const Tensor x = ones({2, 3, 40});
  EXPECT_EQ(message_of(x, Tensor::from({0, 1, 9, 2, -7}), 1),
            "index 9 at position 2 is out of range for an extent of 3");
  EXPECT_EQ(message_of(x, Tensor::from({-41, 40}, {2, 1}), -1),
            "index -41 at position 0 is out of range for an extent of 40");
  const std::int64_t far = (std::int64_t{1} << 40) + 1;
  EXPECT_EQ(message_of(x, Tensor::from({std::int64_t{-2}, -far, far})),
            "index -1099511627777 at position 1 is out of range for an extent of 2");
  EXPECT_EQ(message_of(zeros({0, 3}), Tensor::from({0})),
            "index 0 at position 0 is out of range for an extent of 0");
}

TEST(OpErrors, OfAnIndexOutOfRangeReachWhatIsComputedFromIt) {
  const Tensor x = Tensor::from({1.0F, 2.0F, 3.0F});
  const Place called = Place::current();
  const Tensor first = gather(x, 5);
  const Tensor second = gather(x, Tensor::from({1, 7}));
  const bool is_at_once = default_device().is_cpu();
  for (const Tensor& wrong : {first, second}) {
    try {
      run({wrong});
      EXPECT_FALSE(is_at_once);
    } catch (const ShapeError&) {
      EXPECT_TRUE(is_at_once);
    }
  }
  const Tensor after = exp(second * 2);
  const Tensor long_after = reduce_sum(after) + first;
  for (int again = 0; again < 2; ++again) {
    EXPECT_TRUE(
        throws<ShapeError>([&] { after.to_vector<float>(); }, {"gather", "index 7"}, called));
    EXPECT_TRUE(throws<ShapeError>([&] { (after + 1).to_vector<float>(); }, {"index 7"}, called));
    EXPECT_TRUE(throws<ShapeError>([&] { long_after.item<float>(); }, {"gather", "index"}, called));
    EXPECT_TRUE(throws<ShapeError>([&] { first.item<float>(); }, {"index 5"}, called));
    EXPECT_EQ((x + 1).to_vector<float>(), std::vector<float>({2, 3, 4}));
  }
  synchronize(default_device());  // everything has been said
}

TEST(OpErrors, OfAnIndexOutOfRangeLeaveWhatIsComputedBesideItUsable) {
  Variable variable(Tensor::from({1.0F, 2.0F, 3.0F}) * 2, "x");  // nobody has asked for it yet
  const Tensor sum = variable + 1;
  const Place called = Place::current();
  const Tensor wrong = gather(sum, 5);
  EXPECT_TRUE(throws<ShapeError>([&] { wrong.item<float>(); }, {"gather", "index 5"}, called));
  EXPECT_EQ(variable.read().to_vector<float>(), std::vector<float>({2, 4, 6}));
  EXPECT_EQ((sum * 2).to_vector<float>(), std::vector<float>({6, 10, 14}));
  GradientTape tape;
  const Tensor loss = reduce_sum(square(variable));
  optim::Sgd({.learning_rate = 0.25}).apply(tape.gradient(loss, {variable}), {variable});
  EXPECT_EQ(variable.read().to_vector<float>(), std::vector<float>({1, 2, 3}));
  EXPECT_TRUE(throws<ShapeError>([&] { (wrong + loss).item<float>(); }, {"index 5"}, called));
}

TEST(OpErrors, OfAnIndexOutOfRangeThatNobodyReadsComeWithTheNextSynchronization) {
  const Device device = default_device();
  if (device.is_cpu()) GTEST_SKIP() << "the CPU throws before anything has to wait";
  const Tensor x = Tensor::from({1.0F, 2.0F, 3.0F});
  const Place called = Place::current();
  run({gather(x, 5)});
  EXPECT_EQ((x * 2).to_vector<float>(), std::vector<float>({2, 4, 6}));
  run({gather(x, 6)});
  EXPECT_TRUE(throws<ShapeError>([&] { synchronize(device); }, {"gather", "index 5"}, called));
  synchronize(device);
}

TEST(OpErrors, OfAnIndexOutOfRangeInATapeNameItsPlace) {
  const Device device = default_device();
  // Many are summed otherwise than few.
  for (const std::int64_t count : {2, 500}) {
    TapeBuilder builder;
    const Ref updates = builder.input(DType::f64, {count});
    const Ref indices = builder.input(DType::i32, {count});
    const Place called = Place::current();
    const Ref sum = builder.apply(Op::scatter_add, {updates, indices}, {.axes = 0, .shape = {3}});
    const Executable executable = compile(std::move(builder).finish({sum}));
    // Ones by index 0, but for the last two.
    const auto summed = [&](int before_last, int last) {
      const std::vector<double> ones(static_cast<std::size_t>(count), 1);
      std::vector<int> at(static_cast<std::size_t>(count));
      at.end()[-2] = before_last;
      at.end()[-1] = last;
      std::vector<DeviceBuffer> in;
      in.emplace_back(device, std::as_bytes(std::span(ones)));
      in.emplace_back(device, std::as_bytes(std::span(at)));
      std::vector<DeviceBuffer> out;
      out.emplace_back(device, std::vector<std::byte>(24));
      executable.run(Stream(), buffers(in), buffers(out));
      synchronize(device);
      std::vector<double> result(3);
      std::memcpy(result.data(), out[0].read().data(), 24);
      return result;
    };
    const auto zeros = static_cast<double>(count - 2);
    EXPECT_EQ(summed(2, -2), std::vector<double>({zeros, 1, 1}));
    EXPECT_TRUE(throws<ShapeError>(
        [&] { summed(3, -4); },
        {"scatter_add", fmt::format("index 3 at position {} is", count - 2), "an extent of 3"},
        called));
    EXPECT_EQ(summed(0, 0), std::vector<double>({zeros + 2, 0, 0}));
  }
}

TEST(OpErrors, OfWhereNameItsShapes) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<ShapeError>([&] { where(x > 0, x, zeros(2)); }, {"where", "(2, 3)", "(2,)"}));
  EXPECT_TRUE(throws<ShapeError>([&] { where(zeros(2) > 0, x, 0); }, {"where", "(2,)", "(2, 3)"}));
  EXPECT_EQ(where(x > 0, x, 0).shape(), Shape(2, 3));
}

TEST(OpErrors, OfAnEmptyTensorNameTheOp) {
  const Tensor none;
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(throws<Error>([&] { exp(none); }, {"exp"}));
  EXPECT_TRUE(throws<Error>([&] { x + none; }, {"add"}));
  EXPECT_TRUE(throws<Error>([&] { clip(x, none, 1); }, {"clip"}));
  EXPECT_TRUE(throws<Error>([&] { where(x > 0, none, x); }, {"where"}));
  EXPECT_TRUE(throws<Error>([&] { where(none, x, x); }, {"where"}));
  EXPECT_TRUE(throws<Error>([&] { cast(none, DType::f64); }, {"cast"}));
  EXPECT_TRUE(throws<Error>([&] { none.cast(DType::f64); }, {"cast"}));
  EXPECT_TRUE(throws<Error>([&] { reduce_mean(none); }, {"reduce_mean"}));
  EXPECT_TRUE(throws<Error>([&] { argmax(none); }, {"argmax"}));
  EXPECT_TRUE(throws<Error>([&] { softmax(none); }, {"softmax"}));
  EXPECT_TRUE(throws<Error>([&] { matmul(x, none); }, {"matmul"}));
  EXPECT_TRUE(throws<Error>([&] { reshape(none, 1); }, {"reshape"}));
  EXPECT_TRUE(throws<Error>([&] { transpose(none); }, {"transpose"}));
  EXPECT_TRUE(throws<Error>([&] { strided_slice(none, 0, 1); }, {"strided_slice"}));
  EXPECT_TRUE(throws<Error>([&] { concat({x, none}); }, {"concat"}));
  EXPECT_TRUE(throws<Error>([&] { stack({none, none}); }, {"stack"}));
  EXPECT_TRUE(throws<Error>([&] { split(none, 2); }, {"split"}));
  EXPECT_TRUE(throws<Error>([&] { gather(x, none); }, {"gather"}));
  EXPECT_EQ(exp(x).shape(), Shape(2, 3));
}

TEST(OpErrors, OfSizesThatCannotBeCountedComeBeforeAnythingIsMade) {
  const std::int64_t huge = std::int64_t{1} << 40;
  const Tensor row = zeros({1, huge});
  EXPECT_TRUE(throws<ShapeError>([&] { row + zeros({huge, 1}); }, {"add"}));
  EXPECT_TRUE(throws<ShapeError>([&] { broadcast_to(row, {huge, huge}); }, {"broadcast_to"}));
  EXPECT_TRUE(throws<ShapeError>([&] { matmul(row, row, true); }, {"matmul"}));
}

TEST(OpErrors, LeaveARecordingTapeAsItWas) {
  const Tensor x = Tensor::from({1.0F, 2.0F});
  GradientTape tape;
  tape.watch(x);
  EXPECT_TRUE(throws<ShapeError>([&] { x + zeros(3); }, {"add"}));
  EXPECT_TRUE(throws<DTypeError>([&] { gather(x, x); }, {"gather"}));
  const Tensor y = reduce_sum(square(x));
  EXPECT_EQ(tape.gradient(y, x)->to_vector<float>(), std::vector<float>({2, 4}));
}

}  // namespace
}  // namespace tendon::test
