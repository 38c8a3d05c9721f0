#include "host/cuda/nvrtc.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "host/cuda/jit_headers.h"

namespace tendon::cuda {
namespace {

constexpr int kOldestArchitecture = 80;
constexpr int kMostRegisters = 255;  // that an instruction can name

std::atomic<bool> is_exiting = false;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && std::string_view(value) == "1";
}

LibraryPlaces usual_places() {
  const char* named = std::getenv("TENDON_NVRTC");
  return {.named = named != nullptr ? named : "",
          .folders = library_folders(nvrtc_library(), surroundings())};
}

int major_of(void* library) {
  auto* const version = reinterpret_cast<decltype(&nvrtcVersion)>(dlsym(library, "nvrtcVersion"));
  int major = 0, minor = 0;
  return version != nullptr && version(&major, &minor) == NVRTC_SUCCESS ? major : 0;
}

// The greatest number that stands between `before` and `after` in the assembler's report, which has
// one for each function.
int reported(std::string_view log, std::string_view before, std::string_view after) {
  int greatest = 0;
  for (std::size_t end = log.find(after); end != std::string_view::npos;
       end = log.find(after, end + 1)) {
    const std::size_t begin = log.rfind(before, end) + before.size();
    int number = 0;
    std::from_chars(log.data() + begin, log.data() + end, number);
    greatest = std::max(greatest, number);
  }
  return greatest;
}

}  // namespace

Target target_for(int architecture, std::span<const int> known) {
  if (architecture < kOldestArchitecture) {
    throw DeviceError(
        fmt::format("a device of compute capability {}.{} is older than tendon's kernels need: 8.0",
                    architecture / 10, architecture % 10));
  }
  const auto above = std::ranges::upper_bound(known, architecture);
  const int newest = above == known.begin() ? architecture : *std::prev(above);
  return {newest, newest != architecture || is_set("TENDON_PTX"), is_set("TENDON_LINEINFO")};
}

std::vector<std::string> compile_options(const Target& target) {
  std::vector<std::string> options{
      fmt::format("-arch={}_{}", target.is_ptx ? "compute" : "sm", target.architecture),
      "-std=c++20",
      "-default-device",
      // An op's result is rounded to its dtype: no contraction across ops.
      "-fmad=false",
      // Without textures and device-side launches, which are a third of the time.
      "-minimal",
      "-no-source-include",
      // tendon keeps its own (host/cuda/disk_cache.h).
      "-no-cache",
  };
  if (!target.is_ptx) options.emplace_back("-Xptxas=-v");
  if (target.has_lines) options.emplace_back("-lineinfo");
  return options;
}

LibraryKind nvrtc_library() {
  return {.name = "NVRTC", .file = "libnvrtc.so", .package = "cuda_nvrtc", .major_of = major_of};
}

Nvrtc::Nvrtc(const LibraryPlaces& places)
    : library_(open_library(
          nvrtc_library(), places,
          "kernels cannot be compiled, since CUDA's run-time compiler NVRTC of version 13 is not "
          "found. It is part of the CUDA toolkit 13, and of the packages cuda-nvrtc-13-0 (apt) and "
          "nvidia-cuda-nvrtc (pip); install it, or name the file in TENDON_NVRTC. Looked for")) {
  const auto find = [&]<class Function>(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(dlsym(library_.handle(), name));
    if (function == nullptr) {
      throw DeviceError(
          fmt::format("{} lacks the function {}: tendon needs CUDA 13", library_.path(), name));
    }
  };
  decltype(&nvrtcVersion) get_version = nullptr;
  decltype(&nvrtcGetNumSupportedArchs) count_architectures = nullptr;
  decltype(&nvrtcGetSupportedArchs) get_architectures = nullptr;
  find(get_version, "nvrtcVersion");
  find(count_architectures, "nvrtcGetNumSupportedArchs");
  find(get_architectures, "nvrtcGetSupportedArchs");
  find(error_string_, "nvrtcGetErrorString");
  find(create_, "nvrtcCreateProgram");
  find(destroy_, "nvrtcDestroyProgram");
  find(compile_, "nvrtcCompileProgram");
  find(log_size_, "nvrtcGetProgramLogSize");
  find(log_, "nvrtcGetProgramLog");
  find(cubin_size_, "nvrtcGetCUBINSize");
  find(cubin_, "nvrtcGetCUBIN");
  find(ptx_size_, "nvrtcGetPTXSize");
  find(ptx_, "nvrtcGetPTX");

  int major = 0;
  int minor = 0;
  get_version(&major, &minor);
  version_ = 1000 * major + 10 * minor;
  int count = 0;
  count_architectures(&count);
  architectures_.resize(static_cast<std::size_t>(count));
  get_architectures(architectures_.data());
  std::ranges::sort(architectures_);
}

const Nvrtc& Nvrtc::instance() {
  // Never closed. Where the constructor throws, the next call tries again.
  static const auto* instance = [] {
    const auto* made = new Nvrtc(usual_places());
    // Handlers run in the reverse order: this one before the library destroys its own statics.
    std::atexit([] { is_exiting = true; });
    return made;
  }();
  return *instance;
}

MachineCode Nvrtc::compile(const KernelText& kernel, const Target& target) const {
  if (is_exiting) {
    throw DeviceError(fmt::format(
        "the kernel {} cannot be compiled as the process exits: what is computed then on a CUDA "
        "device has to be computed once before",
        kernel.name));
  }
  const std::vector<std::string> options = compile_options(target);
  MachineCode code = compile(kernel, options, target);
  // Where no number of blocks is asked for the compiler has one of its own in mind.
  for (int blocks = kernel.resident_blocks == 0 ? 1 : kernel.resident_blocks - 1;
       code.spilled_bytes > 0 && code.register_count < kMostRegisters && blocks > 0; --blocks) {
    std::vector<std::string> relaxed = options;
    relaxed.emplace_back("-Xptxas=--override-directive-values");
    relaxed.push_back(fmt::format("-Xptxas=--minnctapersm={}", blocks));
    code = compile(kernel, relaxed, target);
  }
  return code;
}

MachineCode Nvrtc::compile(const KernelText& kernel, const std::vector<std::string>& options,
                           const Target& target) const {
  const auto check = [&](nvrtcResult result, const char* call) {
    if (result == NVRTC_SUCCESS) return;
    throw CompileError(
        fmt::format("{} failed for the kernel {}: {}", call, kernel.name, error_string_(result)),
        kernel.text, "");
  };
  std::vector<const char*> names;
  std::vector<const char*> texts;
  for (const JitHeader& header : jit_headers()) {
    names.push_back(header.name);
    texts.push_back(header.text);
  }
  nvrtcProgram program = nullptr;
  check(create_(&program, kernel.text.c_str(), (kernel.name + ".cu").c_str(),
                static_cast<int>(names.size()), texts.data(), names.data()),
        "nvrtcCreateProgram");
  const auto destroy = [this](nvrtcProgram* of) { destroy_(of); };
  const std::unique_ptr<nvrtcProgram, decltype(destroy)> owner(&program, destroy);

  std::vector<const char*> arguments;
  for (const std::string& option : options) arguments.push_back(option.c_str());
  const nvrtcResult result =
      compile_(program, static_cast<int>(arguments.size()), arguments.data());
  std::size_t log_size = 0;
  check(log_size_(program, &log_size), "nvrtcGetProgramLogSize");
  std::string log(log_size, '\0');
  check(log_(program, log.data()), "nvrtcGetProgramLog");
  log.resize(std::min(log.find('\0'), log.size()));
  if (result != NVRTC_SUCCESS) {
    throw CompileError(fmt::format("the kernel {} does not compile for {} ({}):\n{}", kernel.name,
                                   options[0], error_string_(result), log),
                       kernel.text, log);
  }

  MachineCode code;
  std::size_t size = 0;
  check(target.is_ptx ? ptx_size_(program, &size) : cubin_size_(program, &size),
        "the size of the machine code");
  code.bytes.resize(size);
  check(target.is_ptx ? ptx_(program, code.bytes.data()) : cubin_(program, code.bytes.data()),
        "the machine code");
  code.register_count = reported(log, "Used ", " registers");
  code.spilled_bytes = reported(log, "stack frame, ", " bytes spill stores");
  code.shared_bytes = reported(log, ", ", " bytes smem");
  code.barrier_count = reported(log, "used ", " barriers");
  return code;
}

}  // namespace tendon::cuda
