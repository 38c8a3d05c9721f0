// Several devices at once. The emulated ones are as many as TENDON_EMULATOR_DEVICES says.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <thread>

#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

class Devices : public OnDevice {
 protected:
  void SetUp() override {
    OnDevice::SetUp();
    int count = 0;
    if (!IsSkipped() && (cudaGetDeviceCount(&count) != cudaSuccess || count < 2))
      GTEST_SKIP() << "one CUDA device";
  }
};

Tensor on(Device device, const std::vector<float>& values) {
  return Tensor::from(values).to(device);
}

Executable squaring(int device) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {4}, "x");
  const Ref y = builder.apply(Op::square, {x});
  return compile(std::move(builder).finish({y, builder.apply(Op::reduce_sum, {y})}),
                 {.device = Device::cuda(device)});
}

TEST_F(Devices, GiveValuesToEachOtherAndToTheCpu) {
  for_each_seed([] {
    const Tensor x = on(Device::cuda(0), {1, 2, 3});
    const Tensor y = (x * 2).to(Device::cuda(1));
    EXPECT_EQ(y.device(), Device::cuda(1));
    const Tensor z = (y + 1).to(Device::cuda(0));
    EXPECT_EQ((z * x).to_vector<float>(), (std::vector<float>{3, 10, 21}));
    EXPECT_EQ(z.to(Device::cpu()).to_vector<float>(), (std::vector<float>{3, 5, 7}));
    EXPECT_TRUE(says(thrown([&] { (x + y).to_vector<float>(); }), {"cuda:0", "cuda:1"}));
  });
}

TEST_F(Devices, TakeAGradientAcross) {
  for_each_seed([] {
    const Variable w(on(Device::cuda(0), {1, 2}), "w");
    GradientTape tape;
    const Tensor loss = reduce_sum(square((w * 3).to(Device::cuda(1))));
    const Tensor slope = tape.gradient(loss, {w})[0].value();
    EXPECT_EQ(slope.device(), Device::cuda(0));
    EXPECT_EQ(slope.to_vector<float>(), (std::vector<float>{18, 36}));
    EXPECT_EQ(loss.item<float>(), 45);
  });
}

TEST_F(Devices, RunAtOnceFromThreadsOfTheirOwn) {
  for_each_seed([] {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([i] {
        const int device = i % 2;
        const Floats x({1, 2, 3, static_cast<float>(i)}, device);
        const Floats y(4, device), sum(1, device);
        const Executable executable = squaring(device);
        for (int round = 0; round < 4; ++round)
          executable.run(Stream(), {x.buffer()}, {y.buffer(), sum.buffer()});
        synchronize(Device::cuda(device));
        EXPECT_EQ(y.values()[2], 9);
        EXPECT_EQ(sum.values()[0], static_cast<float>(14 + i * i));
        int current = -1;
        EXPECT_EQ(cudaGetDevice(&current), cudaSuccess);
        EXPECT_EQ(current, 0) << "the caller's device was changed";
        const Tensor t = on(Device::cuda(device), {1, 2});
        EXPECT_EQ((exp(t) * 0 + t).to_vector<float>(), (std::vector<float>{1, 2}));
      });
    }
  });
}

TEST_F(Devices, AreOfUseFromAThreadWhoseDeviceIsAnother) {
  TENDON_CUDA_CHECK(cudaSetDevice(1));
  const Floats x({1, 2, 3, 4}, 0), y(4, 0), sum(1, 0);
  {
    const Executable executable = squaring(0);
    executable.run(Stream(), {x.buffer()}, {y.buffer(), sum.buffer()});
  }
  EXPECT_EQ(sum.values()[0], 30);
  EXPECT_EQ(on(Device::cuda(0), {1, 2}).to_vector<float>()[1], 2);
  int current = -1;
  EXPECT_EQ(cudaGetDevice(&current), cudaSuccess);
  EXPECT_EQ(current, 1);
  TENDON_CUDA_CHECK(cudaSetDevice(0));
}

TEST_F(Devices, RefuseBuffersAndStreamsOfEachOther) {
  const Floats here({1, 2, 3, 4}, 0), there({1, 2, 3, 4}, 1), y(4, 0), sum(1, 0);
  const Executable executable = squaring(0);
  const auto run = [&](Stream stream, Buffer from, Buffer into) {
    return thrown([&] { executable.run(stream, {from}, {into, sum.buffer()}); });
  };
  const Buffer wrong{there.data(), 16, Device::cuda(0)};
  EXPECT_TRUE(says(run(Stream(), wrong, y.buffer()),
                   {"DeviceError", "devices_test.cpp", "input buffer 0", "cuda:1"}));
  EXPECT_TRUE(says(run(Stream(), here.buffer(), wrong), {"output buffer 0", "cuda:1"}));
  EXPECT_TRUE(says(run(Stream(), there.buffer(), y.buffer()), {"input buffer 0 is on cuda:1"}));
  {
    const DeviceScope scope(1);
    const StreamHandle stream = new_stream();
    EXPECT_TRUE(says(run(Stream(stream.get()), here.buffer(), y.buffer()),
                     {"DeviceError", "the stream is of cuda:1"}));
  }
  EXPECT_EQ(run(Stream(), here.buffer(), y.buffer()), "");
  EXPECT_EQ(sum.values()[0], 30);
}

TEST_F(Devices, AreUsableAfterAnotherIsLost) {
  if (!is_emulated()) GTEST_SKIP() << "no device can be lost";
  const Tensor x = on(Device::cuda(1), {1, 2}), y = on(Device::cuda(0), {3, 4});
  {
    const FailingCall fails("kernel", 1, cudaErrorIllegalAddress);
    EXPECT_TRUE(says(thrown([&] { exp(x).to_vector<float>(); }),
                     {"DeviceError 700", "last on cuda:1", "exp at devices_test.cpp"}));
  }
  EXPECT_EQ((y * 2).to_vector<float>(), (std::vector<float>{6, 8}));
  EXPECT_TRUE(says(thrown([&] { x.to_vector<float>(); }), {"DeviceError 700"}));
  revive();
}

}  // namespace
}  // namespace tendon::cuda
