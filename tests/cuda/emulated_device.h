// What the emulated device does for tests (tests/emulator/extension.h), found where libcudart.so.13
// is the emulated one; and a caller with memory and streams of its own.
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <tendon/backend.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "host/cuda/runtime.h"

namespace tendon::cuda {

bool is_emulated();

// While it lives, the n-th call of the function from now, from 1, is to fail with the error; once.
class FailingCall {
 public:
  FailingCall(std::string function, int n, cudaError_t error);
  FailingCall(const FailingCall&) = delete;
  FailingCall& operator=(const FailingCall&) = delete;
  ~FailingCall();

 private:
  std::string function_;
};

// Blocks of device memory that the process has allocated and not freed.
std::int64_t live_blocks();
// How often the host has waited for the device.
std::int64_t synchronization_count();

// Modules of kernels that the device has loaded, libraries' among them.
std::int64_t module_count();

// While it lives, called as each call of cuBLASLt begins, with the function's name, in its thread.
class OnLibraryCall {
 public:
  explicit OnLibraryCall(std::function<void(const std::string& function)> called);
  OnLibraryCall(const OnLibraryCall&) = delete;
  OnLibraryCall& operator=(const OnLibraryCall&) = delete;
  ~OnLibraryCall();

 private:
  std::function<void(const std::string&)> called_;
};

// Under several seeds: the orders in which the device runs what nothing orders. 100 of them with
// TENDON_EMULATOR_LONG=1; once on a real device.
void for_each_seed(const std::function<void()>& body);

// Skips where there is no device. At its end the emulated device has found nothing wrong, and no
// error is left behind for the caller.
class OnDevice : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  // Forgets what was found, and what a kernel's error left of the device.
  static void revive();
};

// For tests of calls that are made to fail.
class OnEmulatedDevice : public OnDevice {
 protected:
  void SetUp() override;
};

// Floats of a caller on the current device, or on another.
class Floats {
 public:
  explicit Floats(std::vector<float> values, int device = 0);
  explicit Floats(std::size_t count, int device = 0)
      : Floats(std::vector<float>(count, -1), device) {}
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
  ~Floats();

  float* data() const { return data_; }
  Buffer buffer() const { return {data_, count_ * sizeof(float), Device::cuda(device_)}; }
  std::vector<float> values() const;  // waits for the device

 private:
  int device_;
  std::size_t count_;
  float* data_ = nullptr;
};

StreamHandle new_stream();

// What the call throws, as text: "DeviceError 700: …"; empty where it throws nothing.
std::string thrown(const std::function<void()>& call);
testing::AssertionResult says(const std::string& text, std::initializer_list<const char*> words);

}  // namespace tendon::cuda
