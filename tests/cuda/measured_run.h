// A tape that runs on a CUDA device's memory, and what the emulated device counts meanwhile. Its
// counters are found where libcudart.so.13 is the emulated one; on a GPU there are none.
#pragma once

#include <gtest/gtest.h>
#include <tendon/backend.h>

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace tendon::cuda {

// What kernels asked of global memory, loads and stores; bytes are in units of 1.
struct Traffic {
  std::int64_t requests = 0;     // of warps
  std::int64_t bytes = 0;        // asked for
  std::int64_t sectors = 0;      // of 32 bytes, counted anew for each request
  std::int64_t excess = 0;       // sectors beyond those that the requests' bytes fill
  std::int64_t first_touch = 0;  // bytes that their launch had not touched this way before
};

// What happened on the device. A call that executes nothing counts nothing.
struct Counted {
  std::int64_t kernels = 0, graph_launches = 0, library_calls = 0, allocations = 0,
               synchronizations = 0, copies_on_device = 0, bytes_on_device = 0;
  Traffic loads, stores;
  std::int64_t instructions = 0;  // of threads
  std::int64_t local_bytes = 0;
  nlohmann::json launches;  // one a kernel, as the device writes it

  std::int64_t first_touch() const { return loads.first_touch + stores.first_touch; }
  std::int64_t bytes() const { return loads.bytes + stores.bytes; }
  std::int64_t sector_bytes() const { return 32 * (loads.sectors + stores.sectors); }
};

bool can_count();  // whether the device is the emulated one
// Waits before and after, which is not counted.
Counted count(const std::function<void()>& run);

// A line for a person, with each launch below.
std::string text(const Counted& counted);

// On the CUDA device, which is the default one meanwhile; skipped where there is none. A test that
// needs the counters skips where they are not.
class CudaGate : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override { set_default_device(before_); }
  Device device() const { return Device::cuda(); }

 private:
  Device before_ = Device::cpu();
};

struct Between {
  double low = 0.25, high = 1;
};

// A compiled tape with inputs and outputs in the device's memory, each so many bytes behind a
// multiple of 256. The inputs are uniform between their bounds, whole numbers where they are
// integers.
class DeviceRun {
 public:
  DeviceRun(const Tape& tape, const CompileOptions& options, std::vector<Between> inputs = {},
            std::size_t offset_bytes = 0);
  // With gradients by every floating input.
  static DeviceRun with_gradients(const Tape& tape, std::vector<Between> inputs = {});
  DeviceRun(DeviceRun&&) = default;

  const Executable& executable() const { return executable_; }
  void run() const;
  // Of one run, after another that makes ready.
  Counted counted() const;
  // Each input read once and each connected output written once.
  std::int64_t floor_bytes() const;
  // Compares the outputs with the CPU's: |difference| <= tolerance * (1 + |value|).
  void expect_as_on_cpu(double tolerance) const;

 private:
  struct Free {
    void operator()(void* memory) const;
  };
  using Memory = std::unique_ptr<void, Free>;
  Buffer allocate(std::size_t bytes, std::size_t offset_bytes);

  Tape tape_;
  CompileOptions options_;
  Executable executable_;
  std::vector<std::vector<std::byte>> values_;  // of the inputs
  std::vector<Memory> memory_;
  std::vector<Buffer> inputs_, outputs_;
};

}  // namespace tendon::cuda
