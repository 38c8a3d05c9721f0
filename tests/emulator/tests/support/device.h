// What the emulator's test programs share. They run on the emulated device and on a real one: what
// the emulator alone can say is asked for through emulator(), which is null elsewhere.
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <random>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "extension.h"

// GoogleTest prints errors by their names.
inline void PrintTo(cudaError_t error, std::ostream* out) { *out << cudaGetErrorName(error); }

namespace emulator_test {

// The functions of extension.h in the runtime that was loaded.
struct Emulator {
  decltype(&emulatorReportCount) report_count;
  decltype(&emulatorReportText) report_text;
  decltype(&emulatorReportFault) report_fault;
  decltype(&emulatorCounters) counters;
  decltype(&emulatorReset) reset;
  decltype(&emulatorFailCall) fail_call;
  decltype(&emulatorSetSeed) set_seed;
};
const Emulator* emulator();

// Throws where a call failed, with its error's name and the caller's place.
void require(cudaError_t error, std::source_location place = std::source_location::current());

// Runs `body` under several seeds: in order first, then with blocks in a random order. 100 of them
// with TENDON_EMULATOR_LONG=1; once, with seed 0, on a real device.
void for_each_seed(const std::function<void(std::uint64_t seed)>& body);

// A report, and what is asked of its text.
struct Finding {
  std::string fault;
  std::string text;
};
testing::AssertionResult mentions(const Finding& finding, std::string_view what);

// Skips where there is no device; at its end nothing may be reported, and no error be left.
class DeviceTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
};

// For tests of the emulator's own: skips on a real device.
class EmulatedTest : public DeviceTest {
 protected:
  void SetUp() override;
  // What was reported since the last call; the device is as new afterwards.
  std::vector<Finding> take_findings();
};

// Memory of the device that goes with its scope.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count) : count_(count) {
    require(cudaMalloc(reinterpret_cast<void**>(&data_), count == 0 ? 1 : count * sizeof(T)));
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    if (count_ != 0) {
      require(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
    }
  }
  DeviceArray(DeviceArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(other.count_) {}
  DeviceArray& operator=(DeviceArray&&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  T* get() const { return data_; }
  std::size_t count() const { return count_; }
  std::vector<T> values() const { return values(count_); }
  std::vector<T> values(std::size_t count) const {
    std::vector<T> result(count);
    if (count != 0) {
      require(cudaMemcpy(result.data(), data_, count * sizeof(T), cudaMemcpyDeviceToHost));
    }
    return result;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

// Whole numbers, so that floating sums are exact in every order.
template <typename T>
std::vector<T> whole_numbers(std::size_t count, std::mt19937_64& random, int most) {
  std::uniform_int_distribution<int> number(std::is_signed_v<T> ? -most : 0, most);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(number(random));
  return values;
}

// Equal, and where not, where first.
template <typename T>
testing::AssertionResult same(const std::vector<T>& got, const std::vector<T>& want) {
  if (got.size() != want.size()) {
    return testing::AssertionFailure() << got.size() << " elements, not " << want.size();
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!(got[i] == want[i])) {
      return testing::AssertionFailure()
             << "element " << i << " of " << got.size() << " is " << testing::PrintToString(got[i])
             << ", not " << testing::PrintToString(want[i]);
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace emulator_test
