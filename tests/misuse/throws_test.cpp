// Wrong calls throw what the headers say, in words that name the call, the place and the shapes,
// and lose nothing.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <functional>
#include <limits>
#include <sstream>

#include "tests/misuse/expect_words.h"

namespace tendon {
namespace {

using test::expect_words;

TEST(TapeMisuse, StopTwiceThrows) {
  GradientTape tape;
  tape.stop();
  expect_words<TapeError>([&] { tape.stop(); }, {"stop", "throws_test.cpp", "stopped already"});
}

TEST(TapeMisuse, ResumeWhileRecordingThrows) {
  GradientTape tape;
  expect_words<TapeError>([&] { tape.resume(); }, {"resume", "throws_test.cpp", "recording"});
}

TEST(TapeMisuse, ResetAndPauseWhileNotRecordingThrow) {
  GradientTape tape;
  tape.stop();
  expect_words<TapeError>([&] { tape.reset(); }, {"reset", "throws_test.cpp", "not recording"});
  expect_words<TapeError>([&] { Pause pause = tape.stop_recording(); },
                          {"stop_recording", "not recording"});
}

TEST(TapeMisuse, WatchingOnASpentTapeThrows) {
  Tensor x = Tensor(2);
  GradientTape tape;
  tape.watch(x);
  tape.gradient(x * x, x);
  expect_words<TapeError>([&] { tape.watch(x); }, {"watch", "throws_test.cpp", "spent"});
}

TEST(TapeMisuse, EmptyTensorsAreNamedAndLoseNothing) {
  Variable w(Tensor(3), "w");
  Tensor empty;
  GradientTape tape;
  Tensor y = w * w;
  expect_words<Error>([&] { tape.gradient(empty, w); }, {"gradient", "throws_test.cpp", "empty"});
  expect_words<Error>([&] { tape.gradient(y, {Source(w), Source(empty)}); }, {"gradient", "empty"});
  expect_words<Error>([&] { tape.watch(empty); }, {"watch", "throws_test.cpp", "empty"});
  expect_words<Error>([&] { empty + 1; }, {"add", "throws_test.cpp", "empty"});
  expect_words<Error>([&] { empty.item<float>(); }, {"item", "throws_test.cpp", "empty"});
  expect_words<Error>([&] { w.assign(empty); }, {"assign", "throws_test.cpp", "empty"});
  expect_words<Error>([&] { run({y, empty}); }, {"run", "empty"});
  expect_words<Error>([&] { empty.shape(); }, {"shape at throws_test.cpp:", "empty"});
  expect_words<Error>([&] { empty.dtype(); }, {"dtype at throws_test.cpp:", "empty"});
  expect_words<Error>([&] { empty.device(); }, {"device at throws_test.cpp:", "empty"});
  expect_words<Error>([&] { empty.rank(); }, {"shape at throws_test.cpp:", "empty"});
  expect_words<Error>([&] { empty.size(); }, {"shape at throws_test.cpp:", "empty"});
  expect_words<Error>([&] { empty.to_vector<float>(); },
                      {"to_vector at throws_test.cpp:", "empty"});
  EXPECT_EQ(tape.gradient(y, w)->item<float>(), 6);
}

TEST(TapeMisuse, NoTargetsThrows) {
  Variable w(Tensor(3), "w");
  GradientTape tape;
  const std::vector<Tensor> none;
  expect_words<TapeError>([&] { tape.gradient(none, {w}); }, {"gradient", "no targets"});
}

TEST(VariableMisuse, AssignChecksShapeAndDtypeAndLeavesTheValue) {
  Variable w(Tensor::from({1.0F, 2.0F}), "weights");
  expect_words<ShapeError>([&] { w.assign(zeros({3})); },
                           {"assign", "throws_test.cpp", "weights", "(2,)", "(3,)"});
  expect_words<DTypeError>([&] { w.assign(zeros({2}, DType::f64)); },
                           {"assign", "weights", "f32", "f64"});
  expect_words<ShapeError>([&] { w.assign_add(zeros({3})); }, {"throws_test.cpp"});
  EXPECT_EQ(w.read().to_vector<float>(), (std::vector<float>{1, 2}));
}

TEST(ReadMisuse, ItemOfManyAndVectorOfAnotherTypeThrow) {
  Tensor x = Tensor::from({1.0F, 2.0F});
  expect_words<ShapeError>([&] { x.item<float>(); }, {"item", "throws_test.cpp", "(2,)"});
  expect_words<DTypeError>([&] { x.to_vector<double>(); },
                           {"to_vector", "throws_test.cpp", "f64", "f32"});
  expect_words<ShapeError>(
      [&] {
        Tensor::from({1.0F, 2.0F}, {3});
      },
      {"from", "throws_test.cpp", "2 values", "(3,)"});
}

TEST(DeviceMisuse, ADeviceThatIsNotThereSaysWhy) {
  for (const int index : {7, 1000, -3}) {
    const std::string text = "cuda:" + std::to_string(index) + " is not available: ";
    expect_words<DeviceError>([&] { Device::cuda(index); },
                              {"Device::cuda at throws_test.cpp:", text.c_str()});
  }
}

TEST(OptimMisuse, WrongCountsShapesAndDtypesThrowAndChangeNothing) {
  Variable w(ones({2}), "w"), v(ones({3}), "v"), d(ones({2}, DType::f64), "d");
  optim::Adam adam;
  optim::Sgd sgd;
  GradientTape tape({.persistent = true});
  const Gradients gradients = tape.gradient(reduce_sum(w * w), {w});
  expect_words<ShapeError>(
      [&] {
        adam.apply(gradients, {w, v});
      },
      {"Adam::apply", "throws_test.cpp", "1", "2"});
  expect_words<ShapeError>([&] { sgd.apply(gradients, {v}); },
                           {"Sgd::apply", "'v'", "(3,)", "(2,)"});
  expect_words<DTypeError>([&] { sgd.apply(gradients, {d}); }, {"'d'", "f64", "f32"});
  EXPECT_EQ(v.read().to_vector<float>(), (std::vector<float>{1, 1, 1}));
}

TEST(OptimMisuse, AVariableListedTwiceThrows) {
  Variable w(Tensor(1), "w");
  GradientTape tape;
  const Gradients gradients = tape.gradient(w * 3, {w, w});
  expect_words<Error>(
      [&] {
        optim::Sgd().apply(gradients, {w, w});
      },
      {"Sgd::apply", "'w'", "twice"});
}

TEST(VariableMisuse, AMovedFromVariableIsStillAHandle) {
  Variable v(Tensor(1), "v");
  Variable w = std::move(v);
  EXPECT_EQ(v.name(), "v");  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(v.same_cell(w));
}

TEST(ReadMisuse, ItemOutOfRangeIsTheNearest) {
  EXPECT_EQ(Tensor(1e20).item<int>(), std::numeric_limits<int>::max());
  EXPECT_EQ(Tensor(-1e20).item<std::int64_t>(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(Tensor(std::numeric_limits<double>::quiet_NaN()).item<int>(), 0);
}

TEST(ReadMisuse, OfMoreThanThereIsMemoryForIsOutOfMemory) {
  expect_words<OutOfMemory>([] { ones({std::int64_t{1} << 44}).to_vector<float>(); },
                            {"64.0 TiB", "throws_test.cpp"});
}

TEST(AxisMisuse, AnAxisThatNoIntHoldsIsNotCutDown) {
  Tensor x = ones({2, 3});
  expect_words<ShapeError>([&] { reduce_sum(x, std::int64_t{1} << 32); }, {"reduce_sum", "(2, 3)"});
}

TEST(OptimMisuse, AllNoneThrowsWithEveryReason) {
  Variable w(Tensor(1), "w"), v(Tensor(1), "v");
  GradientTape tape;
  Tensor y = floor(w) * 2;
  const Gradients gradients = tape.gradient(y, {w, v});
  expect_words<NoGradient>(
      [&] {
        optim::Adam().apply(gradients, {w, v});
      },
      {"Adam::apply", "w: ", "floor", "v: ", "Nothing recorded uses"});
}

TEST(BackendMisuse, BuilderChecksAndStaysAsItWas) {
  TapeBuilder builder;
  const Ref a = builder.input(DType::f32, {2, 3}, "a");
  const Ref b = builder.input(DType::f64, {2, 3}, "b");
  const Ref c = builder.input(DType::f32, {4}, "c");
  const std::uint32_t size = builder.size();
  expect_words<DTypeError>(
      [&] {
        builder.apply(Op::add, {a, b});
      },
      {"add", "throws_test.cpp", "f32", "f64"});
  expect_words<ShapeError>([&] { builder.apply(Op::add, {a, c}); }, {"add", "(2, 3)", "(4,)"});
  expect_words<ShapeError>([&] { builder.apply(Op::add, {a}); }, {"add", "2 operands", "got 1"});
  expect_words<ShapeError>(
      [&] {
        builder.apply(Op::matmul, {a, a});
      },
      {"matmul", "(2, 3) x (2, 3)"});
  expect_words<Error>([&] { builder.apply(Op::add, {a, Ref{77}}); }, {"add", "no value 77"});
  expect_words<Error>([&] { builder.apply(Op::input, {}); }, {"input"});
  EXPECT_EQ(builder.size(), size);
  const Ref sum = builder.apply(Op::add, {a, a});
  EXPECT_EQ(std::move(builder).finish({sum}).size(), size + 1);
}

TEST(BackendMisuse, ExecutableChecksItsBuffersBeforeAnythingRuns) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {4}, "x");
  const Ref y = builder.apply(Op::mul, {x, x});
  const Executable executable = compile(
      std::move(builder).finish({y}), {.device = Device::cpu(), .sources = {x}, .gradients = true});
  std::vector<float> in(4, 3), out(4), slope(4);
  const Buffer input{in.data(), 16}, value{out.data(), 16}, gradient{slope.data(), 16};
  const std::int64_t ran = counters(Device::cpu()).runs;
  expect_words<ShapeError>(
      [&] {
        executable.run({}, {}, {value, gradient});
      },
      {"Executable::run", "throws_test.cpp", "0 input buffers for 1"});
  expect_words<ShapeError>([&] { executable.run({}, {input}, {value}); },
                           {"1 output buffers for 2"});
  expect_words<ShapeError>(
      [&] {
        executable.run({}, {Buffer{in.data(), 12}}, {value, gradient});
      },
      {"input buffer 0", "12 bytes", "f32 (4,)", "16"});
  expect_words<ShapeError>(
      [&] {
        executable.run({}, {input}, {value, Buffer{nullptr, 16}});
      },
      {"output buffer 1"});
  EXPECT_EQ(counters(Device::cpu()).runs, ran);
  executable.run({}, {input}, {value, gradient});
  EXPECT_EQ(out, std::vector<float>(4, 9));
  EXPECT_EQ(slope, std::vector<float>(4, 6));
  EXPECT_THROW(Executable().run({}, {}, {}), Error);
}

TEST(BackendMisuse, CompileChecksSourcesAndSeeds) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {4}, "x");
  const Ref seed = builder.input(DType::f32, {3}, "seed");
  const Ref y = builder.apply(Op::mul, {x, x});
  const Tape tape = std::move(builder).finish({y});
  expect_words<Error>([&] { compile(tape, {.sources = {Ref{99}}, .gradients = true}); },
                      {"compile", "no value 99"});
  expect_words<Error>([&] { compile(tape, {.sources = {x}}); }, {"gradients is false"});
  expect_words<ShapeError>(
      [&] { compile(tape, {.sources = {x}, .gradients = true, .output_gradients = {seed}}); },
      {"output gradient 0", "(3,)", "(4,)"});
}

TEST(ShapeMisuse, MoreThanEightAxesNameTheLine) {
  const std::vector<int> nine(9, 1);
  const Tensor x = ones({1, 1, 1, 1, 1, 1, 1, 1});
  const std::initializer_list<const char*> shape = {"Shape at throws_test.cpp:", "9", "8"};
  expect_words<ShapeError>([] { Shape(1, 1, 1, 1, 1, 1, 1, 1, 1); }, shape);
  expect_words<ShapeError>([] { zeros({1, 1, 1, 1, 1, 1, 1, 1, 1}); }, shape);
  expect_words<ShapeError>([&] { ones(nine); }, shape);
  expect_words<ShapeError>(
      [&] {
        reshape(x, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
      },
      {"Shape at throws_test.cpp:", "10"});
  expect_words<ShapeError>([&] { Shape(x.shape()).push_back(1); }, shape);
  expect_words<ShapeError>(
      [&] {
        reduce_sum(x, {0, 1, 2, 3, 4, 5, 6, 7, 0});
      },
      {"Axes at throws_test.cpp:", "9"});
  expect_words<ShapeError>([&] { Axes axes(nine); }, {"Axes at throws_test.cpp:", "9"});
  expect_words<ShapeError>([&] { stack({x, x}); }, {"stack at throws_test.cpp:", "8"});
  expect_words<ShapeError>([&] { expand_dims(x, 0); }, {"expand_dims at throws_test.cpp:", "8"});
  expect_words<ShapeError>(
      [&] {
        gather(x, Tensor::from({0, 0}, {1, 2}));
      },
      {"gather at throws_test.cpp:", "8"});
}

TEST(ShapeMisuse, AnAxisCountsFromTheEndOrThrows) {
  const Tensor x = ones({2, 3, 5});
  EXPECT_EQ(x.shape()[-1], 5);
  EXPECT_EQ(x.shape()[-3], 2);
  Shape shape = x.shape();
  shape[-1] = 7;
  EXPECT_EQ(shape, Shape(2, 3, 7));
  for (const int axis :
       {3, 9, -4, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
    const std::string text = std::to_string(axis);
    expect_words<ShapeError>([&] { static_cast<void>(x.shape()[axis]); },
                             {"axis", text.c_str(), "(2, 3, 5)"});
    expect_words<ShapeError>([&] { shape[axis] = 1; }, {"axis", text.c_str(), "(2, 3, 7)"});
  }
  expect_words<ShapeError>([] { static_cast<void>(Shape()[0]); }, {"axis 0", "()"});
  expect_words<ShapeError>([] { static_cast<void>(Shape()[-1]); }, {"axis -1", "()"});
  const Axes axes = {4, 6};
  EXPECT_EQ(axes[-1], 6);
  expect_words<ShapeError>([&] { static_cast<void>(axes[2]); }, {"position 2", "2"});
  expect_words<ShapeError>([&] { static_cast<void>(axes[-3]); }, {"position -3"});
  static_assert(Shape{2, 3}[1] == 3);
}

TEST(RandomMisuse, ParametersThatNoDistributionHasThrow) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  expect_words<Error>([] { random::uniform({2}, 3, 1); },
                      {"uniform at throws_test.cpp:", "low is 3", "high 1"});
  expect_words<Error>([] { random::uniform({7, 7}, {2}, 3, 1); }, {"uniform at throws_test.cpp:"});
  expect_words<Error>([] { random::uniform({2}, 0, kNaN); },
                      {"uniform at throws_test.cpp:", "nan"});
  expect_words<Error>([] { random::uniform({2}, -kInfinity, 0); }, {"uniform", "inf"});
  expect_words<Error>([] { random::uniform({2}, -1e308, 1.7e308); }, {"uniform"});
  expect_words<Error>([] { random::uniform({2}, 0, 1e300); }, {"uniform", "finite in f32"});
  expect_words<Error>([] { random::normal({2}, 0, 1e5, DType::f16); }, {"normal", "finite in f16"});
  expect_words<Error>([] { random::normal({2}, 0, -1); }, {"normal at throws_test.cpp:", "-1"});
  expect_words<Error>([] { random::normal({2}, kNaN, 1); }, {"normal at throws_test.cpp:", "nan"});
  expect_words<Error>([] { random::bernoulli({2}, 1.5); },
                      {"bernoulli at throws_test.cpp:", "1.5"});
  expect_words<Error>([] { random::bernoulli({2}, kNaN); },
                      {"bernoulli at throws_test.cpp:", "nan"});
  EXPECT_EQ(random::uniform({2}, 3, 3).to_vector<float>(), std::vector<float>({3, 3}));
}

TEST(OpMisuse, AParameterThatMeansNothingThrows) {
  const Tensor x = ones({2});
  for (const double order : {1.5, -1.0, std::numeric_limits<double>::quiet_NaN(), 1e9})
    expect_words<Error>([&] { polygamma(x, order); },
                        {"polygamma at throws_test.cpp:", "order is"});
  expect_words<Error>([&] { leaky_relu(x, std::numeric_limits<double>::quiet_NaN()); },
                      {"leaky_relu at throws_test.cpp:", "alpha is nan"});
  expect_words<Error>([&] { elu(x, std::numeric_limits<double>::infinity()); },
                      {"elu at throws_test.cpp:", "alpha is inf"});
}

TEST(DtypeMisuse, LiteralsOfTwoDtypesAreExplainedWhereTheyMeet) {
  const char* const hint = "Tensor(1.0) is f32, Tensor::from({1.0}) is f64";
  Variable w(Tensor(1.0), "w"), v(ones({1}), "v");
  expect_words<DTypeError>([&] { v.assign(Tensor::from({1.0})); },
                           {"assign at throws_test.cpp:", "f32", "f64", hint});
  expect_words<DTypeError>([&] { v.assign_add(Tensor::from({1.0})); },
                           {"assign_add at throws_test.cpp:", hint});
  expect_words<DTypeError>([&] { Tensor::from({1.0}).to_vector<float>(); }, {"to_vector at", hint});
  expect_words<DTypeError>([&] { ones({1}).to_vector<double>(); }, {"to_vector at", hint});
  GradientTape tape;
  const Tensor y = w * w;
  expect_words<DTypeError>(
      [&] { tape.gradient(y, w, {.output_gradients = {Tensor::from({1.0}, {})}}); },
      {"gradient at throws_test.cpp:", hint});
  const Gradients gradients = tape.gradient(y, {w});
  Variable d(Tensor::from({1.0}, {}), "d");
  expect_words<DTypeError>([&] { optim::Sgd().apply(gradients, {d}); }, {"Sgd::apply", hint});
  // Of other dtypes there is nothing to say.
  try {
    v.assign(Tensor::from({1}));
    ADD_FAILURE();
  } catch (const DTypeError& error) {
    EXPECT_EQ(std::string(error.what()).find("Tensor(1.0)"), std::string::npos);
  }
}

TEST(GradientOfACaller, HasAValueAndSaysWhoMadeIt) {
  const Tensor t = Tensor::from({1.0F, 2.0F});
  const int line = __LINE__ + 1;
  const Gradient made = Gradient::of(t);
  EXPECT_EQ(made->to_vector<float>(), std::vector<float>({1, 2}));
  EXPECT_EQ(made.why().cause, Cause::made_by_caller);
  ASSERT_TRUE(made.why().where.has_value());
  EXPECT_EQ(made.why().where->line(), static_cast<unsigned>(line));
  const std::string place = "throws_test.cpp:" + std::to_string(line);
  EXPECT_NE(made.why().text.find("Gradient::of at " + place), std::string::npos);
  EXPECT_NE(made.source().find(place), std::string::npos);
  expect_words<Error>([] { Gradient::of(Tensor()); },
                      {"Gradient::of at throws_test.cpp:", "empty"});

  Variable w(Tensor::from({1.0F, 2.0F}), "w");
  optim::Sgd({.learning_rate = 1}).apply(Gradients({made}), {w});
  EXPECT_EQ(w.read().to_vector<float>(), std::vector<float>({0, 0}));
}

TEST(GradientOfACaller, WithoutAReasonExplainsItself) {
  const Tensor t = Tensor::from({1.0F, 2.0F});
  const Gradient given(std::optional<Tensor>(t), nullptr);
  const Gradient none(std::nullopt, nullptr);
  const Gradient made_by_default;
  for (const Gradient& gradient : {given, none, made_by_default}) {
    EXPECT_EQ(gradient.why().cause, Cause::made_by_caller);
    EXPECT_FALSE(gradient.why().text.empty());
    EXPECT_FALSE(gradient.source().empty());
    std::ostringstream alone, table;
    alone << gradient;
    table << Gradients({gradient});
    EXPECT_FALSE(alone.str().empty());
    EXPECT_NE(table.str().find("made_by_caller"), std::string::npos) << table.str();
  }
  expect_words<NoGradient>([&] { none.value(); }, {"made_by_caller", "no tape"});
  expect_words<NoGradient>([&] { none.value_or_zeros(); }, {"made_by_caller"});
  EXPECT_EQ(given.value_or_zeros().to_vector<float>(), std::vector<float>({1, 2}));
  Variable w(ones({2}), "w");
  expect_words<NoGradient>([&] { optim::Adam().apply(Gradients({none}), {w}); },
                           {"Adam::apply", "no tape"});
}

TEST(GradientOfACaller, BeyondTheLastOneThrows) {
  const Gradients two({Gradient::of(Tensor(1)), Gradient::of(Tensor(2))});
  EXPECT_EQ(two[1]->item<float>(), 2);
  for (const std::size_t i : {std::size_t{2}, std::size_t{99}, ~std::size_t{0}}) {
    expect_words<Error>([&] { two[i]; }, {"Gradients", "among 2"});
    expect_words<Error>([&] { two.at(i); }, {"Gradients", "among 2"});
  }
  expect_words<Error>([] { Gradients().front(); }, {"Gradients", "among 0"});
  expect_words<Error>([] { Gradients().back(); }, {"Gradients", "among 0"});
}

TEST(ShapeMisuse, TooManyElementsThrow) {
  EXPECT_THROW(zeros({-1}), ShapeError);
  EXPECT_THROW(zeros({std::int64_t{1} << 40, std::int64_t{1} << 40}), ShapeError);
  EXPECT_THROW(arange(0, 10, 0), ShapeError);
}

}  // namespace
}  // namespace tendon
