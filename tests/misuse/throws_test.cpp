// Wrong calls throw what the headers say, in words that name the call, the place and the shapes,
// and lose nothing.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <functional>
#include <limits>

namespace tendon {
namespace {

// The call throws E, and its message has all the words.
template <class E>
void expect_words(const std::function<void()>& call, std::initializer_list<const char*> words) {
  try {
    call();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const E& error) {
    const std::string text = error.what();
    for (const char* word : words)
      EXPECT_NE(text.find(word), std::string::npos) << text << " lacks " << word;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another type was thrown: " << error.what();
  }
}

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
  EXPECT_THROW(empty.shape(), Error);
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
  expect_words<DeviceError>([] { Device::cuda(1000); }, {"cuda:1000 is not available", "CUDA"});
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

TEST(ShapeMisuse, TooManyAxesOrElementsThrow) {
  EXPECT_THROW(Shape(1, 1, 1, 1, 1, 1, 1, 1, 1), ShapeError);
  EXPECT_THROW(zeros({-1}), ShapeError);
  EXPECT_THROW(zeros({std::int64_t{1} << 40, std::int64_t{1} << 40}), ShapeError);
  EXPECT_THROW(arange(0, 10, 0), ShapeError);
}

}  // namespace
}  // namespace tendon
