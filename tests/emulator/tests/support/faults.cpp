#include "support/faults.h"

#include <cstdlib>
#include <filesystem>

namespace emulator_test {
namespace {

// Before the program's kernels are registered, when the emulator reads its environment: an endless
// loop is soon found.
[[gnu::constructor(101)]] void take_few_steps() { setenv("TENDON_EMULATOR_STEPS", "100000", 0); }

}  // namespace

void FaultTest::expect_found(const Planted& planted, const char* file, cudaError_t error) {
  EXPECT_EQ(cudaDeviceSynchronize(), error);
  const auto findings = take_findings();
  if (findings.empty()) {
    ADD_FAILURE() << "nothing was found, where \"" << planted.fault << "\" was planted";
    return;
  }
  for (std::size_t i = 1; i < findings.size(); ++i) {
    ADD_FAILURE() << "found besides what was planted:\n" << findings[i].text;
  }
  const Finding& finding = findings.front();
  EXPECT_EQ(finding.fault, planted.fault) << finding.text;
  EXPECT_TRUE(mentions(finding, planted.fault));
  EXPECT_TRUE(mentions(finding, planted.kernel));
  if (planted.line != 0) {
    const std::string place = std::filesystem::path(file).filename().string() + ":";
    EXPECT_TRUE(mentions(finding, place + std::to_string(planted.line)));
  }
  if (!planted.block.empty()) {
    EXPECT_TRUE(mentions(finding, "block " + planted.block));
  }
  if (!planted.thread.empty()) {
    EXPECT_TRUE(mentions(finding, "thread " + planted.thread));
  }
  EXPECT_TRUE(mentions(finding, planted.instruction));
}

void FaultTest::expect_usable() {
  const DeviceArray<int> cells(4);
  EXPECT_EQ(cudaMemset(cells.get(), 1, 16), cudaSuccess);
  EXPECT_TRUE(same(cells.values(), std::vector<int>(4, 0x01010101)));
}

}  // namespace emulator_test
