#include "host/cuda/cuda_backend.h"

#include <map>
#include <mutex>
#include <string>
#include <type_traits>

#include "host/cuda/device_traits.h"
#include "host/cuda/instance.h"
#include "host/cuda/memory.h"
#include "host/cuda/reachability.h"
#include "host/support/text.h"

namespace tendon::cuda {
namespace {

constexpr int kLeastCapability = 80;

class CudaBackend final : public plan::Backend {
 public:
  CudaBackend(int device, int architecture)
      : device_(device),
        stream_(make_stream(device)),
        memory_(device, stream_.get()),
        reachability_(memory_),
        kernels_(device, architecture) {}

  void* allocate(std::size_t bytes, const char* op, Place place) override {
    check_process();
    if (void* kept = memory_.reuse(bytes)) return kept;
    return on_device([&] { return memory_.allocate(bytes, op, place); });
  }
  void deallocate(void* memory, std::size_t bytes) noexcept override {
    memory_.deallocate(memory, bytes);
  }

  void empty_cache() override {
    on_device([this] { memory_.give_back_spare(); });
  }
  void set_allocator(Allocator allocator) override {
    const auto shared =
        allocator.allocate ? std::make_shared<const Allocator>(std::move(allocator)) : nullptr;
    on_device([&] {
      memory_.set_allocator(shared);
      reachability_.set_allocator(shared);
    });
  }

  void copy_from_host(void* destination, const void* source, std::size_t bytes) override {
    if (bytes == 0) return;
    on_device([&] {
      TENDON_CUDA_CHECK(
          cudaMemcpyAsync(destination, source, bytes, cudaMemcpyHostToDevice, stream_.get()));
      // The source may go as soon as this returns.
      TENDON_CUDA_CHECK(cudaStreamSynchronize(stream_.get()));
    });
  }
  void copy_to_host(void* destination, const void* source, std::size_t bytes) override {
    if (bytes == 0) return;
    on_device([&] {
      TENDON_CUDA_CHECK(
          cudaMemcpyAsync(destination, source, bytes, cudaMemcpyDeviceToHost, stream_.get()));
      TENDON_CUDA_CHECK(cudaStreamSynchronize(stream_.get()));
    });
  }
  std::string elsewhere(const void* address) const override {
    check_process();
    const DeviceScope scope(device_);
    cudaPointerAttributes attributes{};
    TENDON_CUDA_CHECK(cudaPointerGetAttributes(&attributes, address));
    switch (attributes.type) {
      case cudaMemoryTypeManaged: return "";
      case cudaMemoryTypeDevice:
        return attributes.device == device_ ? "" : fmt::format("cuda:{}", attributes.device);
      case cudaMemoryTypeHost: return "pinned memory of the host";
      default: return "memory of the host, or none";
    }
  }

  std::vector<std::uint64_t> needed_backward(const kernels::Adjacency& graph,
                                             std::uint32_t word_count,
                                             std::span<const kernels::SourceNode> sources,
                                             std::span<const std::uint32_t> targets) override {
    return on_device(
        [&] { return reachability_.needed_backward(graph, word_count, sources, targets); });
  }

  const plan::DeviceTraits& traits() const noexcept override { return kTraits; }
  std::unique_ptr<plan::Program> prepare(plan::Plan plan) override {
    check_process();
    return std::make_unique<CudaProgram>(std::move(plan), device_, kernels_, memory_);
  }
  std::shared_ptr<const plan::Outcome> execute(
      const plan::Program& given, const Tape& numbers, std::span<const void* const> inputs,
      std::span<void* const> outputs, Stream stream,
      std::span<const std::shared_ptr<const plan::Outcome>> before) override {
    const auto& program = static_cast<const CudaProgram&>(given);
    auto* const native = native_of(stream);
    std::shared_ptr<IndexCheck> check;
    const std::int64_t launches = on_device([&] {
      if (native != stream_.get()) refuse_capture(native);
      if (!check && !program.indexed_ops().empty())
        check = index_checks_.begin(program.indexed_ops(), numbers);
      return run(program, {numbers, inputs, outputs, check ? check->faults() : nullptr}, native);
    });
    if (check) on_device([&] { index_checks_.launched(check, native); });
    runs_.fetch_add(1, std::memory_order_relaxed);
    launches_.fetch_add(launches, std::memory_order_relaxed);
    ops_.fetch_add(program.plan().op_count, std::memory_order_relaxed);
    return IndexChecks::outcome(std::move(check), before);
  }
  void synchronize() override {
    on_device([] {
      const std::scoped_lock lock(capture_mutex());
      TENDON_CUDA_CHECK(cudaDeviceSynchronize());
    });
    index_checks_.check_all();
  }

  void count_plan_built() noexcept override {
    plans_built_.fetch_add(1, std::memory_order_relaxed);
  }
  void count_plan_found() noexcept override {
    plans_found_.fetch_add(1, std::memory_order_relaxed);
  }
  void count_host_read() noexcept override { host_reads_.fetch_add(1, std::memory_order_relaxed); }
  Counters counters() const noexcept override {
    Counters counters;
    counters.runs = runs_.load(std::memory_order_relaxed);
    counters.ops = ops_.load(std::memory_order_relaxed);
    counters.launches = launches_.load(std::memory_order_relaxed);
    counters.plans_built = plans_built_.load(std::memory_order_relaxed);
    counters.plans_found = plans_found_.load(std::memory_order_relaxed);
    counters.kernels_compiled = kernels_.compiled_count();
    counters.kernels_from_disk = kernels_.from_disk_count();
    counters.host_reads = host_reads_.load(std::memory_order_relaxed);
    counters.bytes_allocated = memory_.in_use_bytes();
    counters.bytes_kept = memory_.kept_bytes() + reachability_.kept_bytes();
    counters.peak_bytes = memory_.peak_bytes();
    return counters;
  }

 private:
  // A run is a graph already, and its events would be those of the capture.
  cudaStream_t native_of(Stream stream) const {
    if (!stream.is_given()) return stream_.get();
    if (stream.native() == nullptr) return cudaStreamLegacy;
    return static_cast<cudaStream_t>(stream.native());
  }

  static void refuse_capture(cudaStream_t stream) {
    cudaStreamCaptureStatus status{};
    TENDON_CUDA_CHECK(cudaStreamIsCapturing(stream, &status));
    if (status != cudaStreamCaptureStatusNone) {
      throw DeviceError(
          "the stream is being captured, and a run cannot be: run on it when the capture has "
          "ended");
    }
  }

  template <class Action>
  std::invoke_result_t<Action> on_device(const Action& action) {
    check_process();
    const DeviceScope scope(device_);
    return memory_.with_retry(action);
  }

  int device_;
  StreamHandle stream_;  // of all work on values; an Executable's caller may give another
  Memory memory_;
  Reachability reachability_;
  KernelCache kernels_;
  IndexChecks index_checks_;
  std::atomic<std::int64_t> runs_ = 0;
  std::atomic<std::int64_t> launches_ = 0;
  std::atomic<std::int64_t> ops_ = 0;
  std::atomic<std::int64_t> plans_built_ = 0;
  std::atomic<std::int64_t> plans_found_ = 0;
  std::atomic<std::int64_t> host_reads_ = 0;
};

// Texts that are given out live as long as the process.
const char* kept(std::string text) {
  static std::mutex mutex;
  static auto* texts = new std::map<std::string, int>;
  const std::scoped_lock lock(mutex);
  return texts->try_emplace(std::move(text), 0).first->first.c_str();
}

std::string reason(cudaError_t status, const char* call) {
  return fmt::format("{} failed: {} ({})", call, cudaGetErrorName(status),
                     cudaGetErrorString(status));
}

}  // namespace

int device_count(Refusal& refusal) {
  watch_forks();
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  forget(status);
  refusal.code = static_cast<int>(status);
  if (status == cudaErrorInsufficientDriver) {
    int driver = 0, runtime = 0;
    forget(cudaDriverGetVersion(&driver));
    forget(cudaRuntimeGetVersion(&runtime));
    refusal.why = kept(
        driver == 0
            ? std::string("no NVIDIA driver is installed")
            : fmt::format("the NVIDIA driver knows CUDA {}.{}; this build needs {}.{} or newer",
                          driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10));
    return 0;
  }
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    refusal.why = "the driver finds no device";
    return 0;
  }
  if (status != cudaSuccess) {
    refusal.why = kept(reason(status, "cudaGetDeviceCount"));
    return 0;
  }
  return count;
}

plan::Backend* backend(int device, Refusal& refusal) {
  static std::mutex mutex;
  static auto* backends = new std::map<int, plan::Backend*>;
  const std::scoped_lock lock(mutex);
  const auto known = backends->find(device);
  if (known != backends->end()) return known->second;
  const int count = device_count(refusal);
  if (count == 0) return nullptr;
  if (device < 0 || device >= count) {
    refusal.why = kept(
        count == 1 ? std::string("this machine has one device, cuda:0")
                   : fmt::format("this machine has {} devices, up to cuda:{}", count, count - 1));
    return nullptr;
  }
  try {
    check_process();
    int major = 0, minor = 0;
    TENDON_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
    TENDON_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
    if (major * 10 + minor < kLeastCapability) {
      refusal.why = kept(
          fmt::format("it has compute capability {}.{}; tendon needs 8.0 or newer", major, minor));
      return nullptr;
    }
    return (*backends)[device] = new CudaBackend(device, major * 10 + minor);
  } catch (const DeviceError& error) {
    refusal = {kept(error.what()), error.code()};
  } catch (const OutOfMemory& error) {
    refusal = {kept(error.what()), cudaErrorMemoryAllocation};
  } catch (const std::exception& error) {
    refusal.why = kept(error.what());
  }
  return nullptr;
}

}  // namespace tendon::cuda
