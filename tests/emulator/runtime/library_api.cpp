// Libraries that the program loads itself, and their kernels.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "runtime/call.h"
#include "runtime/context.h"

using namespace emulator;

namespace {

Library& library_at(Context& state, cudaLibrary_t handle) {
  require(state.libraries.holds(handle), cudaErrorInvalidResourceHandle);
  return *handle;
}

// Where the caller wants to read what is wrong with its PTX.
class Log {
 public:
  Log(const cudaJitOption* options, void** values, unsigned count) {
    require((options != nullptr && values != nullptr) || count == 0);
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == cudaJitErrorLogBuffer) text_ = static_cast<char*>(values[i]);
      if (options[i] == cudaJitErrorLogBufferSizeBytes) bytes_ = &values[i];
    }
  }

  // As much as there is room for; the size becomes that of what was written.
  void write(const std::string& text) const {
    if (text_ == nullptr || bytes_ == nullptr) return;
    const auto room = reinterpret_cast<std::uintptr_t>(*bytes_);
    const std::uintptr_t written = text.copy(text_, room == 0 ? 0 : room - 1);
    if (room != 0) text_[written] = '\0';
    *bytes_ = reinterpret_cast<void*>(written);
  }

 private:
  char* text_ = nullptr;
  void** bytes_ = nullptr;
};

// The file's or the program's bytes need not last.
Library& load(Context& state, const void* code, const Log& log) {
  const Image image = read_code(code);
  if (image.refusal != cudaSuccess)
    throw Failure{image.refusal, "an image that the program loads: " + image.why};
  Library& library = *state.libraries.make();
  library.text = image.ptx;
  library.image = {library.text, cudaSuccess};
  try {
    // At once, unlike the program's own: whoever loads it wants to hear what is wrong with it.
    const auto module = module_on(state, library, thread_state().device);
    for (const std::string& name : module->kernel_names()) module->find_kernel(name);
    log.write("");
  } catch (const ModuleError& refused) {
    log.write(refused.text);
    destroy_library(state, library);
    throw;
  }
  state.findings.load_succeeded();
  return library;
}

}  // namespace

// Of the options only the log means something: no compiler makes machine code here.
cudaError_t cudaLibraryLoadData(cudaLibrary_t* library, const void* code, cudaJitOption* options,
                                void** values, unsigned option_count, cudaLibraryOption*, void**,
                                unsigned) {
  return call(__func__, [&](Context& state) {
    require(library != nullptr && code != nullptr);
    *library = &load(state, code, Log(options, values, option_count));
  });
}

cudaError_t cudaLibraryLoadFromFile(cudaLibrary_t* library, const char* name,
                                    cudaJitOption* options, void** values, unsigned option_count,
                                    cudaLibraryOption*, void**, unsigned) {
  return call(__func__, [&](Context& state) {
    require(library != nullptr && name != nullptr);
    std::ifstream file(name, std::ios::binary);
    require(file.good(), cudaErrorFileNotFound);
    const std::string code((std::istreambuf_iterator<char>(file)), {});
    require(code.size() >= sizeof(std::uint32_t), cudaErrorInvalidKernelImage);
    *library = &load(state, code.c_str(), Log(options, values, option_count));
  });
}

cudaError_t cudaLibraryUnload(cudaLibrary_t library) {
  return call(__func__,
              [&](Context& state) { destroy_library(state, library_at(state, library)); });
}

cudaError_t cudaLibraryGetKernel(cudaKernel_t* kernel, cudaLibrary_t library, const char* name) {
  return call(__func__, [&](Context& state) {
    require(kernel != nullptr && name != nullptr);
    Library& found = library_at(state, library);
    require(module_on(state, found, thread_state().device)->find_kernel(name) != nullptr,
            cudaErrorSymbolNotFound);
    *kernel = &function_named(state, found, name);
  });
}

cudaError_t cudaLibraryGetKernelCount(unsigned* count, cudaLibrary_t library) {
  return call(__func__, [&](Context& state) {
    require(count != nullptr);
    const auto module = module_on(state, library_at(state, library), thread_state().device);
    *count = static_cast<unsigned>(module->kernel_names().size());
  });
}

cudaError_t cudaLibraryEnumerateKernels(cudaKernel_t* kernels, unsigned count,
                                        cudaLibrary_t library) {
  return call(__func__, [&](Context& state) {
    require(kernels != nullptr || count == 0);
    Library& found = library_at(state, library);
    const auto names = module_on(state, found, thread_state().device)->kernel_names();
    for (unsigned i = 0; i < count && i < names.size(); ++i)
      kernels[i] = &function_named(state, found, names[i]);
  });
}

cudaError_t cudaLibraryGetGlobal(void** address, size_t* bytes, cudaLibrary_t library,
                                 const char* name) {
  return call(__func__, [&](Context& state) {
    require(name != nullptr && (address != nullptr || bytes != nullptr));
    const auto module = module_on(state, library_at(state, library), thread_state().device);
    const Variable* variable = module->find_variable(name);
    require(variable != nullptr, cudaErrorSymbolNotFound);
    if (address) *address = reinterpret_cast<void*>(variable->address);
    if (bytes) *bytes = variable->bytes;
  });
}

cudaError_t cudaGetKernel(cudaKernel_t* kernel, const void* stub) {
  return call(__func__, [&](Context& state) {
    require(kernel != nullptr);
    *kernel = &function_of(state, stub);
  });
}
