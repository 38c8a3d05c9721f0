#include "tests/cuda/emulated_device.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <tendon/error.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/emulator/extension.h"

namespace tendon::cuda {
namespace {

template <class Function>
Function* extension(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}
#define EXTENSION(name) extension<decltype(name)>(#name)

std::int64_t count(const char* calls) {
  return nlohmann::json::parse(EXTENSION(emulatorCounters)())
      .at("calls")
      .at(calls)
      .get<std::int64_t>();
}

}  // namespace

bool is_emulated() { return EXTENSION(emulatorFailCall) != nullptr; }

FailingCall::FailingCall(std::string function, int n, cudaError_t error)
    : function_(std::move(function)) {
  if (EXTENSION(emulatorFailCall)(function_.c_str(), n, error) != 0)
    throw std::invalid_argument("no function " + function_);
}
FailingCall::~FailingCall() { EXTENSION(emulatorFailCall)(function_.c_str(), 0, 0); }

std::int64_t live_blocks() { return count("allocations") - count("frees"); }
std::int64_t synchronization_count() { return count("synchronizations"); }

std::int64_t module_count() { return count("modules"); }

OnLibraryCall::OnLibraryCall(std::function<void(const std::string& function)> called)
    : called_(std::move(called)) {
  EXTENSION(emulatorOnLibraryCall)
  ([](const char* function, void* self) { static_cast<OnLibraryCall*>(self)->called_(function); },
   this);
}
OnLibraryCall::~OnLibraryCall() { EXTENSION(emulatorOnLibraryCall)(nullptr, nullptr); }

void for_each_seed(const std::function<void()>& body) {
  if (!is_emulated()) return body();
  const char* is_long = std::getenv("TENDON_EMULATOR_LONG");
  const std::uint64_t seed_count = is_long != nullptr && std::string(is_long) == "1" ? 100 : 4;
  for (std::uint64_t seed = 0; seed < seed_count && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    EXTENSION(emulatorSetSeed)(seed, seed != 0);
    body();
  }
  EXTENSION(emulatorSetSeed)(0, 0);
}

void OnDevice::SetUp() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) GTEST_SKIP() << "no CUDA device";
}

void OnDevice::TearDown() {
  if (IsSkipped()) return;
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "an error is left behind";
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  if (!is_emulated()) return;
  for (int i = 0; i < EXTENSION(emulatorReportCount)(); ++i)
    ADD_FAILURE() << EXTENSION(emulatorReportText)(i);
  revive();
}

void OnDevice::revive() { EXTENSION(emulatorReset)(); }

void OnEmulatedDevice::SetUp() {
  OnDevice::SetUp();
  if (!IsSkipped() && !is_emulated()) GTEST_SKIP() << "not the emulated device";
}

Floats::Floats(std::vector<float> values, int device) : device_(device), count_(values.size()) {
  const DeviceScope scope(device_);
  const std::size_t bytes = count_ * sizeof(float);
  TENDON_CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&data_), bytes));
  TENDON_CUDA_CHECK(cudaMemcpy(data_, values.data(), bytes, cudaMemcpyHostToDevice));
  // For streams that do not wait for the default one. Not for the device: another thread may
  // capture.
  TENDON_CUDA_CHECK(cudaStreamSynchronize(nullptr));
}
Floats::~Floats() { forget(cudaFree(data_)); }

std::vector<float> Floats::values() const {
  const DeviceScope scope(device_);
  TENDON_CUDA_CHECK(cudaDeviceSynchronize());
  std::vector<float> values(count_);
  TENDON_CUDA_CHECK(
      cudaMemcpy(values.data(), data_, count_ * sizeof(float), cudaMemcpyDeviceToHost));
  return values;
}

StreamHandle new_stream() {
  StreamHandle stream;
  TENDON_CUDA_CHECK(cudaStreamCreateWithFlags(stream.put(), cudaStreamNonBlocking));
  return stream;
}

std::string thrown(const std::function<void()>& call) {
  try {
    call();
  } catch (const DeviceError& error) {
    return fmt::format("DeviceError {}: {}", error.code(), error.what());
  } catch (const OutOfMemory& error) {
    return fmt::format("OutOfMemory {} {} {}: {}", error.requested_bytes(), error.in_use_bytes(),
                       error.free_bytes(), error.what());
  } catch (const std::exception& error) {
    return fmt::format("Error: {}", error.what());
  }
  return "";
}

testing::AssertionResult says(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words) {
    if (text.find(word) == std::string::npos)
      return testing::AssertionFailure() << "\"" << text << "\" lacks \"" << word << "\"";
  }
  return testing::AssertionSuccess();
}

}  // namespace tendon::cuda
