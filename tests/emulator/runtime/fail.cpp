#include "runtime/fail.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace emulator {
namespace {

// The libraries' own symbols are the list of functions.
bool is_function(const std::string& name) {
  if (name == FailPoints::kKernel) return true;
  Dl_info self;
  void* library = nullptr;
  if (name.rfind("cublasLt", 0) == 0) {
    library = dlopen("libcublasLt.so.13", RTLD_LAZY | RTLD_LOCAL);
  } else if (name.rfind("cuda", 0) == 0 &&
             dladdr(reinterpret_cast<void*>(&is_function), &self) != 0) {
    library = dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  }
  if (!library) return false;
  const bool is_known = dlsym(library, name.c_str()) != nullptr;
  dlclose(library);
  return is_known;
}

}  // namespace

FailPoints::FailPoints() {
  const char* list = std::getenv("TENDON_EMULATOR_FAIL");
  std::istringstream entries(list ? list : "");
  for (std::string entry; std::getline(entries, entry, ',');) {
    std::istringstream fields(entry);
    std::string function;
    std::uint64_t n = 0;
    int error = 0;
    char colon = 0;
    std::getline(fields, function, ':');
    if (!(fields >> n >> colon >> error) || colon != ':' || !(fields >> std::ws).eof() || n == 0 ||
        error <= 0 || !set(function, n, static_cast<cudaError_t>(error)))
      std::fprintf(stderr, "emulator: TENDON_EMULATOR_FAIL: cannot read \"%s\"\n", entry.c_str());
  }
}

bool FailPoints::set(const std::string& function, std::uint64_t n, cudaError_t error) {
  if (!is_function(function)) return false;
  if (n == 0)
    points_.erase(function);
  else
    points_[function] = {n, error};
  return true;
}

cudaError_t FailPoints::count(const char* function) {
  if (points_.empty()) return cudaSuccess;
  auto point = points_.find(function);
  if (point == points_.end() || --point->second.calls_left > 0) return cudaSuccess;
  const cudaError_t error = point->second.error;
  points_.erase(point);
  return error;
}

}  // namespace emulator
