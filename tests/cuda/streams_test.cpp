// Runs on the streams of callers: from several threads, in the order of the callers' own work, and
// without waiting.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <barrier>
#include <thread>

#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

using Streams = OnDevice;

constexpr std::int64_t kRows = 12, kColumns = 8;
constexpr std::size_t kCount = kRows * kColumns;

// The sums of the rows of exp(x / 8) v + 1, where v is a literal of halves, and the product. What
// is multiplied lies in an arena; the product's address is an output's, so that each set of buffers
// has a graph of its own.
Tape make_tape() {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {kRows, kColumns}, "x");
  const std::vector<float> halves(kColumns * kColumns, 0.5F);
  const Ref v = builder.constant(std::span<const float>(halves), {kColumns, kColumns});
  const Ref scaled = builder.apply(Op::mul, {x, builder.constant(0.125, DType::f32)});
  const Ref product = builder.apply(Op::matmul, {builder.apply(Op::exp, {scaled}), v});
  const Ref shifted = builder.apply(Op::sub, {product, builder.constant(-1, DType::f32)});
  return std::move(builder).finish(
      {builder.apply(Op::reduce_sum, {shifted}, {.axes = 1}), product});
}

std::vector<float> input(float first) {
  std::vector<float> x;
  for (std::size_t i = 0; i < kCount; ++i) x.push_back(first + 0.25F * static_cast<float>(i % 7));
  return x;
}
void expect_right(const float* got, const std::vector<float>& x) {
  for (std::size_t row = 0; row < kRows; ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < kColumns; ++i)
      sum += std::exp(static_cast<double>(x[row * kColumns + i]) / 8);
    ASSERT_NEAR(got[row], kColumns * (sum / 2 + 1), 1e-3) << row;
  }
}

// Memory of the host that is copied from and to without waiting.
class Pinned {
 public:
  explicit Pinned(const std::vector<float>& values) {
    TENDON_CUDA_CHECK(
        cudaMallocHost(reinterpret_cast<void**>(&data_), values.size() * sizeof(float)));
    std::ranges::copy(values, data_);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() { forget(cudaFreeHost(data_)); }
  float* data() const { return data_; }

 private:
  float* data_ = nullptr;
};

// Copies in, runs and copies out, all on the stream; nothing waits.
struct Work {
  explicit Work(float first)
      : values(input(first)), in(values), out(std::vector<float>(kRows, -1)) {}
  void enqueue(const Executable& executable, cudaStream_t stream) const {
    TENDON_CUDA_CHECK(cudaMemcpyAsync(x.data(), in.data(), kCount * sizeof(float),
                                      cudaMemcpyHostToDevice, stream));
    executable.run(Stream(stream), {x.buffer()}, {y.buffer(), product.buffer()});
    TENDON_CUDA_CHECK(cudaMemcpyAsync(out.data(), y.data(), kRows * sizeof(float),
                                      cudaMemcpyDeviceToHost, stream));
  }
  void check() const { expect_right(out.data(), values); }

  std::vector<float> values;
  Pinned in, out;
  Floats x{kCount}, y{std::size_t{kRows}}, product{kCount};
};

Executable compiled() { return compile(make_tape(), {.device = Device::cuda()}); }

void in_threads(int count, const std::function<void(int)>& body) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&, i] { body(i); });
}

TEST_F(Streams, OfFourThreadsRunOneProgramAtOnce) {
  for_each_seed([] {
    const Executable executable = compiled();
    in_threads(4, [&](int thread) {
      const StreamHandle stream = new_stream();
      const Work first(static_cast<float>(thread)), second(static_cast<float>(-thread));
      for (int round = 0; round < 5; ++round) {
        first.enqueue(executable, stream.get());
        second.enqueue(executable, stream.get());
        TENDON_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
        first.check();
        second.check();
      }
    });
  });
}

TEST_F(Streams, OfOneThreadTakeTurns) {
  for_each_seed([] {
    const Executable executable = compiled();
    std::vector<StreamHandle> streams;
    for (int i = 0; i < 3; ++i) streams.push_back(new_stream());
    std::vector<std::unique_ptr<Work>> works;
    for (int i = 0; i < 24; ++i) {
      works.push_back(std::make_unique<Work>(static_cast<float>(i % 5)));
      works.back()->enqueue(executable, streams[static_cast<std::size_t>(i % 3)].get());
    }
    TENDON_CUDA_CHECK(cudaDeviceSynchronize());
    for (const auto& work : works) work->check();
  });
}

// The null stream is one that callers have, as PyTorch's programs do, and not "none".
TEST_F(Streams, MayBeTheDefaultOne) {
  for_each_seed([] {
    const Executable executable = compiled();
    const Work first(1), second(2);
    for (int round = 0; round < 3; ++round) {
      first.enqueue(executable, nullptr);
      second.enqueue(executable, nullptr);
    }
    TENDON_CUDA_CHECK(cudaStreamSynchronize(nullptr));
    first.check();
    second.check();
  });
}

TEST_F(Streams, AreTheCallersOrderByEventsToo) {
  for_each_seed([] {
    const Executable executable = compiled();
    const StreamHandle before = new_stream(), stream = new_stream(), after = new_stream();
    EventHandle filled, done;
    TENDON_CUDA_CHECK(cudaEventCreateWithFlags(filled.put(), cudaEventDisableTiming));
    TENDON_CUDA_CHECK(cudaEventCreateWithFlags(done.put(), cudaEventDisableTiming));
    const Work work(1);
    TENDON_CUDA_CHECK(cudaMemcpyAsync(work.x.data(), work.in.data(), kCount * sizeof(float),
                                      cudaMemcpyHostToDevice, before.get()));
    TENDON_CUDA_CHECK(cudaEventRecord(filled.get(), before.get()));
    TENDON_CUDA_CHECK(cudaStreamWaitEvent(stream.get(), filled.get(), 0));
    executable.run(Stream(stream.get()), {work.x.buffer()},
                   {work.y.buffer(), work.product.buffer()});
    TENDON_CUDA_CHECK(cudaEventRecord(done.get(), stream.get()));
    TENDON_CUDA_CHECK(cudaStreamWaitEvent(after.get(), done.get(), 0));
    TENDON_CUDA_CHECK(cudaMemcpyAsync(work.out.data(), work.y.data(), kRows * sizeof(float),
                                      cudaMemcpyDeviceToHost, after.get()));
    TENDON_CUDA_CHECK(cudaStreamSynchronize(after.get()));
    work.check();
  });
}

// The handle of a thread's default stream is the same in all threads, and a stream may get that of
// one that was destroyed.
TEST_F(Streams, WithOneHandleAreNotTakenForOne) {
  for_each_seed([] {
    const Executable executable = compiled();
    std::barrier all_have_enqueued(3);
    in_threads(3, [&](int thread) {
      const Work work(static_cast<float>(thread));
      for (int round = 0; round < 4; ++round) {
        work.enqueue(executable, cudaStreamPerThread);
        all_have_enqueued.arrive_and_wait();
        TENDON_CUDA_CHECK(cudaStreamSynchronize(cudaStreamPerThread));
        work.check();
      }
    });
    const Work first(1), second(2);
    for (const Work* work : {&first, &second}) {
      const StreamHandle stream = new_stream();
      work->enqueue(executable, stream.get());
    }
    TENDON_CUDA_CHECK(cudaDeviceSynchronize());
    first.check();
    second.check();
    const Work third(3);
    third.enqueue(executable, cudaStreamLegacy);
    TENDON_CUDA_CHECK(cudaStreamSynchronize(cudaStreamLegacy));
    third.check();
  });
}

TEST_F(Streams, ThatAreCapturedAreRefused) {
  const Executable executable = compiled();
  const StreamHandle stream = new_stream();
  const Work work(1);
  TENDON_CUDA_CHECK(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
  try {
    work.enqueue(executable, stream.get());
    ADD_FAILURE() << "threw nothing";
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string_view(error.what()).find("captured"), std::string_view::npos)
        << error.what();
  }
  cudaGraph_t captured = nullptr;
  TENDON_CUDA_CHECK(cudaStreamEndCapture(stream.get(), &captured));
  TENDON_CUDA_CHECK(cudaGraphDestroy(captured));
  work.enqueue(executable, stream.get());
  TENDON_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
  work.check();
}

// What values leave behind on the device's own stream serves programs on others, and back.
TEST_F(Streams, ShareMemoryWithValues) {
  for_each_seed([] {
    const StreamHandle stream = new_stream();
    const Work one(1), other(2);
    for (int round = 0; round < 4; ++round) {
      run({exp(full({kRows, kColumns}, round)) * 2, exp(full({64}, round)) + 1,
           matmul(full({24, 24}, round), full({24, 24}, 1))});
      const Executable executable = compiled();
      one.enqueue(executable, stream.get());
      other.enqueue(executable, stream.get());
    }
    const Tensor last = exp(full({kRows, kColumns}, 0.0)) * 2;
    EXPECT_EQ(last.to_vector<float>()[5], 2);
    TENDON_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
    one.check();
    other.check();
  });
}

TEST_F(Streams, AreNotWaitedFor) {
  if (!is_emulated()) GTEST_SKIP() << "synchronisations are counted by the emulated device";
  const StreamHandle stream = new_stream(), second = new_stream();
  const Work one(1), other(2);
  { one.enqueue(compiled(), stream.get()); }  // what is found out at first
  const std::int64_t before = synchronization_count();
  {
    const Executable executable = compiled();
    for (int round = 0; round < 3; ++round) {
      one.enqueue(executable, stream.get());
      other.enqueue(executable, second.get());
    }
  }  // the program goes while its runs are under way
  EXPECT_EQ(synchronization_count(), before);
  TENDON_CUDA_CHECK(cudaDeviceSynchronize());
  one.check();
  other.check();
}

}  // namespace
}  // namespace tendon::cuda
