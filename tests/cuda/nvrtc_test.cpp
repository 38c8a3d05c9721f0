#include "host/cuda/nvrtc.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "tests/cuda/cache_folder.h"

namespace tendon::cuda {
namespace {

TEST(Nvrtc, CompilesForEachArchitectureWithoutSpills) {
  for (const int architecture : {80, 90, 100, 120}) {
    const Target target = target_for(architecture, Nvrtc::instance().architectures());
    const MachineCode code = Nvrtc::instance().compile(gelu(), target);
    ASSERT_GT(code.bytes.size(), 4U);
    EXPECT_EQ(std::string(code.bytes.data() + 1, 3), "ELF") << architecture;
    EXPECT_GT(code.register_count, 0) << architecture;
    EXPECT_EQ(code.spilled_bytes, 0) << architecture;
  }
}

TEST(Nvrtc, GivesPtxWithItsEndForATargetThatAsksForIt) {
  const MachineCode code = Nvrtc::instance().compile(gelu(), {90, true});
  EXPECT_NE(std::string(code.bytes.data()).find(".entry gelu"), std::string::npos);
  EXPECT_EQ(code.bytes.back(), '\0');
}

TEST(Nvrtc, ReportsSpills) {
  // 128 values that are alive at once, in 32 registers.
  const KernelText text{
      "spills",
      "extern \"C\" __global__ void __launch_bounds__(1024, 2) spills(float* x) {\n"
      "  float v[128];\n"
      "  for (int i = 0; i < 128; ++i) v[i] = x[i * 1024 + threadIdx.x];\n"
      "  __syncthreads();\n"
      "  for (int i = 0; i < 128; ++i) x[(127 - i) * 1024 + threadIdx.x] = v[i];\n"
      "}\n"};
  EXPECT_GT(Nvrtc::instance().compile(text, {90}).spilled_bytes, 0);
}

TEST(Nvrtc, ErrorCarriesTheTextAndTheLog) {
  const KernelText wrong{"wrong", "extern \"C\" __global__ void wrong() { no_such_function(); }"};
  try {
    Nvrtc::instance().compile(wrong, {90});
    FAIL() << "it compiled";
  } catch (const CompileError& error) {
    EXPECT_EQ(error.source(), wrong.text);
    EXPECT_NE(error.log().find("no_such_function"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("the kernel wrong"), std::string::npos);
  }
}

TEST(Nvrtc, MissingLibrarySaysWhatToInstall) {
  try {
    const Nvrtc compiler({.named = "/nowhere/libnvrtc.so", .folders = {}});
    FAIL() << "it was opened";
  } catch (const DeviceError& error) {
    const std::string message = error.what();
    for (const char* part : {"/nowhere/libnvrtc.so", "cuda-nvrtc", "TENDON_NVRTC"}) {
      EXPECT_NE(message.find(part), std::string::npos) << message;
    }
  }
}

TEST(Nvrtc, IsTheLibraryThatTheVariableNames) {
  // In a process that has opened none yet.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto open = [] {
    ::setenv("TENDON_NVRTC", "/nowhere/libnvrtc.so", 1);
    try {
      Nvrtc::instance();
    } catch (const DeviceError& error) {
      std::fputs(error.what(), stderr);
      ::_exit(0);
    }
    ::_exit(1);
  };
  EXPECT_EXIT(open(), testing::ExitedWithCode(0), "/nowhere/libnvrtc.so");
}

TEST(Target, IsPtxOfTheNewestForAnArchitectureThatIsNotKnown) {
  constexpr std::array kKnown = {80, 90, 100, 120};
  EXPECT_EQ(target_for(90, kKnown), (Target{90, false}));
  EXPECT_EQ(target_for(95, kKnown), (Target{90, true}));
  EXPECT_EQ(target_for(130, kKnown), (Target{120, true}));
  EXPECT_EQ(target_for(130, {}), (Target{130, false}));
  EXPECT_THROW(target_for(75, kKnown), DeviceError);
}

TEST(Target, IsPtxWhereTheVariableAsks) {
  ::setenv("TENDON_PTX", "1", 1);
  EXPECT_TRUE(target_for(90, {}).is_ptx);
  ::unsetenv("TENDON_PTX");
}

}  // namespace
}  // namespace tendon::cuda
