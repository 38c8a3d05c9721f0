// Work of two streams, or of a stream and the host, that nothing orders; and its sound twins.
#include <numeric>

#include "support/faults.h"

namespace emulator_test {
namespace {

constexpr int kCount = 256;

__global__ void produce(int* out) { out[threadIdx.x] = threadIdx.x; }
__global__ void consume(const int* in, int* out) { out[threadIdx.x] = in[threadIdx.x] + 1; }

class OrderFaults : public FaultTest {
 protected:
  void SetUp() override {
    FaultTest::SetUp();
    if (IsSkipped()) return;
    for (cudaStream_t& stream : streams_) {
      require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    }
    require(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming));
    require(cudaMallocHost(reinterpret_cast<void**>(&pinned_), kCount * sizeof(int)));
    std::iota(pinned_, pinned_ + kCount, 0);
    for (int** memory : {&shared_, &other_}) {
      require(cudaMalloc(reinterpret_cast<void**>(memory), kCount * sizeof(int)));
      require(cudaMemset(*memory, 0, kCount * sizeof(int)));
    }
    require(cudaDeviceSynchronize());
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
      EXPECT_EQ(cudaFree(shared_), cudaSuccess);
      EXPECT_EQ(cudaFree(other_), cudaSuccess);
      EXPECT_EQ(cudaFreeHost(pinned_), cudaSuccess);
      EXPECT_EQ(cudaEventDestroy(event_), cudaSuccess);
      for (const cudaStream_t stream : streams_) {
        EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
      }
    }
    FaultTest::TearDown();
  }

  // What comes on the second stream waits for the first, if it is to be ordered.
  void order(bool is_ordered) {
    if (!is_ordered) return;
    require(cudaEventRecord(event_, streams_[0]));
    require(cudaStreamWaitEvent(streams_[1], event_, 0));
  }

  void read_after_write(bool is_ordered) {
    produce<<<1, kCount, 0, streams_[0]>>>(shared_);
    order(is_ordered);
    consume<<<1, kCount, 0, streams_[1]>>>(shared_, other_);
  }
  void write_after_read(bool is_ordered) {
    consume<<<1, kCount, 0, streams_[0]>>>(shared_, other_);
    order(is_ordered);
    produce<<<1, kCount, 0, streams_[1]>>>(shared_);
  }
  // The second reader is of the writer's own stream.
  void write_after_two_reads(bool is_ordered) {
    consume<<<1, kCount, 0, streams_[0]>>>(shared_, other_);
    consume<<<1, kCount, 0, streams_[1]>>>(shared_, pinned_);
    order(is_ordered);
    produce<<<1, kCount, 0, streams_[1]>>>(shared_);
  }
  void write_after_write(bool is_ordered) {
    require(cudaMemsetAsync(shared_, 1, kCount * sizeof(int), streams_[0]));
    order(is_ordered);
    produce<<<1, kCount, 0, streams_[1]>>>(shared_);
  }
  void copy_after_write(bool is_ordered) {
    produce<<<1, kCount, 0, streams_[0]>>>(shared_);
    order(is_ordered);
    require(cudaMemcpyAsync(pinned_, shared_, kCount * sizeof(int), cudaMemcpyDeviceToHost,
                            streams_[1]));
  }
  void free_after_use(bool is_ordered) {
    int* memory = nullptr;
    require(cudaMallocAsync(reinterpret_cast<void**>(&memory), kCount * sizeof(int), streams_[0]));
    produce<<<1, kCount, 0, streams_[0]>>>(memory);
    order(is_ordered);
    require(cudaFreeAsync(memory, streams_[1]));
  }

  // Exactly one report, whichever of the two ran second.
  void expect_unordered(const char* one, const char* other) {
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    const auto findings = take_findings();
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].fault, "unordered work");
    EXPECT_TRUE(mentions(findings[0], one));
    EXPECT_TRUE(mentions(findings[0], other));
    expect_usable();
  }

  int *shared_ = nullptr, *other_ = nullptr, *pinned_ = nullptr;
  cudaStream_t streams_[2] = {};
  cudaEvent_t event_ = nullptr;
};

TEST_F(OrderFaults, AReadThatDoesNotWaitForTheWriteIsNamed) {
  for_each_seed([&](std::uint64_t) {
    read_after_write(false);
    expect_unordered("produce", "consume");
  });
}

TEST_F(OrderFaults, AWriteThatDoesNotWaitForTheReadIsNamed) {
  for_each_seed([&](std::uint64_t) {
    write_after_read(false);
    expect_unordered("produce", "consume");
  });
}

TEST_F(OrderFaults, AWriteThatWaitsForOneOfTwoReadsIsNamed) {
  for_each_seed([&](std::uint64_t) {
    write_after_two_reads(false);
    expect_unordered("produce", "consume");
  });
}

TEST_F(OrderFaults, AWriteThatDoesNotWaitForTheWriteIsNamed) {
  for_each_seed([&](std::uint64_t) {
    write_after_write(false);
    expect_unordered("produce", "cudaMemset");
  });
}

TEST_F(OrderFaults, ACopyThatDoesNotWaitForTheWriteIsNamed) {
  for_each_seed([&](std::uint64_t) {
    copy_after_write(false);
    expect_unordered("produce", "cudaMemcpy");
  });
}

TEST_F(OrderFaults, AFreeThatDoesNotWaitForTheUseIsNamed) {
  for_each_seed([&](std::uint64_t) {
    free_after_use(false);
    cudaDeviceSynchronize();
    const auto findings = take_findings();
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_TRUE(mentions(findings[0], "produce"));
    expect_usable();
  });
}

TEST_F(OrderFaults, TheHostReadingBeforeTheCopyHasEndedIsNamed) {
  for_each_seed([&](std::uint64_t) {
    produce<<<1, kCount, 0, streams_[0]>>>(shared_);
    require(cudaMemcpyAsync(pinned_, shared_, kCount * sizeof(int), cudaMemcpyDeviceToHost,
                            streams_[0]));
    const volatile int* early = pinned_;
    static_cast<void>(early[3]);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    const auto findings = take_findings();
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].fault, "host race");
    EXPECT_TRUE(mentions(findings[0], "cudaMemcpy"));
    expect_usable();
  });
}

TEST_F(OrderFaults, TheHostWritingWhatACopyStillReadsIsNamed) {
  for_each_seed([&](std::uint64_t) {
    require(cudaMemcpyAsync(shared_, pinned_, kCount * sizeof(int), cudaMemcpyHostToDevice,
                            streams_[0]));
    volatile int* early = pinned_;
    early[3] = 5;
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    const auto findings = take_findings();
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].fault, "host race");
    expect_usable();
  });
}

TEST_F(OrderFaults, TheHostReadingMemoryOfTheDeviceEndsTheProgramWithAReport) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const volatile int* device = shared_;
  EXPECT_DEATH(static_cast<void>(device[3]), "host race(.|\n)*device");
}

TEST_F(OrderFaults, SoundTwinsReportNothing) {
  for_each_seed([&](std::uint64_t) {
    read_after_write(true);
    require(cudaDeviceSynchronize());
    write_after_read(true);
    require(cudaDeviceSynchronize());
    write_after_two_reads(true);
    require(cudaDeviceSynchronize());
    write_after_write(true);
    require(cudaDeviceSynchronize());
    copy_after_write(true);
    require(cudaDeviceSynchronize());
    free_after_use(true);
    require(cudaDeviceSynchronize());
    EXPECT_EQ(pinned_[kCount - 1], kCount - 1);
    EXPECT_EQ(emulator()->report_count(), 0);
  });
}

}  // namespace
}  // namespace emulator_test
