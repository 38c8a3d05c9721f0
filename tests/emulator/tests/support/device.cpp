#include "support/device.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace emulator_test {
namespace {

template <typename Function>
bool look_up(const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  return function != nullptr;
}

}  // namespace

const Emulator* emulator() {
  static Emulator found;
  static const bool is_there =
      look_up("emulatorReportCount", found.report_count) &&
      look_up("emulatorReportText", found.report_text) &&
      look_up("emulatorReportFault", found.report_fault) &&
      look_up("emulatorCounters", found.counters) && look_up("emulatorReset", found.reset) &&
      look_up("emulatorFailCall", found.fail_call) && look_up("emulatorSetSeed", found.set_seed);
  return is_there ? &found : nullptr;
}

void require(cudaError_t error, std::source_location place) {
  if (error == cudaSuccess) return;
  throw std::runtime_error(std::string(place.file_name()) + ":" + std::to_string(place.line()) +
                           ": " + cudaGetErrorName(error) + " (" + cudaGetErrorString(error) + ")");
}

void for_each_seed(const std::function<void(std::uint64_t seed)>& body) {
  if (emulator() == nullptr) return body(0);
  const char* is_long = std::getenv("TENDON_EMULATOR_LONG");
  const std::uint64_t seed_count = is_long != nullptr && std::strcmp(is_long, "0") != 0 ? 100 : 3;
  for (std::uint64_t seed = 0; seed < seed_count && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    emulator()->set_seed(seed, seed != 0);
    body(seed);
  }
  emulator()->set_seed(0, 0);
}

testing::AssertionResult mentions(const Finding& finding, std::string_view what) {
  if (finding.text.find(what) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "\"" << what << "\" is not in:\n" << finding.text;
}

void DeviceTest::SetUp() {
  int device_count = 0;
  if (cudaGetDeviceCount(&device_count) != cudaSuccess || device_count == 0) {
    GTEST_SKIP() << "no device";
  }
}

void DeviceTest::TearDown() {
  if (IsSkipped()) return;
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  if (emulator() == nullptr) return;
  for (int i = 0; i < emulator()->report_count(); ++i) {
    ADD_FAILURE() << "reported, and should not have been:\n" << emulator()->report_text(i);
  }
  emulator()->reset();
}

void EmulatedTest::SetUp() {
  DeviceTest::SetUp();
  if (!IsSkipped() && emulator() == nullptr) GTEST_SKIP() << "not the emulated device";
}

std::vector<Finding> EmulatedTest::take_findings() {
  cudaDeviceSynchronize();
  std::vector<Finding> findings;
  for (int i = 0; i < emulator()->report_count(); ++i) {
    findings.push_back({emulator()->report_fault(i), emulator()->report_text(i)});
  }
  emulator()->reset();
  cudaGetLastError();
  return findings;
}

}  // namespace emulator_test
