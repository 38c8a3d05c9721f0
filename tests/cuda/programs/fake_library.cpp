// A library of CUDA, NVRTC and cuBLASLt in one, that can tell its version and nothing else.
#include <cstddef>

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED int nvrtcVersion(int* major, int* minor) {
  *major = FAKE_MAJOR;
  *minor = 0;
  return 0;
}
EXPORTED std::size_t cublasLtGetVersion() { return std::size_t{10000} * FAKE_MAJOR; }
