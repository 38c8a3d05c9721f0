// Asynchronous copies to shared memory that are read before they are waited for, and sound twins.
#include <cuda_pipeline.h>

#include "support/faults.h"

namespace emulator_test {
namespace {

constexpr int kThreads = 64;
constexpr int kBefore = -1;  // in a cell, until the copy comes

__device__ void copy(int* to, const int* from) { __pipeline_memcpy_async(to, from, sizeof *to); }

enum class Wait { never, late, in_time };

__global__ void copy_own(int* out, const int* in, bool is_written, Wait wait) {
  __shared__ int cells[kThreads];
  int* const cell = cells + threadIdx.x;
  if (is_written) *cell = kBefore;
  copy(cell, in + threadIdx.x);
  __pipeline_commit();
  if (wait == Wait::in_time) __pipeline_wait_prior(0);
  out[threadIdx.x] = *cell;
  if (wait == Wait::late) __pipeline_wait_prior(0);
}
constexpr int kCopyOwn = __LINE__ - 6, kReadOwn = __LINE__ - 3;

__global__ void copy_for_others(int* out, const int* in, Wait wait, bool meets) {
  __shared__ int cells[kThreads];
  cells[threadIdx.x] = kBefore;
  __syncthreads();
  copy(cells + threadIdx.x, in + threadIdx.x);
  __pipeline_commit();
  if (wait == Wait::in_time) __pipeline_wait_prior(0);
  if (meets) __syncthreads();
  out[threadIdx.x] = cells[threadIdx.x ^ 33];
  __syncthreads();
  if (wait == Wait::late) __pipeline_wait_prior(0);
}
constexpr int kCopyForOthers = __LINE__ - 8, kReadOfOthers = __LINE__ - 4;

// A slot is filled again as soon as its thread has read it.
template <int kPending>
__global__ void run_ring(int* out, const int* in, int rounds) {
  constexpr int kSlots = 4;
  __shared__ int slots[kSlots][kThreads];
  const int thread = threadIdx.x;
  for (int round = 0; round < kSlots; ++round) {
    slots[round][thread] = kBefore;
    copy(&slots[round][thread], in + round * kThreads + thread);
    __pipeline_commit();
  }
  for (int round = 0; round < rounds; ++round) {
    __pipeline_wait_prior(kPending);
    int* const slot = &slots[round % kSlots][thread];
    out[round * kThreads + thread] = *slot;
    if (round + kSlots < rounds) copy(slot, in + (round + kSlots) * kThreads + thread);
    __pipeline_commit();
  }
}

// A slot is filled again when all have read it.
__global__ void run_ring_of_block(int* out, const int* in, int rounds, bool meets) {
  __shared__ int slots[2][kThreads];
  const int thread = threadIdx.x;
  for (int round = 0; round < rounds + 2; ++round) {
    int* const slot = slots[round % 2];
    if (round >= 2) {
      __pipeline_wait_prior(1);
      __syncthreads();
      out[(round - 2) * kThreads + thread] = slot[thread ^ 33];
      if (meets) __syncthreads();
    }
    if (round < rounds) copy(slot + thread, in + round * kThreads + thread);
    __pipeline_commit();
  }
}
constexpr int kFillAgain = __LINE__ - 4;

// The first thread copies to what the others may still read, and waits when they have.
__global__ void replace(int* out, const int* in, bool meets) {
  __shared__ int cell;
  if (threadIdx.x == 0) cell = kBefore;
  __syncthreads();
  out[threadIdx.x] = cell;
  if (meets) __syncthreads();
  if (threadIdx.x == 0) copy(&cell, in);
  __pipeline_commit();
  __syncthreads();
  __pipeline_wait_prior(0);
  __syncthreads();
  out[threadIdx.x] += cell;
}
constexpr int kReplace = __LINE__ - 7;

// The first half of a warp makes two groups, the other half one; every fourth thread waits for all.
__global__ void wait_in_branches(int* out, const int* in) {
  __shared__ int cells[3][kThreads];
  const int thread = threadIdx.x;
  for (auto& row : cells) row[thread] = kBefore;
  copy(&cells[0][thread], in + thread);
  if (thread % 32 < 16) __pipeline_commit();
  copy(&cells[1][thread], in + kThreads + thread);
  __pipeline_commit();
  copy(&cells[2][thread], in + 2 * kThreads + thread);
  __pipeline_wait_prior(1);
  if (thread % 4 == 0) asm volatile("cp.async.wait_all;" ::: "memory");
  for (int row = 0; row < 3; ++row) out[row * kThreads + thread] = cells[row][thread];
}

__global__ void copy_beyond(const int* in, int cell) {
  __shared__ int cells[kThreads];
  copy(cells + cell, in);
  __pipeline_commit();
}
constexpr int kCopyBeyond = __LINE__ - 3;

std::vector<int> numbers(int count) {
  std::vector<int> result;
  for (int i = 0; i < count; ++i) result.push_back(100 + i);
  return result;
}

// As thread ^ 33 of each round has it.
std::vector<int> exchanged(const std::vector<int>& values) {
  std::vector<int> result = values;
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = values[i ^ 33];
  return result;
}

class CopyFaults : public FaultTest {
 protected:
  static constexpr int kRounds = 11;
  // At least one was found, and each is a race that names one of these lines.
  void expect_races(const std::string& kernel, std::vector<int> lines, const std::string& words) {
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    const auto findings = take_findings();
    EXPECT_FALSE(findings.empty());
    for (const Finding& finding : findings) {
      EXPECT_EQ(finding.fault, "shared-memory race");
      EXPECT_TRUE(mentions(finding, kernel));
      EXPECT_TRUE(mentions(finding, words));
      bool is_there = false;
      for (const int line : lines) {
        const std::string place = "faults_copies_test.cu:" + std::to_string(line);
        is_there = is_there || mentions(finding, place);
      }
      EXPECT_TRUE(is_there) << finding.text;
    }
    expect_usable();
  }
  const std::vector<int> in_ = numbers(kRounds * kThreads);
  const std::vector<int> first_{in_.begin(), in_.begin() + kThreads};
  const std::vector<int> before_ = std::vector<int>(kThreads, kBefore);
  const std::string early_ = "before the copy was waited for";
};

TEST_F(CopyFaults, WhatIsNeverWaitedForNeverComes) {
  const DeviceArray<int> in(in_), out(kThreads);
  copy_own<<<2, kThreads>>>(out.get(), in.get(), true, Wait::never);
  EXPECT_TRUE(same(out.values(), before_));
  copy_for_others<<<2, kThreads>>>(out.get(), in.get(), Wait::never, true);
  EXPECT_TRUE(same(out.values(), before_));
  EXPECT_TRUE(take_findings().empty());
}

TEST_F(CopyFaults, AReadOfWhatHasNotComeIsOfUnwrittenMemory) {
  const DeviceArray<int> in(in_), out(kThreads);
  copy_own<<<1, kThreads>>>(out.get(), in.get(), false, Wait::never);
  expect_found({"read of unwritten memory", "copy_own", kReadOwn, "(0, 0, 0)", "", "ld.shared"},
               __FILE__);
}

TEST_F(CopyFaults, AReadBeforeTheWaitGivesTheOldValueAndIsARace) {
  const DeviceArray<int> in(in_), out(kThreads);
  copy_own<<<1, kThreads>>>(out.get(), in.get(), true, Wait::late);
  EXPECT_TRUE(same(out.values(), before_));
  expect_races("copy_own", {kCopyOwn}, early_);
}

TEST_F(CopyFaults, AReadByOthersBeforeTheWaitGivesTheOldValueAndIsARace) {
  const DeviceArray<int> in(in_), out(kThreads);
  copy_for_others<<<1, kThreads>>>(out.get(), in.get(), Wait::late, true);
  EXPECT_TRUE(same(out.values(), before_));
  expect_races("copy_for_others", {kCopyForOthers}, early_);
}

TEST_F(CopyFaults, AWaitWithoutABarrierIsARace) {
  const DeviceArray<int> in(in_), out(kThreads);
  copy_for_others<<<1, kThreads>>>(out.get(), in.get(), Wait::in_time, false);
  expect_races("copy_for_others", {kCopyForOthers, kReadOfOthers}, "no barrier between");
}

TEST_F(CopyFaults, AWaitForOneGroupTooFewGivesTheOldValueAndIsARace) {
  const DeviceArray<int> in(in_), out(in_.size());
  run_ring<4><<<1, kThreads>>>(out.get(), in.get(), kRounds);
  std::vector<int> want(4 * kThreads, kBefore);
  want.insert(want.end(), in_.begin(), in_.end() - 4 * kThreads);
  EXPECT_TRUE(same(out.values(), want));
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  const auto findings = take_findings();
  EXPECT_FALSE(findings.empty());
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.fault, "shared-memory race");
    EXPECT_TRUE(mentions(finding, early_));
  }
}

TEST_F(CopyFaults, ACopyToWhatOthersMayStillReadIsARace) {
  const DeviceArray<int> in(in_), out(in_.size());
  run_ring_of_block<<<1, kThreads>>>(out.get(), in.get(), kRounds, false);
  expect_races("run_ring_of_block", {kFillAgain}, "shared memory that thread");
}

TEST_F(CopyFaults, OneThatBeginsTooEarlyIsARaceThoughItsWaitIsNot) {
  const DeviceArray<int> in(in_), out(kThreads);
  replace<<<1, kThreads>>>(out.get(), in.get(), false);
  expect_races("replace", {kReplace}, "no barrier between");
}

TEST_F(CopyFaults, EachLaneWaitsForItsOwnGroups) {
  const DeviceArray<int> in(in_), out(3 * kThreads);
  wait_in_branches<<<2, kThreads>>>(out.get(), in.get());
  std::vector<int> want(3 * kThreads, kBefore);
  for (int i = 0; i < 3 * kThreads; ++i) {
    const bool is_waited_for = i % 4 == 0 || (i < kThreads && i % 32 < 16);
    if (is_waited_for) want[i] = in_[i];
  }
  EXPECT_TRUE(same(out.values(), want));
  EXPECT_TRUE(take_findings().empty());
}

TEST_F(CopyFaults, OneOutOfBoundsIsFoundAsItBegins) {
  const DeviceArray<int> in(in_);
  copy_beyond<<<1, 1>>>(in.get(), kThreads);
  expect_found({"out of bounds", "copy_beyond", kCopyBeyond, "(0, 0, 0)", "(0, 0, 0)",
                "cp.async.ca.shared.global"},
               __FILE__, cudaErrorIllegalAddress);
}

TEST_F(CopyFaults, SoundTwinsReportNothing) {
  for_each_seed([this](std::uint64_t) {
    const DeviceArray<int> in(in_), out(in_.size());
    copy_own<<<3, kThreads>>>(out.get(), in.get(), false, Wait::in_time);
    EXPECT_TRUE(same(out.values(kThreads), first_));
    copy_for_others<<<3, kThreads>>>(out.get(), in.get(), Wait::in_time, true);
    EXPECT_TRUE(same(out.values(kThreads), exchanged(first_)));
    run_ring<3><<<3, kThreads>>>(out.get(), in.get(), kRounds);
    EXPECT_TRUE(same(out.values(), in_));
    run_ring_of_block<<<3, kThreads>>>(out.get(), in.get(), kRounds, true);
    EXPECT_TRUE(same(out.values(), exchanged(in_)));
    replace<<<3, kThreads>>>(out.get(), in.get(), true);
    EXPECT_TRUE(same(out.values(kThreads), std::vector<int>(kThreads, kBefore + in_[0])));
    copy_beyond<<<3, 1>>>(in.get(), kThreads - 1);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(emulator()->report_count(), 0);
  });
}

}  // namespace
}  // namespace emulator_test
