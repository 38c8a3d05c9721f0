// The suite's kernels: their texts, as golden/ has them, and what the compiler says of them for
// each architecture, with no device. A line a kernel is printed:
//   muscle_f32: sm_80 40 r 62 % 80 KiB, sm_90 ...
// registers, occupancy and bytes under way on a multiprocessor.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <regex>
#include <sstream>

#include "host/cuda/disk_cache.h"
#include "host/cuda/nvrtc.h"
#include "tests/cuda/cache_folder.h"
#include "tests/cuda/kernel_facts.h"
#include "tests/cuda/suite.h"

namespace tendon::cuda {
namespace {

constexpr std::array kArchitectures = {80, 90, 100, 120};

const std::vector<SuiteKernel>& kernels() {
  static const std::vector<SuiteKernel> all = [] {
    std::vector<SuiteKernel> made;
    for (const SuiteCase& of : suite()) {
      for (SuiteKernel& kernel : kernels_of(of)) made.push_back(std::move(kernel));
    }
    return made;
  }();
  return all;
}

std::string contents(const std::string& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

class GeneratedKernel : public testing::TestWithParam<SuiteKernel> {};

TEST_P(GeneratedKernel, IsAsBefore) {
  const std::string file = fmt::format("{}/{}.cu", TENDON_GOLDEN_KERNELS, GetParam().name);
  const std::string& now = GetParam().kernel.text.text;
  if (std::getenv("TENDON_UPDATE_GOLDEN") != nullptr) std::ofstream(file) << now;
  EXPECT_EQ(contents(file), now)
      << "If the new text is better: TENDON_UPDATE_GOLDEN=1 writes it to " << file;
}

TEST(KernelsReadme, ShowsAKernelAsItIs) {
  const std::string file = TENDON_SOURCE_DIR "/kernels/README.md";
  const auto kernel = std::ranges::find(kernels(), "gelu_op_f32", &SuiteKernel::name);
  ASSERT_NE(kernel, kernels().end());
  const std::string text = contents(file), fence = "```cuda\n";
  const std::size_t begin = text.find(fence) + fence.size(), end = text.find("```", begin);
  ASSERT_NE(end, std::string::npos);
  const std::string now = text.substr(0, begin) + kernel->kernel.text.text + text.substr(end);
  if (std::getenv("TENDON_UPDATE_GOLDEN") != nullptr) std::ofstream(file) << now;
  EXPECT_EQ(contents(file), now) << "TENDON_UPDATE_GOLDEN=1 writes the kernel as it is to " << file;
}

// The bytes that have to be under way on a multiprocessor for memory to be busy: 16 KiB on an A100,
// 32 on an H100, 48 on an H200, 64 on a B200.
int needed_in_flight(int architecture) {
  return (architecture == 80 ? 16 : architecture == 90 ? 48 : 64) << 10;
}
// Kernels whose time is that of their memory: contiguous elements, and whole rows that lie in
// order. Black-Scholes in f64 takes some 320 instructions of f64 for the 88 bytes of an element,
// which a B200 (37 TFLOP/s, 8 TB/s) needs longer for than for the bytes.
bool is_bound_by_memory(const std::string& name, int architecture) {
  if (name == "black_scholes_f64" && architecture == 100) return false;
  static const std::regex kNames(
      "(muscle|black_scholes|gelu|silu|chain|cross_entropy|layer_norm|sum_of_all|sum_of_rows|sum_"
      "of_columns)_.*");
  return std::regex_match(name, kNames) && !name.ends_with(".1");
}
// As many as leave the threads that the bytes under way are counted for.
int most_registers(const std::string& name) {
  static const std::regex kNamesOfMany("(black_scholes_f64|layer_norm_.*|mlp_f32[.]0)");
  return name == "muscle_f32" ? 48 : std::regex_match(name, kNamesOfMany) ? 80 : 64;
}

TEST_P(GeneratedKernel, FitsTheRegistersOfEachArchitecture) {
  const SuiteKernel& kernel = GetParam();
  const std::uint32_t threads = kernel.kernel.geometry.threads;
  const int in_flight =
      bytes_in_flight(Nvrtc::instance().compile(kernel.kernel.text, {90, true}).bytes.data());
  std::string line = kernel.name + ":";
  for (const int architecture : kArchitectures) {
    const Target target = target_for(architecture, Nvrtc::instance().architectures());
    const MachineCode code = Nvrtc::instance().compile(kernel.kernel.text, target);
    const Occupancy occupancy = occupancy_of(code, threads, architecture);
    const int bytes = in_flight * occupancy.threads;
    line += fmt::format("{} sm_{} {} r {:.0f} % {} KiB", architecture == 80 ? "" : ",",
                        architecture, code.register_count, 100 * occupancy.share, bytes >> 10);
    EXPECT_EQ(code.spilled_bytes, 0) << "sm_" << architecture;
    EXPECT_LE(code.register_count, most_registers(kernel.name)) << "sm_" << architecture;
    if (architecture < 120 && is_bound_by_memory(kernel.name, architecture)) {
      EXPECT_GE(bytes, needed_in_flight(architecture)) << "sm_" << architecture;
    }
  }
  fmt::print("{}\n", line);
}

INSTANTIATE_TEST_SUITE_P(Suite, GeneratedKernel, testing::ValuesIn(kernels()), [](const auto& c) {
  return std::regex_replace(c.param.name, std::regex("\\."), "_");
});

TEST(BytesInFlight, AreThoseOfCopiesBeforeTheFirstWait) {
  EXPECT_EQ(bytes_in_flight("cp.async.cg.shared.global [%r1], [%rd1], 16;\n"
                            "cp.async.commit_group;\n"
                            "cp.async.cg.shared.global [%r2], [%rd2], 16;\n"
                            "cp.async.commit_group;\n"
                            "cp.async.wait_group 1;\n"
                            "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r1];\n"
                            "cp.async.cg.shared.global [%r1], [%rd3], 16;\n"
                            "cp.async.ca.shared.global [%r1], [%rd3], 4;\n"),
            32);
}

TEST(BytesInFlight, AreThoseOfLoadsBeforeTheFirstUse) {
  EXPECT_EQ(bytes_in_flight("ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];\n"
                            "ld.global.nc.v2.b64 {%fd1, %fd2}, [%rd2];\n"
                            "add.f32 %f5, %f1, %f2;\n"
                            "ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];\n"
                            "ld.global.f32 %f1, [%rd1];\n"),
            32);
}

using ColdCompile = CacheFolderTest;

// Printed, not asserted: 60 ms for GELU, 200 for muscle and 1 from disk are what is aimed at.
TEST_F(ColdCompile, TakesSoLong) {
  using Clock = std::chrono::steady_clock;
  const auto milliseconds = [](Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  };
  const DiskCache disk(DiskCacheSettings::of_environment());
  const Nvrtc& compiler = Nvrtc::instance();
  const Target target = target_for(90, compiler.architectures());
  compiler.compile(gelu(), target);  // the library is loaded
  for (const SuiteKernel& kernel : kernels()) {
    if (kernel.name != "gelu_op_f32" && kernel.name != "muscle_f32") continue;
    Clock::time_point begin = Clock::now();
    const std::clock_t clock = std::clock();
    const MachineCode code = compiler.compile(kernel.kernel.text, target);
    const double compiling = milliseconds(begin);
    const double computing = 1000.0 * static_cast<double>(std::clock() - clock) / CLOCKS_PER_SEC;
    const CacheKey key = cache_key(kernel.kernel.text, target);
    disk.save(key, compiler.version(), code);
    begin = Clock::now();
    EXPECT_TRUE(disk.find(key, compiler.version()).code.has_value());
    fmt::print("{}: compiled in {:.0f} ms ({:.0f} of a processor), found on disk in {:.2f} ms\n",
               kernel.name, compiling, computing, milliseconds(begin));
  }
}

}  // namespace
}  // namespace tendon::cuda
