// Tensors on several devices: where they lie, how they move, and what is said where a device is
// missing. The devices are fake ones (fake_cuda.cpp).
#include <gtest/gtest.h>
#include <tendon/backend.h>
#include <tendon/tendon.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <sstream>
#include <thread>

#include "host/record/evaluate.h"
#include "tests/support/numeric.h"

namespace tendon {
namespace {

// Before anything asks for a device. A program that is told nothing else computes on the CPU, and
// has faked devices beside it.
const bool kIsSet = setenv("TENDON_CUDA_LIBRARY", TENDON_FAKE_CUDA, 0) == 0 &&
                    setenv("TENDON_DEVICE", "cpu", 0) == 0;

using Floats = std::vector<float>;

const Device kCpu = Device::cpu();
Device gpu(int index = 0) { return Device::cuda(index); }

// Where there are no two CUDA devices, faked, emulated or real, there is nothing to show.
class TwoDevices : public testing::Test {
 protected:
  void SetUp() override {
    if (Device::available().size() < 3) GTEST_SKIP() << "no two CUDA devices";
  }
};
class Devices : public TwoDevices {};
class Placement : public TwoDevices {};
class Move : public TwoDevices {};
class GradientAcrossDevices : public TwoDevices {};
class VariablesOnADevice : public TwoDevices {};
class ExecutableOnADevice : public TwoDevices {};

// What is made while it lives lies on the device.
class Default {
 public:
  explicit Default(Device device) : before_(default_device()) { set_default_device(device); }
  Default(const Default&) = delete;
  Default& operator=(const Default&) = delete;
  ~Default() { set_default_device(before_); }

 private:
  Device before_;
};

Tensor on(Device device, const Floats& values) {
  const Default made(device);
  return Tensor::from(values);
}

std::string thrown(const std::function<void()>& call) {
  try {
    call();
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

void says(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words)
    EXPECT_NE(text.find(word), std::string::npos) << text << " lacks " << word;
}

using Environment = std::vector<std::pair<const char*, const char*>>;

// In a process of its own with these variables, since the library is opened once, the call throws a
// DeviceError that says so.
void expect_thrown(const Environment& variables, const std::function<void()>& call,
                   const char* words) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto report = [&] {
    for (const auto& [name, value] : variables) setenv(name, value, 1);
    std::cerr << thrown(call);
    std::exit(0);
  };
  EXPECT_EXIT(report(), testing::ExitedWithCode(0), words);
}

const std::function<void()> kAskForCuda = [] { Device::cuda(); };
const std::function<void()> kMakeATensor = [] { Tensor(1); };

TEST(MissingDevice, IsForWantOfTheLibrary) {
  expect_thrown({{"TENDON_CUDA_LIBRARY", "/nonexistent"}}, kAskForCuda,
                "cuda:0 is not available: .*cannot be opened: /nonexistent");
}

TEST(MissingDevice, LeavesTheCpu) {
  const auto check = [] {
    const bool is_cpu_alone = Device::best() == kCpu && Device::available().size() == 1 &&
                              default_device() == kCpu && (Tensor(1) + 1).item<float>() == 2;
    if (is_cpu_alone) throw DeviceError("the CPU alone");
  };
  expect_thrown({{"TENDON_CUDA_LIBRARY", "/nonexistent"}, {"TENDON_DEVICE", ""}}, check,
                "the CPU alone");
}

TEST(MissingDevice, IsForALibraryThatIsAnother) {
  expect_thrown({{"TENDON_CUDA_LIBRARY", "libm.so.6"}}, kAskForCuda,
                "libm.so.6 is not tendon's CUDA executor");
}

TEST(MissingDevice, IsForALibraryOfAnotherVersion) {
  expect_thrown({{"TENDON_FAKE_CUDA_VERSION", "1000"}}, kAskForCuda,
                "of another version of tendon: 1000");
}

TEST(MissingDevice, IsForWhatTheLibrarySays) {
  expect_thrown({{"TENDON_FAKE_CUDA_DEVICES", "0"}}, kAskForCuda,
                "cuda:0 is not available: the fake driver is too old");
}

TEST(MissingDevice, IsBeyondThoseThereAre) {
  says(thrown([] { Device::cuda(2); }), {"cuda:2 is not available", "there are 2 CUDA devices"});
  says(thrown([] { Device::cuda(-1); }), {"cuda:-1 is not available", "there are 2 CUDA devices"});
}

TEST(MissingDevice, IsTheSecondOfOne) {
  expect_thrown(
      {{"TENDON_FAKE_CUDA_DEVICES", "1"}}, [] { Device::cuda(1); }, "there is 1 CUDA device,");
}

TEST(MissingDevice, IsOneThatCannotBeUsed) {
  const Environment broken = {{"TENDON_FAKE_CUDA_BROKEN", "1"}, {"TENDON_DEVICE", "cpu"}};
  expect_thrown(
      broken, [] { set_default_device(Device::cuda(1)); },
      "cuda:1 is not available: the fake device is broken");
  expect_thrown(
      broken, [] { zeros({2}).to(Device::cuda(1)); }, "the fake device is broken");
}

TEST(MissingDevice, IsToldToWhoNamesItInTheEnvironment) {
  expect_thrown({{"TENDON_DEVICE", "cuda:7"}}, kMakeATensor, "cuda:7 is not available");
  expect_thrown({{"TENDON_DEVICE", "tpu"}}, kMakeATensor, "TENDON_DEVICE is 'tpu'");
}

TEST_F(Devices, MayBeChosenInTheEnvironment) {
  const auto check = [] {
    const Device second = Device::cuda(1);
    if (default_device() == second && Tensor(1).device() == second) throw DeviceError("it is");
  };
  expect_thrown({{"TENDON_DEVICE", "cuda:1"}}, check, "it is");
}

TEST_F(Devices, AreListedTheBestAfterTheCpu) {
  EXPECT_EQ(Device::available(), (std::vector<Device>{kCpu, gpu(0), gpu(1)}));
  EXPECT_EQ(Device::best(), gpu());
  std::ostringstream printed;
  printed << kCpu << ' ' << gpu(1);
  EXPECT_EQ(printed.str(), "cpu cuda:1");
}

TEST_F(Placement, IsTheDefaultDeviceForWhatAProgramMakes) {
  const Default device(gpu(1));
  for (const Tensor& made :
       {Tensor(2), Tensor::from({1.0F, 2.0F}), zeros({2}), full({2}, 3), arange(4), eye(2),
        linspace(0, 1, 3), random::normal({3}), random::bernoulli({3}, 0.5), exp(2.0),
        Variable(ones({2}), "w").read()}) {
    EXPECT_EQ(made.device(), gpu(1));
  }
  EXPECT_EQ(arange(4).to_vector<float>(), (Floats{0, 1, 2, 3}));
}

TEST_F(Placement, OfAResultIsThatOfTheOperands) {
  const Tensor x = on(gpu(), {1, 2, 3});
  const Tensor y = reduce_sum(exp(x * 2 - 1) + where(x > 2, 5, x));
  EXPECT_EQ(y.device(), gpu());
  EXPECT_EQ(zeros_like(x).device(), gpu());
  EXPECT_EQ((zeros_like(x) + x).to_vector<float>(), (Floats{1, 2, 3}));
  EXPECT_EQ(softmax(x, 0).device(), gpu());
  EXPECT_EQ(x.cast(DType::f64).device(), gpu());
}

TEST_F(Placement, OfANumberIsThatOfTheTensorBeside) {
  const std::int64_t big = (std::int64_t{1} << 62) + 1;
  const Tensor x = on(gpu(), {1, 2, 3}).cast(DType::i64);
  EXPECT_EQ((x + big).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{big + 1, big + 2, big + 3}));
  EXPECT_EQ(where(x > 1, 7, 8).to_vector<std::int32_t>(), (std::vector<std::int32_t>{8, 7, 7}));
}

TEST_F(Placement, OfOperandsMustBeOne) {
  const Tensor x = on(kCpu, {1, 2});
  const Tensor y = on(gpu(), {3, 4});
  says(thrown([&] { x + y; }), {"add at device_test.cpp", "cpu and cuda:0"});
  says(thrown([&] { concat({y, x}, 0); }), {"concat at device_test.cpp", "cuda:0 and cpu"});
  says(thrown([&] { where(x > 0, x, y); }), {"where at device_test.cpp"});
  says(thrown([&] { matmul(x, y.to(gpu(1))); }), {"matmul at device_test.cpp", "cuda:1"});
  EXPECT_EQ((x + y.to(kCpu)).to_vector<float>(), (Floats{4, 6}));
}

TEST_F(Placement, LeavesTheTapeWholeWhereItIsWrong) {
  const Variable w(on(gpu(), {1, 2}), "w");
  GradientTape tape;
  const Tensor y = w * w;
  EXPECT_THROW(y + on(kCpu, {1, 2}), DeviceError);
  EXPECT_THROW(tape.gradient(y, w, {.output_gradients = {on(kCpu, {1, 1})}}), DeviceError);
  EXPECT_EQ(tape.gradient(y, w)->to_vector<float>(), (Floats{2, 4}));
}

TEST_F(Move, LeavesTheHistoryOfANonFiniteValueInPlace) {
  const Tensor x = on(gpu(), {1, -1});
  const Tensor y = sqrt(x);
  const std::uint32_t line = Place::current().line() - 1;
  const Tensor held = y.to(kCpu);
  for (const Tensor& moved : {held, y.to(gpu(1)).to(kCpu), held * 2.0}) {
    const std::optional<NonFinite> found = why_not_finite(moved);
    ASSERT_TRUE(found.has_value());
    says(found->text, {"sqrt at device_test.cpp", "made nan at element (1,)", "from -1"});
    ASSERT_TRUE(found->where.has_value());
    EXPECT_EQ(found->where->line(), line);
  }
}

TEST_F(Move, ToTheSameDeviceIsTheTensorItself) {
  const Tensor x = on(gpu(), {1, 2});
  EXPECT_EQ(x.to(gpu()).node(), x.node());
}

TEST_F(Move, ComputesNothingUntilAValueIsAskedFor) {
  const Counters before = counters(gpu());
  const Tensor x = (on(kCpu, {1, 2}) + 1).to(gpu());
  const Tensor y = (x * x).to(gpu(1)).to(kCpu);
  EXPECT_EQ(counters(gpu()).bytes_allocated, before.bytes_allocated);
  EXPECT_EQ(y.to_vector<float>(), (Floats{4, 9}));
  EXPECT_EQ(counters(gpu()).runs, before.runs + 1);
  EXPECT_EQ(x.to_vector<float>(), (Floats{2, 3}));  // kept
  EXPECT_EQ(counters(gpu()).runs, before.runs + 1);
  EXPECT_EQ(counters(gpu()).host_reads, before.host_reads + 1);
}

TEST_F(Move, OfWhatHasNoElements) {
  EXPECT_EQ((on(kCpu, {}) + 1).to(gpu()).to(gpu(1)).to_vector<float>(), Floats());
}

TEST_F(Move, ReadsAndPrintsFromAnyDevice) {
  const Tensor x = on(gpu(), {1, 2});
  EXPECT_EQ(reduce_sum(x).item<float>(), 3);
  std::ostringstream printed;
  printed << x << x.to(kCpu) << Variable(x, "w");
  EXPECT_EQ(printed.str(),
            "Tensor f32 (2,) [1, 2]Tensor f32 (2,) [1, 2]"
            "Variable 'w' Tensor f32 (2,) [1, 2]");
}

TEST_F(Move, ToAndFroManyTimesTakesNoRecursion) {
  Tensor x = on(kCpu, {0});
  for (int i = 0; i < 20'000; ++i) x = (x + 1).to(i % 2 == 0 ? gpu() : kCpu);
  EXPECT_EQ(x.to_vector<float>(), (Floats{20'000}));
}

TEST_F(Move, IsAskedOfSeveralDevicesAtOnce) {
  const Tensor x = exp(on(kCpu, {1, 2}));
  const Tensor y = x.to(gpu()) * 2;
  const Tensor z = y.to(gpu(1)) + x.to(gpu(1));
  run({x, z, y, z.to(kCpu)});
  EXPECT_TRUE(test::near(test::values(z), test::values(x * 3), 1e-6));
}

TEST_F(Move, IsDescribedBeforeItRuns) {
  const Tensor x = exp(on(kCpu, {1, 2}));
  const PlanSummary summary = describe({tanh(x.to(gpu()))});
  EXPECT_EQ(summary.ops, 2);
  EXPECT_EQ(summary.launches, 2);
  ASSERT_EQ(summary.kernels.size(), 2U);
  EXPECT_NE(summary.kernels[0].find("exp"), std::string::npos) << summary;
  EXPECT_NE(summary.kernels[1].find("tanh"), std::string::npos) << summary;
  EXPECT_EQ(describe({x.to(gpu())}).ops, 1);
}

TEST_F(Move, FreesItsMemoryWithTheLastHandle) {
  const std::int64_t before = counters(gpu()).bytes_allocated;
  {
    const Tensor x = on(kCpu, Floats(100, 0)).to(gpu());
    EXPECT_EQ((x + 1).to(kCpu).to_vector<float>(), Floats(100, 1));
    EXPECT_EQ(counters(gpu()).bytes_allocated, before + 400);
  }
  EXPECT_EQ(counters(gpu()).bytes_allocated, before);
}

TEST_F(Move, MayBeAskedForByManyThreads) {
  for (int round = 0; round < 20; ++round) {
    const Tensor x = exp(on(kCpu, {1, 2, 3})).to(gpu());
    const Tensor y = (x * 2).to(kCpu);
    std::vector<Floats> values(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < values.size(); ++i)
      threads.emplace_back([&, i] { values[i] = (i % 2 == 0 ? y : y + 0).to_vector<float>(); });
    for (std::thread& thread : threads) thread.join();
    for (const Floats& other : values) EXPECT_EQ(other, values[0]);
  }
}

// x^2 on one device, times x on another, and x on the first again: 3 x^2 + 1.
Tensor winding(const Tensor& x) {
  const Device home = x.device();
  const Device away = home == kCpu ? gpu() : kCpu;
  const Tensor there = square(x.to(away));
  return reduce_sum((there * x.to(away)).to(home) + x);
}

TEST_F(GradientAcrossDevices, GoesBackToTheDeviceOfTheSource) {
  for (const Device home : {kCpu, gpu(), gpu(1)}) {
    const Tensor x = on(home, {1, 2, 3});
    GradientTape tape;
    tape.watch(x);
    const Gradient gradient = tape.gradient(winding(x), x);
    ASSERT_TRUE(gradient) << gradient.why();
    EXPECT_EQ(gradient->device(), home);
    EXPECT_EQ(gradient->to_vector<float>(), (Floats{4, 13, 28}));
    EXPECT_EQ(gradient.why().cause, Cause::connected);
  }
}

TEST_F(GradientAcrossDevices, IsRecordedByOuterTapes) {
  const Tensor x = on(gpu(), {1, 2, 3});
  GradientTape outer;
  outer.watch(x);
  GradientTape inner;
  inner.watch(x);
  const Tensor first = *inner.gradient(winding(x), x);
  const Gradient second = outer.gradient(first, x);
  ASSERT_TRUE(second) << second.why();
  EXPECT_EQ(second->to_vector<float>(), (Floats{6, 12, 18}));
  EXPECT_EQ(second->device(), gpu());
}

TEST_F(GradientAcrossDevices, OfWhatOnlyMovesIsASeedThatMoved) {
  const Tensor x = on(kCpu, {1, 2});
  GradientTape tape({.persistent = true});
  tape.watch(x);
  const Tensor y = x.to(gpu());
  tape.stop();
  EXPECT_EQ(tape.gradient(y, x)->to_vector<float>(), (Floats{1, 1}));
  EXPECT_EQ(tape.gradient(y, x)->device(), kCpu);
  const Gradient given = tape.gradient(y, x, {.output_gradients = {on(gpu(), {5, 6})}});
  EXPECT_EQ(given->device(), kCpu);
  EXPECT_EQ(given->to_vector<float>(), (Floats{5, 6}));
}

TEST_F(GradientAcrossDevices, SumsTargetsOfSeveral) {
  const Tensor x = on(kCpu, {1, 2});
  const Tensor y = on(gpu(), {3, 4});
  GradientTape tape;
  tape.watch({x, y});
  const Tensor here = reduce_sum(x * y.to(kCpu));
  const Tensor there = reduce_sum(square(y) * x.to(gpu()));
  const Gradients gradients = tape.gradient({here, there}, {x, y});
  EXPECT_EQ(gradients[0]->to_vector<float>(), (Floats{3 + 9, 4 + 16}));
  EXPECT_EQ(gradients[1]->to_vector<float>(), (Floats{1 + 2 * 3 * 1, 2 + 2 * 4 * 2}));
  EXPECT_EQ(gradients[0]->device(), kCpu);
  EXPECT_EQ(gradients[1]->device(), gpu());
  std::ostringstream table;
  table << gradients;
  EXPECT_NE(table.str().find("connected"), std::string::npos);
}

TEST_F(GradientAcrossDevices, IsNoneByTheSameRule) {
  const Tensor x = on(gpu(), {1, 2});
  const Tensor unused = on(gpu(1), {1, 2});
  GradientTape tape({.persistent = true});
  tape.watch({x, unused});
  const Tensor y = reduce_sum(stop_gradient(x.to(kCpu)) * 2);
  const Tensor z = reduce_sum(x);
  tape.stop();
  EXPECT_EQ(tape.gradient(y, x).why().cause, Cause::cut_by_stop_gradient);
  const Gradient none = tape.gradient(z, unused);
  EXPECT_FALSE(none);
  EXPECT_EQ(none.value_or_zeros().device(), gpu(1));
  const Gradient zero = tape.gradient(z, unused, {.unconnected = Unconnected::zero});
  EXPECT_EQ(zero->device(), gpu(1));
  EXPECT_EQ(zero->to_vector<float>(), (Floats{0, 0}));
}

TEST_F(GradientAcrossDevices, IsCutWhereValuesWentThroughTheHost) {
  const Tensor x = on(gpu(), {1.25F, 2});
  GradientTape tape;
  tape.watch(x);
  const Tensor back = on(gpu(), exp(x).to_vector<float>());
  EXPECT_EQ(tape.gradient(reduce_sum(back), x).why().cause, Cause::cut_by_host_read);
}

TEST_F(VariablesOnADevice, TakeValuesOfThatDevice) {
  Variable w(on(gpu(), {1, 2}), "w");
  says(thrown([&] {
         w.assign(on(kCpu, {3, 4}));
       }),
       {"assign at device_test.cpp", "variable 'w' is on cuda:0, the value on cpu"});
  EXPECT_THROW(w.assign_add(on(kCpu, {3, 4})), DeviceError);
  w.assign(on(kCpu, {3, 4}).to(gpu()));
  w.assign_sub(w * 0.5);
  EXPECT_EQ(w.read().to_vector<float>(), (Floats{1.5, 2}));
  w.assign(w.read() + 1);
  EXPECT_EQ(w.read().to(kCpu).to_vector<float>(), (Floats{2.5, 3}));
}

// A layer on each of two devices, trained for some steps; the losses.
template <class Optimizer>
Floats train(Optimizer optimizer, Device first, Device second) {
  const Tensor x = random::normal({1, 1}, {4, 5}).to(first);
  const Tensor y = random::normal({1, 2}, {4, 3}).to(second);
  const Variable w1(random::normal({7, 1}, {5, 8}).to(first), "w1");
  const Variable w2(random::normal({7, 2}, {8, 3}).to(second), "w2");
  Floats losses;
  for (int step = 0; step < 5; ++step) {
    GradientTape tape;
    const Tensor hidden = tanh(matmul(x, w1)).to(second);
    const Tensor loss = reduce_mean(square(matmul(hidden, w2) - y));
    optimizer.apply(tape.gradient(loss, {w1, w2}), {w1, w2});
    EXPECT_EQ(w1.read().device(), first);
    EXPECT_EQ(w2.read().device(), second);
    losses.push_back(loss.item<float>());
  }
  return losses;
}

void expect_near(const Floats& got, const Floats& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5F * want[i]);
}

TEST_F(VariablesOnADevice, AreTrainedThereAndAcrossDevices) {
  const auto sgd = [](Device first, Device second) {
    return train(optim::Sgd({.learning_rate = 0.1, .momentum = 0.9}), first, second);
  };
  const auto adam = [](Device first, Device second) {
    return train(optim::Adam({.learning_rate = 0.1}), first, second);
  };
  for (const auto& [first, second] :
       {std::pair(gpu(), gpu()), std::pair(kCpu, gpu()), std::pair(gpu(1), gpu())}) {
    expect_near(sgd(first, second), sgd(kCpu, kCpu));
    expect_near(adam(first, second), adam(kCpu, kCpu));
  }
}

TEST_F(VariablesOnADevice, TakeNoGradientThatLiesElsewhere) {
  const Variable here(on(kCpu, {1, 2}), "here"), there(on(gpu(), {1, 2}), "there");
  GradientTape tape;
  const Tensor loss = reduce_sum(square(here) + square(there.read().to(kCpu)));
  const Gradients gradients = tape.gradient(loss, {there, here});
  says(thrown([&] {
         optim::Sgd().apply(gradients, {here, there});
       }),
       {"Sgd::apply", "device_test.cpp", "'here' is on cpu, its gradient on cuda:0"});
  EXPECT_EQ(here.read().to_vector<float>(), (Floats{1, 2}));
}

TEST_F(ExecutableOnADevice, RunsOnItsBuffers) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {2});
  const Tape tape =
      std::move(builder).finish({builder.apply(Op::mul, {x, builder.apply(Op::exp, {x})})});
  const Executable executable = compile(tape, {.device = gpu(), .sources = {x}, .gradients = true});

  plan::Backend& backend = record::backend_of(gpu());
  const auto buffer = [&] { return Buffer{backend.allocate(8, "test", Place()), 8, gpu()}; };
  const Buffer in = buffer();
  const std::vector<Buffer> out = {buffer(), buffer()};
  const Floats at = {0, 1};
  backend.copy_from_host(in.data, at.data(), 8);
  executable.run(Stream(), {&in, 1}, out);
  synchronize(gpu());
  Floats values(2);
  backend.copy_to_host(values.data(), out[1].data, 8);
  EXPECT_EQ(values[0], 1);
  EXPECT_FLOAT_EQ(values[1], 2 * std::exp(1.0F));

  const Buffer elsewhere{values.data(), 8, kCpu};
  says(thrown([&] {
         executable.run(Stream(), {&elsewhere, 1}, out);
       }),
       {"Executable::run at device_test.cpp", "input buffer 0 is on cpu, the program on cuda:0"});
  for (const Buffer& used : {in, out[0], out[1]}) backend.deallocate(used.data, 8);
}

TEST(FakeDevice, RefusesMemoryThatIsNotItsOwn) {
  float value = 0;
  float other = 0;
  EXPECT_THROW(record::backend_of(gpu()).copy_to_host(&value, &other, 4), Error);
  const Tensor x = on(gpu(), {1});
  EXPECT_THROW(record::backend_of(gpu(1)).copy_to_host(&value, x.node()->value->data(), 4), Error);
}

}  // namespace
}  // namespace tendon
