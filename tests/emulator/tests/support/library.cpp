#include "support/library.h"

#include <cstdio>
#include <cstdlib>

#include "support/device.h"

namespace emulator_test {
namespace {

cudaError_t load_data(cudaLibrary_t& library, const std::string& text) {
  return cudaLibraryLoadData(&library, text.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0);
}

// Where TENDON_EMULATOR_KEEP_PTX names a folder, for ptxas to read.
void keep(const std::string& text) {
  static int number = 0;
  const char* folder = std::getenv("TENDON_EMULATOR_KEEP_PTX");
  if (folder == nullptr) return;
  const std::string path = std::string(folder) + "/" + std::to_string(number++) + ".ptx";
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return;
  std::fputs(text.c_str(), file);
  std::fclose(file);
}

}  // namespace

Library::Library(const std::string& text) {
  keep(text);
  require(load_data(library_, text));
}

Library::~Library() { cudaLibraryUnload(library_); }

const void* Library::kernel(const std::string& name) const {
  cudaKernel_t kernel = nullptr;
  require(cudaLibraryGetKernel(&kernel, library_, name.c_str()));
  return reinterpret_cast<const void*>(kernel);
}

cudaError_t Library::launch(const std::string& name, dim3 grid, dim3 block,
                            std::vector<void*> arguments, std::size_t shared_bytes,
                            cudaStream_t stream) const {
  return cudaLaunchKernel(kernel(name), grid, block, arguments.data(), shared_bytes, stream);
}

cudaError_t load(const std::string& text) {
  cudaLibrary_t library = nullptr;
  const cudaError_t error = load_data(library, text);
  if (error == cudaSuccess) require(cudaLibraryUnload(library));
  return error;
}

}  // namespace emulator_test
