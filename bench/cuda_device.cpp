#include "bench/cuda_device.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <tendon/error.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

namespace tendon::bench {
namespace {

constexpr const char* kRuntime = "libcudart.so.13";
// Of the runtime's interface.
constexpr int kToDevice = 1, kToHost = 2, kOnDevice = 3;
constexpr unsigned kNonBlocking = 1;
constexpr std::size_t kMostPropertiesBytes = 16384;  // it begins with the name, which ends with 0

}  // namespace

template <class Function>
Function CudaDevice::find(const char* name) const {
  return reinterpret_cast<Function>(dlsym(runtime_, name));
}

template <class... Arguments>
void CudaDevice::call(const char* function, Arguments... arguments) {
  const auto found = find<int (*)(Arguments...)>(function);
  if (found == nullptr) throw std::runtime_error(fmt::format("{} has no {}", kRuntime, function));
  if (const int error = found(arguments...); error != 0)
    throw std::runtime_error(fmt::format("{} failed with error {}", function, error));
}

CudaDevice& CudaDevice::instance() {
  static CudaDevice device;
  return device;
}

CudaDevice::CudaDevice() {
  // The executor is loaded, and has loaded the runtime, once it has answered.
  static_cast<void>(counters(Device::cuda()));
  runtime_ = dlopen(kRuntime, RTLD_NOW | RTLD_NOLOAD);
  if (runtime_ == nullptr) throw std::runtime_error(fmt::format("{} is not loaded", kRuntime));
  counters_ = find<const char* (*)()>("emulatorCounters");
  std::vector<char> properties(kMostPropertiesBytes);
  call("cudaGetDeviceProperties", static_cast<void*>(properties.data()), 0);
  name_ = properties.data();
  call("cudaStreamCreateWithFlags", &stream_, kNonBlocking);
  call("cudaEventCreate", &begin_);
  call("cudaEventCreate", &end_);
}

CudaDevice::~CudaDevice() { dlclose(runtime_); }

CudaDevice::Memory CudaDevice::allocate(std::size_t bytes) {
  void* memory = nullptr;
  call("cudaMalloc", &memory, std::max<std::size_t>(bytes, 1));
  return {memory, find<int (*)(void*)>("cudaFree")};
}

void CudaDevice::copy_to_device(void* destination, const void* source, std::size_t bytes) {
  call("cudaMemcpy", destination, source, bytes, kToDevice);
}

void CudaDevice::copy_to_host(void* destination, const void* source, std::size_t bytes) {
  call("cudaStreamSynchronize", stream_);
  call("cudaMemcpy", destination, source, bytes, kToHost);
}

double CudaDevice::seconds(const std::function<void()>& enqueue) {
  call("cudaEventRecord", begin_, stream_);
  enqueue();
  call("cudaEventRecord", end_, stream_);
  call("cudaEventSynchronize", end_);
  float milliseconds = 0;
  call("cudaEventElapsedTime", &milliseconds, begin_, end_);
  return static_cast<double>(milliseconds) * 1e-3;
}

double CudaDevice::bandwidth(double bytes) {
  constexpr int kRuns = 20;
  static std::map<int, double> measured;  // by the power of two
  const int power = std::max(12, static_cast<int>(std::lround(std::log2(bytes))));
  if (const auto found = measured.find(power); found != measured.end()) return found->second;
  const std::size_t half = std::size_t{1} << (power - 1);
  const Memory from = allocate(half), into = allocate(half);
  const auto copy = [&] {
    for (int i = 0; i < kRuns; ++i)
      call("cudaMemcpyAsync", into.get(), static_cast<const void*>(from.get()), half, kOnDevice,
           stream_);
  };
  double best = INFINITY;
  for (int i = 0; i < 5; ++i) best = std::min(best, seconds(copy) / kRuns);
  return measured[power] = 2 * static_cast<double>(half) / best;
}

DeviceCounts CudaDevice::counts(const std::function<void()>& run) {
  const auto wait = [&] { call("cudaDeviceSynchronize"); };
  const auto json = [&] { return nlohmann::json::parse(counters_()); };
  wait();
  find<void (*)()>("emulatorReset")();
  run();
  const nlohmann::json asked = json();
  wait();
  const nlohmann::json done = json();
  const nlohmann::json& total = done.at("total");
  DeviceCounts counts;
  counts.launches = static_cast<std::int64_t>(done.at("launches").size()) +
                    done.at("calls").at("library_calls").get<std::int64_t>();
  counts.graph_launches = asked.at("calls").at("graph_launches");
  counts.allocations = asked.at("calls").at("allocations");
  counts.synchronizations = asked.at("calls").at("synchronizations");
  for (const char* way : {"global_load", "global_store"}) {
    counts.bytes += total.at(way).at("first_touch").get<double>();
    counts.sector_bytes += 32 * total.at(way).at("sectors").get<double>();
  }
  counts.instructions = total.at("thread_instructions");
  return counts;
}

double CudaDevice::host_seconds() const {
  const auto host_time = find<std::uint64_t (*)()>("emulatorHostTime");
  return host_time == nullptr ? 0 : static_cast<double>(host_time()) * 1e-9;
}

}  // namespace tendon::bench
