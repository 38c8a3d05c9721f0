// Kernels that read what nothing has written, and those that only seem to.
#include "support/faults.h"

namespace emulator_test {
namespace {

struct Inner {  // seven bytes of padding inside
  char letter;
  double number;
};
struct Last {  // four at its end
  double number;
  int count;
};

struct Mixed {  // four inside and four at its end, before a member of four
  float first;
  double second;
  float third;
};

__global__ void write_mixed(Mixed* mixed) {
  mixed[threadIdx.x].first = 1;
  mixed[threadIdx.x].second = 2;
  mixed[threadIdx.x].third = 3;
}

__global__ void write_members(Inner* inner, Last* last, int n, int numbers) {
  const int i = threadIdx.x;
  if (i >= n) return;
  inner[i].letter = 'a';
  if (i < numbers) inner[i].number = i;
  last[i].number = i;
  last[i].count = i;
}

__global__ void copy_structs(const Inner* inner, Inner* inner_out, const Last* last,
                             Last* last_out) {
  inner_out[threadIdx.x] = inner[threadIdx.x];
  last_out[threadIdx.x] = last[threadIdx.x];
}

template <typename T>
__global__ void write_every(T* out, int step) {
  out[threadIdx.x * step] = static_cast<T>(threadIdx.x);
}

__global__ void sum_unrolled(const int* in, int* sums) {
  const int* of_block = in + blockIdx.x * 16 * blockDim.x;
  int sum = 0;
#pragma unroll
  for (int k = 0; k < 16; ++k) sum += of_block[k * blockDim.x + threadIdx.x];
  sums[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}
constexpr int kSumUnrolled = __LINE__ - 3;

template <int kCount>
__device__ int sum_of(const int* in) {
  if constexpr (kCount == 0)
    return 0;
  else
    return in[kCount] + sum_of<kCount - 1>(in);
}

__global__ void sum_recursively(const int* in, int* sum) { *sum = sum_of<8>(in); }
constexpr int kSumRecursively = __LINE__ - 1;

class UnwrittenFaults : public FaultTest {
 protected:
  // Exactly this finding.
  void expect(const std::string& words) {
    const auto findings = take_findings();
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].fault, "read of unwritten memory");
    EXPECT_TRUE(mentions(findings[0], words));
    expect_usable();
  }
};

TEST_F(UnwrittenFaults, AMemberThatAStructLacksIsNamed) {
  const DeviceArray<Inner> inner(5);
  const DeviceArray<Last> last(5);
  write_members<<<1, 32>>>(inner.get(), last.get(), 5, 4);
  inner.values();
  expect("byte 65 of the 80 bytes");  // behind the last letter: its padding, and its number
}

TEST_F(UnwrittenFaults, EveryOtherElementIsNoPadding) {
  const DeviceArray<int> numbers(64);
  write_every<<<1, 32>>>(numbers.get(), 2);
  numbers.values();
  expect("byte 4 of the 256 bytes");
}

TEST_F(UnwrittenFaults, ALastElementIsNoPadding) {
  const DeviceArray<int> numbers(32);
  write_every<<<1, 31>>>(numbers.get(), 1);
  numbers.values();
  expect("byte 124 of the 128 bytes");
}

TEST_F(UnwrittenFaults, ALastByteIsNoPadding) {
  const DeviceArray<char> letters(32);
  write_every<<<1, 31>>>(letters.get(), 1);
  letters.values();
  expect("byte 31 of the 32 bytes");
}

TEST_F(UnwrittenFaults, AnUnrolledLineIsOneFindingWithItsCounts) {
  const DeviceArray<int> in(2 * 16 * 64), sums(2 * 64);
  sum_unrolled<<<2, 64>>>(in.get(), sums.get());
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(mentions(findings[0], "sum_unrolled(int const*, int*), block (0, 0, 0), thread (0,"));
  EXPECT_TRUE(mentions(findings[0], "faults_unwritten_test.cu:" + std::to_string(kSumUnrolled)));
  EXPECT_TRUE(mentions(findings[0], "found 2048 times, in 128 threads of 2 blocks"));
  expect_usable();
}

TEST_F(UnwrittenFaults, ALineThatIsInlinedInItselfIsOneFinding) {
  const DeviceArray<int> in(9), sum(1);
  sum_recursively<<<1, 1>>>(in.get(), sum.get());
  const auto findings = take_findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(mentions(findings[0], "found 8 times, in 1 thread of 1 block"));
  EXPECT_TRUE(mentions(findings[0], "faults_unwritten_test.cu:" + std::to_string(kSumRecursively)));
}

TEST_F(UnwrittenFaults, PaddingAtAStructsEndIsNoneWhateverFollowsIt) {
  const DeviceArray<Mixed> mixed(8);
  write_mixed<<<1, 8>>>(mixed.get());
  EXPECT_EQ(mixed.values()[7].third, 3);
  EXPECT_TRUE(take_findings().empty());
}

TEST_F(UnwrittenFaults, SoundTwinsReportNothing) {
  const DeviceArray<Inner> inner(32), inner_out(32);
  const DeviceArray<Last> last(32), last_out(32);
  write_members<<<1, 32>>>(inner.get(), last.get(), 32, 32);
  copy_structs<<<1, 32>>>(inner.get(), inner_out.get(), last.get(), last_out.get());
  for (const auto& values : {inner.values(), inner_out.values()}) EXPECT_EQ(values[7].number, 7);
  for (const auto& values : {last.values(), last_out.values()}) EXPECT_EQ(values[31].count, 31);
  const DeviceArray<double> numbers(32);
  write_every<<<1, 32>>>(numbers.get(), 1);
  EXPECT_EQ(numbers.values()[31], 31);
  const DeviceArray<int> in(std::vector<int>(2 * 16 * 64, 1)), sums(2 * 64);
  sum_unrolled<<<2, 64>>>(in.get(), sums.get());
  EXPECT_EQ(sums.values()[127], 16);
  EXPECT_EQ(emulator()->report_count(), 0);
}

}  // namespace
}  // namespace emulator_test
