// Kernels whose lanes of one warp rely on each other as they should not, and their sound twins.
#include "support/faults.h"

namespace emulator_test {
namespace {

constexpr unsigned kAll = 0xffffffff;

// The textbook's sum of a warp, behind a return that it does not survive.
__global__ void sum_warps(const int* in, int* sums, int n, bool returns) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (returns && i >= n) return;
  int value = i < n ? in[i] : 0;
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(kAll, value, offset);
  if (threadIdx.x % 32 == 0) sums[i / 32] = value;
}
constexpr int kSumWarps = __LINE__ - 3;

__global__ void sum_halves(const int* in, int* sums, int width) {
  int value = in[threadIdx.x];
  for (int offset = width / 2; offset > 0; offset /= 2)
    value += __shfl_down_sync(kAll, value, offset, width);
  if (threadIdx.x % width == 0) sums[threadIdx.x / width] = value;
}
constexpr int kSumHalves = __LINE__ - 3;

__global__ void read_neighbour(int* out, int distance) {
  if (threadIdx.x % 2 == 0)
    out[threadIdx.x] = __shfl_sync(0x55555555, threadIdx.x, threadIdx.x + distance);
}
constexpr int kReadNeighbour = __LINE__ - 2;

// CUDA waits for those of the mask that have not exited, and says what these get.
__global__ void agree_after_return(unsigned* out, int n) {
  if (threadIdx.x >= n) return;
  __syncwarp();
  const unsigned even = __ballot_sync(kAll, threadIdx.x % 2 == 0);
  const unsigned same = __match_any_sync(kAll, threadIdx.x / 2);
  out[threadIdx.x] = __all_sync(kAll, even != 0) ? __reduce_add_sync(kAll, 1) + __popc(same) : 0;
}

// One block after the other: a thread waits for its block's turn, the rest of its warp for it.
__global__ void take_turns(int* turn, int* order) {
  if (threadIdx.x == 0) {
    while (*static_cast<volatile int*>(turn) != blockIdx.x) {
    }
  }
  __syncthreads();
  if (threadIdx.x == 32) order[blockIdx.x] = *turn;
  __syncthreads();
  if (threadIdx.x == 0) atomicExch(turn, blockIdx.x + 1);
}

__global__ void wait_at_two_places(int* out, int first) {
  if (threadIdx.x < first) {
    asm volatile("bar.sync 0;" ::: "memory");
    out[threadIdx.x] = 1;
  } else {
    asm volatile("bar.sync 0;" ::: "memory");
    out[threadIdx.x] = 2;
  }
}
constexpr int kWaitAtFirst = __LINE__ - 7, kWaitAtSecond = __LINE__ - 4;

__global__ void wait_at_two_barriers() {
  if (threadIdx.x < 16)
    asm volatile("bar.sync 1;" ::: "memory");
  else
    asm volatile("bar.sync 2;" ::: "memory");
}

// Harris' reduction: its last warp relied on a lockstep that no longer is.
__global__ void sum_in_lockstep(const int* in, int* sum) {
  __shared__ volatile int cells[64];
  const int t = threadIdx.x;
  cells[t] = in[t];
  cells[t + 32] = in[t + 32];
  __syncthreads();
  cells[t] = cells[t] + cells[t + 32];
  cells[t] = cells[t] + cells[t + 16];
  if (t == 0) *sum = cells[0];
}
constexpr int kLockstep = __LINE__ - 3;

__global__ void sum_in_steps(const int* in, int* sum) {
  __shared__ volatile int cells[64];
  const int t = threadIdx.x;
  cells[t] = in[t];
  cells[t + 32] = in[t + 32];
  __syncwarp();
  for (int offset = 32; offset > 0; offset /= 2) {
    const int value = cells[t] + cells[(t + offset) % 64];
    __syncwarp();
    cells[t] = value;
    __syncwarp();
  }
  if (t == 0) *sum = cells[0];
}

// Polling is what volatile is for.
__global__ void poll_flag(int* out) {
  __shared__ volatile int flag;
  if (threadIdx.x == 0) flag = 0;
  __syncthreads();
  if (threadIdx.x == 0) flag = 1;
  if (threadIdx.x == 32) {
    while (flag == 0) {
    }
    *out = 1;
  }
}

// One lane arrives for all of its warp; the other warp reads what these stored.
__global__ void arrive_for_warp(int* out, bool meets) {
  __shared__ int cells[64];
  __shared__ unsigned long long gate;
  const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(&gate));
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 2;" ::"r"(at) : "memory");
  __syncthreads();
  cells[threadIdx.x] = threadIdx.x;
  if (meets) __syncwarp();
  if (threadIdx.x % 32 == 0)
    asm volatile("{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [%0]; }" ::"r"(at)
                 : "memory");
  for (int over = 0; over == 0;) {
    asm volatile(
        "{ .reg .pred over; mbarrier.try_wait.parity.shared.b64 over, [%1], 0; selp.s32 %0, 1, 0, "
        "over; }"
        : "=r"(over)
        : "r"(at)
        : "memory");
  }
  out[threadIdx.x] = cells[threadIdx.x ^ 33];
}
constexpr int kArriveForWarp = __LINE__ - 2, kStoreBefore = __LINE__ - 15;

class LaneFaults : public FaultTest {
 protected:
  void expect(const Planted& planted, const std::string& words) {
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    const auto findings = take_findings();
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].fault, planted.fault);
    EXPECT_TRUE(mentions(findings[0], planted.kernel));
    EXPECT_TRUE(mentions(findings[0], place(planted.line)));
    EXPECT_TRUE(mentions(findings[0], "thread " + planted.thread));
    EXPECT_TRUE(mentions(findings[0], planted.instruction));
    EXPECT_TRUE(mentions(findings[0], words));
    expect_usable();
  }
  static std::string place(int line) { return "faults_lanes_test.cu:" + std::to_string(line); }
};

constexpr const char* kShuffle = "shuffle from a lane that takes no part";

TEST_F(LaneFaults, AShuffleFromALaneThatHasReturnedIsNamed) {
  const DeviceArray<int> in(std::vector<int>(52, 1)), sums(2);
  sum_warps<<<2, 32>>>(in.get(), sums.get(), 52, true);
  expect({kShuffle, "sum_warps(int const*, int*, int, bool)", kSumWarps, "(1, 0, 0)", "(4, 0, 0)",
          "shfl.sync.down.b32"},
         "lane 20, which has exited (the mask is 0xffffffff)");
}

TEST_F(LaneFaults, AShuffleFromALaneThatTheBlockDoesNotHaveIsNamed) {
  const DeviceArray<int> in(std::vector<int>(16, 1)), sums(1);
  sum_halves<<<1, 16>>>(in.get(), sums.get(), 32);
  expect({kShuffle, "sum_halves(int const*, int*, int)", kSumHalves, "(0, 0, 0)", "(0, 0, 0)",
          "shfl.sync.down.b32"},
         "lane 16, which the block does not have");
}

TEST_F(LaneFaults, AShuffleFromALaneThatTheMaskLeavesOutIsNamed) {
  const DeviceArray<int> out(32);
  read_neighbour<<<1, 32>>>(out.get(), 1);
  expect({kShuffle, "read_neighbour(int*, int)", kReadNeighbour, "(0, 0, 0)", "(0, 0, 0)",
          "shfl.sync.idx.b32"},
         "lane 1, which the mask does not name (the mask is 0x55555555)");
}

TEST_F(LaneFaults, AWarpWhosePartsWaitAtTwoBarriersIsNamed) {
  const DeviceArray<int> out(32);
  wait_at_two_places<<<1, 32>>>(out.get(), 16);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].fault, "barrier in divergent code");
  EXPECT_TRUE(mentions(findings[0], place(kWaitAtFirst)) ||
              mentions(findings[0], place(kWaitAtSecond)));
  EXPECT_TRUE(mentions(findings[0], "0x0000ffff"));
  EXPECT_TRUE(mentions(findings[0], "0xffff0000"));
}

TEST_F(LaneFaults, AWarpWhosePartsWaitForEachOtherIsDivergentAndADeadlock) {
  wait_at_two_barriers<<<1, 32>>>();
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 3u);
  EXPECT_EQ(findings[0].fault, "barrier in divergent code");
  EXPECT_TRUE(mentions(findings[0], "the lanes 0x0000ffff of the warp reach, of 0xffffffff"));
  EXPECT_EQ(findings[1].fault, "barrier in divergent code");
  EXPECT_TRUE(mentions(findings[1], "the lanes 0xffff0000 of the warp reach, of 0xffffffff"));
  EXPECT_EQ(findings[2].fault, "deadlock");
  expect_usable();
}

TEST_F(LaneFaults, VolatileDoesNotOrderTheLanesOfAWarp) {
  const DeviceArray<int> in(std::vector<int>(64, 1)), sum(1);
  sum_in_lockstep<<<1, 32>>>(in.get(), sum.get());
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  const auto findings = take_findings();
  ASSERT_FALSE(findings.empty());
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.fault, "shared-memory race");
    EXPECT_TRUE(mentions(finding, "sum_in_lockstep(int const*, int*)"));
    EXPECT_TRUE(mentions(finding, place(kLockstep)));
  }
  expect_usable();
}

TEST_F(LaneFaults, ALaneThatArrivesForOthersThatItHasNotMetIsASharedRace) {
  const DeviceArray<int> out(64);
  arrive_for_warp<<<1, 64>>>(out.get(), false);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].fault, "shared-memory race");
  EXPECT_TRUE(mentions(findings[0], place(kArriveForWarp)));
  EXPECT_TRUE(mentions(findings[0], place(kStoreBefore)));
  // Each warp's first lane did arrive for itself: 62 of the 64 reads race.
  EXPECT_TRUE(mentions(findings[0], "found 62 times, in 62 threads of 1 block"));
  expect_usable();
}

TEST_F(LaneFaults, AWarpThatMeetsAgainAtABarrierIsNotDivergent) {
  for_each_seed([](std::uint64_t) {
    const DeviceArray<int> turn(std::vector<int>{0}), order(3);
    take_turns<<<3, 64>>>(turn.get(), order.get());
    EXPECT_TRUE(same(order.values(), {0, 1, 2}));
    EXPECT_EQ(emulator()->report_count(), 0);
  });
}

TEST_F(LaneFaults, SoundTwinsReportNothing) {
  for_each_seed([](std::uint64_t) {
    const DeviceArray<int> in(std::vector<int>(64, 1)), sums(2);
    const DeviceArray<int> out(std::vector<int>(32, 0));
    sum_warps<<<2, 32>>>(in.get(), sums.get(), 52, false);
    EXPECT_TRUE(same(sums.values(), {32, 20}));
    sum_halves<<<1, 16>>>(in.get(), sums.get(), 16);
    EXPECT_EQ(sums.values()[0], 16);
    read_neighbour<<<1, 32>>>(out.get(), 2);
    EXPECT_EQ(out.values()[4], 6);
    const DeviceArray<unsigned> agreed(20);
    agree_after_return<<<1, 32>>>(agreed.get(), 20);
    EXPECT_TRUE(same(agreed.values(), std::vector<unsigned>(20, 22)));
    const DeviceArray<int> all(64);
    wait_at_two_places<<<1, 64>>>(all.get(), 32);
    sum_in_steps<<<1, 32>>>(in.get(), sums.get());
    poll_flag<<<1, 64>>>(all.get());
    EXPECT_EQ(all.values()[0], 1);
    arrive_for_warp<<<1, 64>>>(all.get(), true);
    EXPECT_EQ(all.values()[0], 33);
    EXPECT_EQ(emulator()->report_count(), 0);
  });
}

}  // namespace
}  // namespace emulator_test
