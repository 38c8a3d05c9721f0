// A CUDA device as a benchmark needs it: memory, a stream, a clock that runs on the device. It goes
// through the CUDA runtime that tendon's CUDA executor has loaded, whose C functions are found by
// name, so that nothing here needs the toolkit to be built.
#pragma once

#include <tendon/backend.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace tendon::bench {

// What the emulated device counts of some work.
struct DeviceCounts {
  std::int64_t launches = 0;  // kernels and library calls
  std::int64_t graph_launches = 0;
  std::int64_t allocations = 0;
  std::int64_t synchronizations = 0;
  double bytes = 0;         // of global memory that launches touched, each once a launch
  double sector_bytes = 0;  // of the sectors that requests touched, each once a request
  double instructions = 0;  // of threads
};

class CudaDevice {
 public:
  // cuda:0. Throws std::runtime_error, or tendon's DeviceError, where there is none.
  static CudaDevice& instance();
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;
  ~CudaDevice();

  // Whether it is the emulated one, which has no time and counts instead.
  bool is_emulated() const { return counters_ != nullptr; }
  const std::string& name() const { return name_; }

  using Memory = std::shared_ptr<void>;
  Memory allocate(std::size_t bytes);
  void copy_to_device(void* destination, const void* source, std::size_t bytes);
  void copy_to_host(void* destination, const void* source, std::size_t bytes);
  Stream stream() const { return Stream(stream_); }

  // Seconds on the device of what is put on stream() meanwhile.
  double seconds(const std::function<void()>& enqueue);
  // Bytes a second of a copy whose source and destination are so many bytes together.
  double bandwidth(double bytes);
  // Of work in any stream; waits before and after. Of an emulated device.
  DeviceCounts counts(const std::function<void()>& run);
  // Host time that the emulated device has taken so far, in seconds; 0 of a real one.
  double host_seconds() const;

 private:
  CudaDevice();
  // Of the runtime, each named by its first argument's text.
  template <class... Arguments>
  void call(const char* function, Arguments... arguments);
  template <class Function>
  Function find(const char* name) const;

  void* runtime_ = nullptr;
  void* stream_ = nullptr;
  void* begin_ = nullptr;
  void* end_ = nullptr;
  std::string name_;
  const char* (*counters_)() = nullptr;
};

}  // namespace tendon::bench
