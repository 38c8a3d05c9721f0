// Memory of the CPU back end: what is given back serves again.
#include "host/cpu/memory.h"

#include <gtest/gtest.h>
#include <tendon/error.h>
#include <tendon/tendon.h>

namespace tendon::cpu {
namespace {

TEST(CpuMemory, TakesNothingFromTheSystemForWhatItHasHad) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "with AddressSanitizer nothing is kept";
#endif
  Memory memory;
  for (int round = 0; round < 10; ++round) {
    void* small = memory.allocate(100, "test", {});
    void* large = memory.allocate(100'000, "test", {});
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(small) % 64, 0U);
    EXPECT_EQ(memory.in_use_bytes(), 100'100);
    memory.deallocate(small, 100);
    memory.deallocate(large, 100'000);
  }
  EXPECT_EQ(memory.taken_count(), 2);
  EXPECT_EQ(memory.in_use_bytes(), 0);
  EXPECT_EQ(memory.peak_bytes(), 100'100);
}

TEST(CpuMemory, GivesBackWhatItKeeps) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "with AddressSanitizer nothing is kept";
#endif
  Memory memory;
  void* held = memory.allocate(1000, "test", {});
  memory.deallocate(memory.allocate(100'000, "test", {}), 100'000);
  EXPECT_GE(memory.kept_bytes(), 100'000);
  memory.free_kept();
  EXPECT_EQ(memory.kept_bytes(), 0);
  EXPECT_EQ(memory.in_use_bytes(), 1000);
  memory.deallocate(memory.allocate(100'000, "test", {}), 100'000);
  EXPECT_EQ(memory.taken_count(), 3) << "it came from the system again";
  memory.deallocate(held, 1000);
}

// Of the device that the tests run on.
TEST(EmptyCache, LeavesValuesAndNothingElse) {
  const Tensor held = exp(zeros({100})) + 1;
  run({held});
  { EXPECT_EQ(exp(zeros({1000})).to_vector<float>()[999], 1); }
  empty_cache(default_device());
  EXPECT_EQ(counters(default_device()).bytes_kept, 0);
  EXPECT_EQ(held.to_vector<float>()[99], 2);
}

TEST(CpuMemory, SaysWhatItCannotGive) {
  Memory memory;
  void* kept = memory.allocate(1000, "test", {});
  memory.deallocate(kept, 1000);
  try {
    memory.allocate(std::size_t{1} << 60, "matmul", {});
    FAIL() << "an exbibyte was given";
  } catch (const OutOfMemory& error) {
    EXPECT_NE(std::string(error.what()).find("matmul"), std::string::npos) << error.what();
  }
  void* after = memory.allocate(1000, "test", {});
  EXPECT_NE(after, nullptr);
  memory.deallocate(after, 1000);
}

}  // namespace
}  // namespace tendon::cpu
