// Kernels whose threads do not wait for one another as they should, or never end, and their sound
// twins.
#include <cassert>

#include "support/faults.h"

namespace emulator_test {
namespace {

__global__ void exchange(int* out, bool waits) {
  __shared__ int cells[64];
  cells[threadIdx.x] = 0;
  __syncthreads();
  cells[threadIdx.x] = threadIdx.x;
  if (waits) __syncthreads();
  out[threadIdx.x] = cells[threadIdx.x ^ 33];
}
constexpr int kExchange = __LINE__ - 4;

__global__ void write_one_cell(int* out, bool by_one) {
  __shared__ int cell;
  if (!by_one || threadIdx.x == 0) cell = threadIdx.x;
  __syncthreads();
  if (threadIdx.x == 0) *out = cell;
}
constexpr int kWriteOneCell = __LINE__ - 4;

// Threads of another warp may count before the first thread has begun at zero.
__global__ void count_threads(int* out, bool waits) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncwarp();
  if (waits) __syncthreads();
  atomicAdd(&count, 1);
  __syncthreads();
  if (threadIdx.x == 0) *out = count;
}
constexpr int kCountThreads = __LINE__ - 4;

// The last lane of a warp writes what the lanes before it may still read.
__global__ void advance_by_last_lane(int* out, bool waits) {
  __shared__ int cell;
  if (threadIdx.x == 31) cell = 1;
  __syncwarp();
  const int value = cell;
  if (waits) __syncwarp();
  if (threadIdx.x == 31) cell = value + 1;
  out[threadIdx.x] = value;
}
constexpr int kAdvance = __LINE__ - 3;

// A second round overwrites what another warp may still read in the first.
__global__ void run_rounds(int* out, bool waits) {
  __shared__ int cells[64];
  int sum = 0;
  for (int round = 0; round < 3; ++round) {
    cells[threadIdx.x] = round;
    __syncthreads();
    sum += cells[63 - threadIdx.x];
    if (waits) __syncthreads();
  }
  out[threadIdx.x] = sum;
}
constexpr int kRunRounds = __LINE__ - 7;

__global__ void wait_inside_of_branch(int* out, int least) {
  if (static_cast<int>(threadIdx.x) >= least) {
    __syncthreads();
    out[threadIdx.x] = threadIdx.x;
  }
}
constexpr int kWaitInside = __LINE__ - 4;

__global__ void wait_for_others(int barrier_of_second) {
  const int barrier = threadIdx.x < 32 ? 1 : barrier_of_second;
  asm volatile("barrier.sync %0, 64;" ::"r"(barrier) : "memory");
}
constexpr int kWaitForOthers = __LINE__ - 2;

__global__ void spin(volatile int* flag) {
  while (*flag == 0) {
  }
}
constexpr int kSpin = __LINE__ - 3;

__global__ void multiply_on_tensor_cores(double* out) {
  double a = 1, b = 2, c = 0, d = 0;
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
               : "+d"(c), "+d"(d)
               : "d"(a), "d"(b));
  out[threadIdx.x] = c + d;
}
constexpr int kMultiply = __LINE__ - 3;

__global__ void trap_at(int thread) {
  if (threadIdx.x == thread) __trap();
}
constexpr int kTrap = __LINE__ - 2;

__global__ void check_number(int wrong) {
  const int number = threadIdx.x;
  assert(number != wrong);
}
constexpr int kCheck = __LINE__ - 2;

// One thread of a warp waits for what its neighbour writes.
__global__ void hand_over(int* flag, int* out) {
  if (threadIdx.x == 0) {
    while (atomicAdd(flag, 0) == 0) {
    }
    *out = 7;
  } else {
    atomicExch(flag, 1);
  }
}

// Some lanes loop while the others wait for them at a barrier, over and over.
__global__ void loop_between_barriers(int* out, int rounds, int loops) {
  int sum = 0;
  for (int round = 0; round < rounds; ++round) {
    if (threadIdx.x % 32 < 3) {
#pragma unroll 1
      for (int i = 0; i < loops; ++i) sum ^= out[threadIdx.x] + i;
    }
    __syncthreads();
  }
  out[threadIdx.x] = sum;
}

class ThreadFaults : public FaultTest {
 protected:
  void expect(const Planted& planted, cudaError_t error = cudaSuccess) {
    expect_found(planted, __FILE__, error);
    expect_usable();
  }
  // Of a write at this line and a read two lines further: either may come second, both are named.
  void expect_race(const std::string& kernel, int line) {
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    const auto findings = take_findings();
    EXPECT_FALSE(findings.empty());
    for (const Finding& finding : findings) {
      EXPECT_EQ(finding.fault, "shared-memory race");
      EXPECT_TRUE(mentions(finding, kernel));
      const std::string file = "faults_threads_test.cu:";
      EXPECT_TRUE(mentions(finding, file + std::to_string(line)));
      EXPECT_TRUE(mentions(finding, file + std::to_string(line + 2)));
    }
    expect_usable();
  }
};

TEST_F(ThreadFaults, AMissingBarrierIsASharedRace) {
  const DeviceArray<int> out(64);
  exchange<<<1, 64>>>(out.get(), false);
  expect_race("exchange(int*, bool)", kExchange);
}

TEST_F(ThreadFaults, TwoWritersOfOneCellAreASharedRace) {
  const DeviceArray<int> out(64);
  write_one_cell<<<1, 64>>>(out.get(), false);
  expect({"shared-memory race", "write_one_cell(int*, bool)", kWriteOneCell, "(0, 0, 0)", "",
          "st.shared"});
}

TEST_F(ThreadFaults, AMissingSecondBarrierOfALoopIsASharedRace) {
  const DeviceArray<int> out(64);
  run_rounds<<<1, 64>>>(out.get(), false);
  expect_race("run_rounds(int*, bool)", kRunRounds);
}

TEST_F(ThreadFaults, AnAtomicThatDoesNotWaitForTheFirstValueIsASharedRace) {
  const DeviceArray<int> out(1);
  count_threads<<<1, 64>>>(out.get(), false);
  expect({"shared-memory race", "count_threads(int*, bool)", kCountThreads, "(0, 0, 0)",
          "(32, 0, 0)", "atom.shared.add.u32"});
}

TEST_F(ThreadFaults, AWriteByTheLastOfTheLanesThatReadIsASharedRace) {
  const DeviceArray<int> out(32);
  advance_by_last_lane<<<1, 32>>>(out.get(), false);
  expect({"shared-memory race", "advance_by_last_lane(int*, bool)", kAdvance, "(0, 0, 0)",
          "(31, 0, 0)", "st.shared"});
}

TEST_F(ThreadFaults, ABarrierThatPartOfAWarpReachesIsNamed) {
  const DeviceArray<int> out(64);
  wait_inside_of_branch<<<1, 64>>>(out.get(), 16);
  EXPECT_NE(cudaDeviceSynchronize(), cudaErrorLaunchTimeout);
  const auto findings = take_findings();
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].fault, "barrier in divergent code");
  EXPECT_TRUE(mentions(findings[0], "wait_inside_of_branch(int*, int)"));
  EXPECT_TRUE(mentions(findings[0], "faults_threads_test.cu:" + std::to_string(kWaitInside)));
  EXPECT_TRUE(mentions(findings[0], "bar"));
  expect_usable();
}

TEST_F(ThreadFaults, ABarrierThatPartOfABlockReachesIsNamed) {
  const DeviceArray<int> out(64);
  wait_inside_of_branch<<<1, 64>>>(out.get(), 32);
  EXPECT_NE(cudaDeviceSynchronize(), cudaErrorLaunchTimeout);
  const auto findings = take_findings();
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].fault, "barrier that part of the block misses");
  EXPECT_TRUE(mentions(findings[0], "wait_inside_of_branch(int*, int)"));
  EXPECT_TRUE(mentions(findings[0], "faults_threads_test.cu:" + std::to_string(kWaitInside)));
  expect_usable();
}

TEST_F(ThreadFaults, WarpsThatWaitAtTwoBarriersAreADeadlock) {
  wait_for_others<<<1, 64>>>(2);
  expect({"deadlock", "wait_for_others(int)", kWaitForOthers, "(0, 0, 0)", "", "barrier.sync"},
         cudaErrorLaunchFailure);
}

TEST_F(ThreadFaults, ALoopWithoutEndUsesUpItsSteps) {
  const DeviceArray<int> flag(std::vector<int>{0});
  spin<<<1, 32>>>(flag.get());
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchTimeout);
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].fault, "step budget");
  EXPECT_TRUE(mentions(findings[0], "spin(int volatile*)"));
  EXPECT_TRUE(mentions(findings[0], "faults_threads_test.cu:" + std::to_string(kSpin)));
  expect_usable();
}

TEST_F(ThreadFaults, AnUnknownInstructionIsNamedWhereItRuns) {
  const DeviceArray<double> out(32);
  multiply_on_tensor_cores<<<1, 32>>>(out.get());
  expect({"unsupported", "multiply_on_tensor_cores(double*)", kMultiply, "(0, 0, 0)", "(0, 0, 0)",
          "mma.sync.aligned.m8n8k4"},
         cudaErrorIllegalInstruction);
}

TEST_F(ThreadFaults, ATrapIsNamed) {
  trap_at<<<2, 64>>>(40);
  expect({"trap", "trap_at(int)", kTrap, "(0, 0, 0)", "(40, 0, 0)", "trap"},
         cudaErrorIllegalInstruction);
}

TEST_F(ThreadFaults, AFailedAssertionSaysItself) {
  check_number<<<1, 64>>>(37);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorAssert);
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(mentions(findings[0], "check_number(int)"));
  EXPECT_TRUE(mentions(findings[0], "`number != wrong` failed"));
  EXPECT_TRUE(mentions(findings[0], "faults_threads_test.cu:" + std::to_string(kCheck)));
  EXPECT_TRUE(mentions(findings[0], "thread (37, 0, 0)"));
  EXPECT_TRUE(mentions(findings[0], "call.uni __assertfail, ( param0"));  // nvcc: on nine lines
  expect_usable();
}

TEST_F(ThreadFaults, SoundTwinsReportNothing) {
  for_each_seed([](std::uint64_t) {
    const DeviceArray<int> out(64), flag(std::vector<int>{0});
    exchange<<<3, 64>>>(out.get(), true);
    write_one_cell<<<3, 64>>>(out.get(), true);
    run_rounds<<<3, 64>>>(out.get(), true);
    count_threads<<<3, 64>>>(out.get(), true);
    advance_by_last_lane<<<3, 32>>>(out.get(), true);
    wait_inside_of_branch<<<3, 64>>>(out.get(), 0);
    wait_for_others<<<3, 64>>>(1);
    trap_at<<<2, 64>>>(64);
    check_number<<<2, 64>>>(64);
    loop_between_barriers<<<1, 64>>>(out.get(), 500, 10);
    hand_over<<<1, 2>>>(flag.get(), out.get());
    EXPECT_EQ(out.values()[0], 7);
    EXPECT_EQ(emulator()->report_count(), 0);
  });
}

}  // namespace
}  // namespace emulator_test
