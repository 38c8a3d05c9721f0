// What is not emulated fails by its name. The interface's header is not included: the functions are
// defined without their parameters, which they do not look at.

namespace emulator {
int refuse_missing(const char* function);  // call.h
}

#define EMULATOR_MISSING(name)                                       \
  extern "C" __attribute__((visibility("default"))) int name(void) { \
    return emulator::refuse_missing(#name);                          \
  }
#include "runtime/missing.inc"
#undef EMULATOR_MISSING
