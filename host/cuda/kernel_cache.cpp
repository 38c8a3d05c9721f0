#include "host/cuda/kernel_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <future>
#include <optional>
#include <system_error>
#include <thread>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "host/cuda/disk_cache.h"
#include "host/cuda/nvrtc.h"

namespace tendon::cuda {
namespace {

// Null where there is none: what is on disk is usable without.
const Nvrtc* compiler_if_any() {
  try {
    return &Nvrtc::instance();
  } catch (const DeviceError&) {
    return nullptr;
  }
}

// From disk, else compiled and kept there.
MachineCode machine_code(const KernelText& kernel, const Target& target, const DiskCache& disk,
                         CompileProgress& progress) {
  const CacheKey key = cache_key(kernel, target);
  const Nvrtc* compiler = compiler_if_any();
  DiskCache::Lookup found =
      disk.find(key, compiler ? std::optional(compiler->version()) : std::nullopt);
  progress.kernel = kernel.name;
  progress.is_hit = found.code.has_value();
  progress.why = std::move(found.why);
  if (found.code) return std::move(*found.code);
  MachineCode code = Nvrtc::instance().compile(kernel, target);
  disk.save(key, Nvrtc::instance().version(), code);
  return code;
}

// task(0) ... task(count - 1), on as many threads as there are cores. A task must not throw.
template <class Task>
void in_parallel(std::size_t count, const Task& task) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) task(i);
  };
  std::vector<std::jthread> threads;
  const std::size_t most = std::max(std::thread::hardware_concurrency(), 1U);
  try {
    while (threads.size() + 1 < std::min(most, count)) threads.emplace_back(work);
  } catch (const std::system_error&) {
    // There are no more threads to be had: those there are do it all.
  }
  work();
}

struct Loaded {
  cudaError_t status;
  const char* call;  // that gave it
};

// With its first use, so that it is loaded now and not where a graph is captured.
Loaded load(const MachineCode& code, const std::string& name, LibraryHandle& library,
            cudaKernel_t& kernel, cudaFuncAttributes& attributes) {
  cudaError_t status = cudaLibraryLoadData(library.put(), code.bytes.data(), nullptr, nullptr, 0,
                                           nullptr, nullptr, 0);
  if (status != cudaSuccess) return {status, "cudaLibraryLoadData"};
  status = cudaLibraryGetKernel(&kernel, library.get(), name.c_str());
  if (status != cudaSuccess) return {status, "cudaLibraryGetKernel"};
  return {cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes"};
}

struct TextHash {
  std::size_t operator()(const std::string& text) const {
    return XXH3_64bits(text.data(), text.size());
  }
};

}  // namespace

int CompiledKernel::blocks_per_multiprocessor(int threads, std::size_t dynamic_shared_bytes) const {
  int count = 0;
  TENDON_CUDA_CHECK_FOR(
      cudaOccupancyMaxActiveBlocksPerMultiprocessor(&count, kernel_, threads, dynamic_shared_bytes),
      "the kernel " + name_);
  return count;
}

struct KernelCache::Impl {
  using Kernel = std::shared_ptr<const CompiledKernel>;
  struct Missing {
    const KernelText* text;
    std::promise<Kernel> kernel;
  };

  Kernel make(const KernelText& text, CompileProgress& progress);
  Kernel make_and_report(const KernelText& text, std::atomic<int>& done, int total);

  int device = 0;
  int architecture = 0;
  DiskCache disk{DiskCacheSettings::of_environment()};
  std::atomic<bool> takes_ptx_only = false;
  std::atomic<std::int64_t> compiled_count = 0;
  std::atomic<std::int64_t> from_disk_count = 0;

  std::mutex mutex;                                                               // of the kernels
  std::unordered_map<std::string, std::shared_future<Kernel>, TextHash> kernels;  // by their texts

  std::mutex progress_mutex;  // one report at a time
  Report report;
};

KernelCache::Impl::Kernel KernelCache::Impl::make(const KernelText& text,
                                                  CompileProgress& progress) {
  const DeviceScope scope(device);
  while (true) {
    const Nvrtc* compiler = compiler_if_any();
    Target target =
        target_for(architecture, compiler ? compiler->architectures() : std::span<const int>());
    if (takes_ptx_only) target.is_ptx = true;
    const MachineCode code = machine_code(text, target, disk, progress);
    auto kernel = std::make_shared<CompiledKernel>();
    cudaFuncAttributes attributes = {};
    const auto [status, call] =
        load(code, text.name, kernel->library_, kernel->kernel_, attributes);
    if (status == cudaErrorNoKernelImageForDevice && !target.is_ptx) {
      forget(status);
      takes_ptx_only = true;
      continue;
    }
    if (status != cudaSuccess) fail(status, call, "loading the kernel " + text.name);
    kernel->name_ = text.name;
    kernel->register_count_ = target.is_ptx ? attributes.numRegs : code.register_count;
    kernel->spilled_bytes_ = code.spilled_bytes;
    ++(progress.is_hit ? from_disk_count : compiled_count);
    return kernel;
  }
}

KernelCache::Impl::Kernel KernelCache::Impl::make_and_report(const KernelText& text,
                                                             std::atomic<int>& done, int total) {
  CompileProgress progress;
  Kernel kernel = make(text, progress);
  const std::scoped_lock lock(progress_mutex);
  progress.done = ++done;
  progress.total = total;
  if (report) report(progress);
  return kernel;
}

KernelCache::KernelCache(int device, int architecture) : impl_(std::make_shared<Impl>()) {
  impl_->device = device;
  impl_->architecture = architecture;
}

std::vector<std::shared_ptr<const CompiledKernel>> KernelCache::get(
    std::span<const KernelText> texts) {
  Impl& impl = *impl_;
  std::vector<std::shared_future<Impl::Kernel>> wanted;
  std::vector<Impl::Missing> missing;
  {
    const std::scoped_lock lock(impl.mutex);
    for (const KernelText& text : texts) {
      const auto [entry, is_new] = impl.kernels.try_emplace(text.text);
      if (is_new) {
        missing.push_back({&text, {}});
        entry->second = missing.back().kernel.get_future().share();
      }
      wanted.push_back(entry->second);
    }
  }
  std::atomic<int> done = 0;
  in_parallel(missing.size(), [&](std::size_t i) {
    auto& [text, kernel] = missing[i];
    try {
      kernel.set_value(impl.make_and_report(*text, done, static_cast<int>(missing.size())));
    } catch (...) {
      // Who asks later tries again.
      const std::scoped_lock lock(impl.mutex);
      impl.kernels.erase(text->text);
      kernel.set_exception(std::current_exception());
    }
  });
  std::vector<Impl::Kernel> kernels;
  for (const std::shared_future<Impl::Kernel>& kernel : wanted) kernels.push_back(kernel.get());
  return kernels;
}

std::int64_t KernelCache::compiled_count() const { return impl_->compiled_count; }
std::int64_t KernelCache::from_disk_count() const { return impl_->from_disk_count; }

void KernelCache::set_progress(Report report) {
  const std::scoped_lock lock(impl_->progress_mutex);
  impl_->report = std::move(report);
}

void precompile(std::span<const KernelText> texts, int architecture, const Report& report) {
  const Target target = target_for(architecture, Nvrtc::instance().architectures());
  const DiskCache disk(DiskCacheSettings::of_environment());
  const auto expect_kept = [&](const KernelText& text) {
    const DiskCache::Lookup found = disk.find(cache_key(text, target), std::nullopt);
    if (!found.code)
      throw Error(fmt::format("precompile: the kernel {} is not kept: {}", text.name, found.why));
  };
  std::vector<std::exception_ptr> failures(texts.size());
  std::mutex mutex;  // of what follows
  int done = 0;
  in_parallel(texts.size(), [&](std::size_t i) {
    try {
      CompileProgress progress;
      machine_code(texts[i], target, disk, progress);
      expect_kept(texts[i]);
      const std::scoped_lock lock(mutex);
      progress.done = ++done;
      progress.total = static_cast<int>(texts.size());
      if (report) report(progress);
    } catch (...) {
      failures[i] = std::current_exception();
    }
  });
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace tendon::cuda
