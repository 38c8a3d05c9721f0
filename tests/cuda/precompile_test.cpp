// Kernels compiled where there is no device, for one that is elsewhere.
#include "host/cuda/precompile.h"

#include <gtest/gtest.h>
#include <tendon/backend.h>
#include <tendon/precompile.h>

#include "host/cuda/device_traits.h"
#include "host/cuda/nvrtc.h"
#include "tests/cuda/cache_folder.h"
#include "tests/cuda/suite.h"

namespace tendon::cuda {
namespace {

using PrecompiledTape = CacheFolderTest;

Tape some_tape() {
  TapeBuilder tape;
  const Ref x = tape.input(DType::f32, {1000}, "x");
  return std::move(tape).finish({tape.apply(Op::reduce_sum, {tape.apply(Op::tanh, {x})})});
}

CompileOptions with_gradient(const Tape& tape) {
  return {.device = Device::cpu(), .sources = {tape.inputs()[0]}, .gradients = true};
}

TEST_F(PrecompiledTape, IsOnDiskForAnArchitectureThatIsNotThere) {
  const Tape tape = some_tape();
  std::vector<CompileProgress> reports;
  const auto keep = [&](const CompileProgress& progress) { reports.push_back(progress); };
  precompile(tape, 100, with_gradient(tape), keep);
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(files().size(), reports.size());
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_EQ(reports[i].done, static_cast<int>(i) + 1);
    EXPECT_EQ(reports[i].total, static_cast<int>(reports.size()));
    EXPECT_FALSE(reports[i].is_hit);
    EXPECT_EQ(reports[i].why, "not in the cache");
  }
  const std::size_t count = reports.size();

  reports.clear();
  precompile(tape, 100, with_gradient(tape), keep);
  ASSERT_EQ(reports.size(), count);
  for (const CompileProgress& report : reports) EXPECT_TRUE(report.is_hit) << report.why;

  precompile(tape, 90, with_gradient(tape), keep);
  EXPECT_EQ(files().size(), 2 * count) << "another architecture has kernels of its own";
}

TEST_F(PrecompiledTape, HasEveryKernelThatADeviceAsksFor) {
  int device_count = 0;
  if (cudaGetDeviceCount(&device_count) != cudaSuccess || device_count == 0)
    GTEST_SKIP() << "no CUDA device";
  int major = 0, minor = 0;
  TENDON_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  TENDON_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0));
  const int architecture = 10 * major + minor;
  // What the emulated device takes, too.
  ::setenv("TENDON_PTX", "1", 1);
  for (const SuiteCase& of : suite()) {
    if (std::string(of.name) != "mlp_f32") continue;
    precompile(plan::make_plan(of.tape(), kTraits), architecture);
    std::vector<KernelText> texts;
    for (const SuiteKernel& kernel : kernels_of(of)) texts.push_back(kernel.kernel.text);
    KernelCache cache(0, architecture);
    cache.get(texts);
    EXPECT_EQ(cache.compiled_count(), 0);
    EXPECT_GT(cache.from_disk_count(), 0);
  }
  ::unsetenv("TENDON_PTX");
}

TEST_F(PrecompiledTape, IsNotTakenForKeptWhereItIsNot) {
  const Tape tape = some_tape();
  for (const auto& [name, value] :
       {std::pair("TENDON_CACHE_DIR", "/proc/tendon"), std::pair("TENDON_CACHE_BYTES", "0")}) {
    ::setenv(name, value, 1);
    EXPECT_THROW(precompile(tape, 100, with_gradient(tape)), Error) << name;
    ::setenv("TENDON_CACHE_DIR", folder().c_str(), 1);
    ::unsetenv("TENDON_CACHE_BYTES");
  }
}

TEST_F(PrecompiledTape, OfATooOldArchitectureIsRefused) {
  const Tape tape = some_tape();
  EXPECT_THROW(precompile(tape, 75, with_gradient(tape)), DeviceError);
}

}  // namespace
}  // namespace tendon::cuda
