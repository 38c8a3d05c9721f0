// An NVRTC that compiles nothing and says so in its log.
#include <nvrtc.h>

#include <cstring>

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {
constexpr char kLog[] = "the compiler has a bad day";
}

EXPORTED nvrtcResult nvrtcVersion(int* major, int* minor) {
  *major = 13;
  *minor = 0;
  return NVRTC_SUCCESS;
}
EXPORTED nvrtcResult nvrtcGetNumSupportedArchs(int* count) {
  *count = 1;
  return NVRTC_SUCCESS;
}
EXPORTED nvrtcResult nvrtcGetSupportedArchs(int* architectures) {
  *architectures = 90;
  return NVRTC_SUCCESS;
}
EXPORTED const char* nvrtcGetErrorString(nvrtcResult) { return "NVRTC_ERROR_COMPILATION"; }
EXPORTED nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char*, const char*, int,
                                        const char* const*, const char* const*) {
  *program = nullptr;
  return NVRTC_SUCCESS;
}
EXPORTED nvrtcResult nvrtcDestroyProgram(nvrtcProgram*) { return NVRTC_SUCCESS; }
EXPORTED nvrtcResult nvrtcCompileProgram(nvrtcProgram, int, const char* const*) {
  return NVRTC_ERROR_COMPILATION;
}
EXPORTED nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram, size_t* bytes) {
  *bytes = sizeof kLog;
  return NVRTC_SUCCESS;
}
EXPORTED nvrtcResult nvrtcGetProgramLog(nvrtcProgram, char* log) {
  std::memcpy(log, kLog, sizeof kLog);
  return NVRTC_SUCCESS;
}
EXPORTED nvrtcResult nvrtcGetCUBINSize(nvrtcProgram, size_t*) { return NVRTC_ERROR_INVALID_INPUT; }
EXPORTED nvrtcResult nvrtcGetCUBIN(nvrtcProgram, char*) { return NVRTC_ERROR_INVALID_INPUT; }
EXPORTED nvrtcResult nvrtcGetPTXSize(nvrtcProgram, size_t*) { return NVRTC_ERROR_INVALID_INPUT; }
EXPORTED nvrtcResult nvrtcGetPTX(nvrtcProgram, char*) { return NVRTC_ERROR_INVALID_INPUT; }
