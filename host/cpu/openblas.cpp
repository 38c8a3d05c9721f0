#include "host/cpu/openblas.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <tendon/error.h>

#include <algorithm>
#include <string>
#include <thread>

#include "host/support/text.h"

// Of OpenMP's runtime; its header is the compiler's, and not every tool has it.
extern "C" int omp_get_max_threads();

namespace tendon::cpu {
namespace {

// Throws where OpenBLAS would not come back from being loaded. Measured with 0.3.21: 46 MiB for its
// code, and a buffer of 128 MiB for each thread.
void check_address_space() {
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const std::int64_t needed = (64 + 128 * std::min(omp_get_max_threads(), cores)) * kMiB;
  const auto bytes = static_cast<std::size_t>(needed);
  void* const probe =
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (probe == MAP_FAILED) {
    throw OutOfMemory(
        fmt::format("matrix products need OpenBLAS, which takes {} of address space as it is "
                    "loaded; ulimit -v allows less",
                    support::text_bytes(needed)),
        needed, 0, -1);
  }
  munmap(probe, bytes);
}

OpenBlas open() {
  check_address_space();
  void* library = nullptr;
  std::string why;
  // The file that tendon was built with, else what the loader finds under its name.
  for (const char* name : {TENDON_OPENBLAS_FILE, TENDON_OPENBLAS_NAME}) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    why += fmt::format("\n  {}", dlerror());
  }
  if (library == nullptr) {
    throw Error("matrix products need OpenBLAS, which cannot be opened:" + why +
                "\nOn Debian it is the package libopenblas0-openmp.");
  }
  OpenBlas opened;
  const auto find = [&]<class Function>(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(dlsym(library, name));
    if (function == nullptr) throw Error(fmt::format("OpenBLAS lacks the function {}", name));
  };
  find(opened.sgemm, "cblas_sgemm");
  find(opened.dgemm, "cblas_dgemm");
  return opened;
}

}  // namespace

const OpenBlas& openblas() {
  static const OpenBlas opened = open();
  return opened;
}

}  // namespace tendon::cpu
