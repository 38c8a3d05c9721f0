#include "host/cuda/runtime.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

namespace tendon::cuda {
namespace {

// After these the process can do nothing more with the device.
constexpr cudaError_t kSticky[] = {
    cudaErrorIllegalAddress,      cudaErrorLaunchFailure,
    cudaErrorLaunchTimeout,       cudaErrorAssert,
    cudaErrorMisalignedAddress,   cudaErrorInvalidAddressSpace,
    cudaErrorIllegalInstruction,  cudaErrorHardwareStackError,
    cudaErrorInvalidPc,           cudaErrorECCUncorrectable,
    cudaErrorNvlinkUncorrectable, cudaErrorContained,
    cudaErrorTensorMemoryLeak,    cudaErrorExternalDevice,
    cudaErrorMpsClientTerminated, cudaErrorContextIsDestroyed,
};

bool is_sticky(cudaError_t status) {
  return std::ranges::find(kSticky, status) != std::end(kSticky);
}

// A call that waits for work gives the work's errors.
bool waits(std::string_view call) {
  return call.find("Synchronize") != std::string_view::npos || call.starts_with("cudaMemcpy");
}

struct LastLaunches {
  std::mutex mutex;
  std::map<int, std::shared_ptr<const std::string>> by_device;
};
LastLaunches& last_launches() {
  static auto* instance = new LastLaunches;
  return *instance;
}

std::string last_launch() {
  int device = 0;
  forget(cudaGetDevice(&device));
  const std::scoped_lock lock(last_launches().mutex);
  const auto last = last_launches().by_device.find(device);
  if (last == last_launches().by_device.end()) return "";
  return fmt::format(", last on cuda:{}: {}", device, *last->second);
}

std::atomic<bool> is_forked = false;

}  // namespace

void fail(cudaError_t status, std::string_view call, std::string_view what) {
  forget(status);
  call = call.substr(0, call.find('('));
  if (call.starts_with("::")) call.remove_prefix(2);
  std::string message = fmt::format("{}{}{} failed: {} ({})", what, what.empty() ? "" : ": ", call,
                                    cudaGetErrorName(status), cudaGetErrorString(status));
  if (status == cudaErrorMemoryAllocation) throw OutOfMemory(message, 0, 0, -1);
  if (is_sticky(status) || waits(call)) {
    message += "; it may stem from work that was launched before" + last_launch();
  }
  if (is_sticky(status)) {
    message +=
        "; this process can do nothing more with the device, and a new one is needed; the CPU and "
        "other devices can still be used";
  }
  throw DeviceError(message, static_cast<int>(status));
}

void note_launch(int device, const std::shared_ptr<const std::string>& what) {
  const std::scoped_lock lock(last_launches().mutex);
  last_launches().by_device[device] = what;
}

void watch_forks() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { is_forked = true; }); });
}

void check_process() {
  if (!is_forked.load(std::memory_order_relaxed)) return;
  throw DeviceError(
      "this process was forked from one that uses CUDA, and CUDA does not work in such a child: "
      "fork before the first use of a CUDA device, or execute a new program");
}

DeviceScope::DeviceScope(int device) {
  TENDON_CUDA_CHECK(cudaGetDevice(&before_));
  if (before_ == device) return;
  TENDON_CUDA_CHECK(cudaSetDevice(device));
  is_changed_ = true;
}

DeviceScope::~DeviceScope() {
  if (is_changed_) forget(cudaSetDevice(before_));
}

StreamHandle make_stream(int device) {
  const DeviceScope scope(device);
  StreamHandle stream;
  TENDON_CUDA_CHECK(cudaStreamCreateWithFlags(stream.put(), cudaStreamNonBlocking));
  return stream;
}

std::mutex& capture_mutex() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace tendon::cuda
