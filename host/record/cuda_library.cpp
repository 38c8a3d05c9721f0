#include "host/record/cuda_library.h"

#include <dlfcn.h>
#include <tendon/error.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "host/cuda/entry.h"
#include "host/record/environment.h"
#include "host/support/text.h"

namespace tendon::record {
namespace {

constexpr const char* kName = "libtendon_cuda.so";

// Where the library is looked for: TENDON_CUDA_LIBRARY says, else it lies beside the file that
// holds this code, else wherever the loader finds it.
std::string path_of_library() {
  const char* set = std::getenv("TENDON_CUDA_LIBRARY");
  if (set != nullptr && *set != '\0') return set;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&path_of_library), &info) != 0) {
    const auto beside = std::filesystem::path(info.dli_fname).replace_filename(kName);
    std::error_code none;
    if (std::filesystem::exists(beside, none)) return beside.string();
  }
  return kName;
}

// The library as it was found, or why it is of no use.
class CudaLibrary {
 public:
  CudaLibrary() {
    check_environment();
    open(path_of_library());
    backends_ =
        std::make_unique<std::atomic<plan::Backend*>[]>(static_cast<std::size_t>(device_count_));
    // A program that asks for no device would compute on the CPU without a word.
    const char* set = std::getenv("TENDON_CUDA_LIBRARY");
    if (backend_ == nullptr && set != nullptr && *set != '\0')
      fmt::print(stderr, "tendon: TENDON_CUDA_LIBRARY is '{}': {}\n", set, why_);
  }

  int device_count() const { return device_count_; }

  void check(int index, Place place = Place()) const {
    if (index >= 0 && index < device_count_) return;
    if (device_count_ == 0) throw unusable(index, why_, code_, place);
    const std::string why =
        fmt::format("there {} {} CUDA device{}, from cuda:0 on", device_count_ == 1 ? "is" : "are",
                    device_count_, device_count_ == 1 ? "" : "s");
    throw unusable(index, why, 0, place);
  }

  void precompile(const Tape& tape, int architecture,
                  const std::function<void(const CompileProgress&)>& progress) const {
    if (precompile_ == nullptr)
      throw DeviceError(fmt::format("kernels cannot be compiled: {}",
                                    why_.empty() ? "the CUDA executor has no compiler" : why_));
    precompile_(tape, architecture, progress);
  }

  plan::Backend& backend(int index) {
    check(index);
    std::atomic<plan::Backend*>& known = backends_[static_cast<std::size_t>(index)];
    plan::Backend* backend = known.load(std::memory_order_acquire);
    if (backend == nullptr) {
      cuda::Refusal refusal{"it cannot be used", 0};
      backend = backend_(index, refusal);
      if (backend == nullptr) throw unusable(index, refusal.why, refusal.code);
      known.store(backend, std::memory_order_release);
    }
    return *backend;
  }

 private:
  // Leaves backend_ null, and says why, where the file is of no use.
  void open(const std::string& path) {
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed
    if (library == nullptr) {
      why_ = fmt::format("tendon's CUDA executor cannot be opened: {}", dlerror());
      return;
    }
    auto* const version = find<decltype(tendon_cuda_version)>(library, "tendon_cuda_version");
    auto* const count =
        find<decltype(tendon_cuda_device_count)>(library, "tendon_cuda_device_count");
    auto* const backend = find<decltype(tendon_cuda_backend)>(library, "tendon_cuda_backend");
    auto* const precompile =
        find<decltype(tendon_cuda_precompile)>(library, "tendon_cuda_precompile");
    if (version == nullptr || count == nullptr || backend == nullptr) {
      why_ = fmt::format("{} is not tendon's CUDA executor", path);
    } else if (version() != cuda::kCudaVersion) {
      why_ = fmt::format("{} is of another version of tendon: {} where this one is {}", path,
                         version(), cuda::kCudaVersion);
    } else {
      backend_ = backend;
      precompile_ = precompile;
      cuda::Refusal refusal{"there is no CUDA device", 0};
      device_count_ = count(refusal);
      if (device_count_ == 0) {
        why_ = refusal.why;
        code_ = refusal.code;
      }
    }
  }

  template <class Function>
  static Function* find(void* library, const char* name) {
    return reinterpret_cast<Function*>(dlsym(library, name));
  }
  static DeviceError unusable(int index, const std::string& why, int code, Place place = Place()) {
    const std::string at = support::at(place);
    return DeviceError(fmt::format("{}cuda:{} is not available: {}",
                                   at.empty() ? "" : "Device::cuda" + at + ": ", index, why),
                       code);
  }

  int device_count_ = 0;
  std::string why_;  // there is no device
  int code_ = 0;     // of the CUDA call that said so
  decltype(tendon_cuda_backend)* backend_ = nullptr;
  decltype(tendon_cuda_precompile)* precompile_ = nullptr;   // needs no device
  std::unique_ptr<std::atomic<plan::Backend*>[]> backends_;  // by device
};

CudaLibrary& library() {
  static auto* instance = new CudaLibrary;  // never destroyed: values may outlive every static
  return *instance;
}

}  // namespace

int cuda_device_count() { return library().device_count(); }
void check_cuda_device(int index, Place place) { library().check(index, place); }
plan::Backend& cuda_backend(int index) { return library().backend(index); }
void cuda_precompile(const Tape& tape, int architecture,
                     const std::function<void(const CompileProgress&)>& progress) {
  library().precompile(tape, architecture, progress);
}

}  // namespace tendon::record
