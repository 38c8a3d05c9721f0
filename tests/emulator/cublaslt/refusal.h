// Why a call is refused: the status it returns, and the line on stderr that says what was wrong.
#pragma once

#include <cstdio>
#include <new>
#include <sstream>
#include <string>

#include "cublaslt/api.h"
#include "extension.h"

namespace emulator::cublaslt {

// Thrown inside the body of an API function; see guarded().
struct Refusal {
  cublasStatus_t status;
  std::string text;
};

template <typename... Parts>
Refusal refusal(cublasStatus_t status, const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return {status, text.str()};
}

// The caller's mistake.
template <typename... Parts>
Refusal invalid(const Parts&... parts) {
  return refusal(CUBLAS_STATUS_INVALID_VALUE, parts...);
}

// Something that the library, real or emulated, has no kernel for.
template <typename... Parts>
Refusal unsupported(const Parts&... parts) {
  return refusal(CUBLAS_STATUS_NOT_SUPPORTED, parts...);
}

// The status of `body`, which throws a Refusal where it cannot go on; or the one that a test wants.
template <typename Body>
cublasStatus_t guarded(const char* function, Body&& body) noexcept {
  try {
    if (const int status = emulatorCountCall(function); status != 0)
      return static_cast<cublasStatus_t>(status);
    body();
    return CUBLAS_STATUS_SUCCESS;
  } catch (const Refusal& refused) {
    std::fprintf(stderr, "emulator: %s: %s\n", function, refused.text.c_str());
    return refused.status;
  } catch (const std::bad_alloc&) {
    return CUBLAS_STATUS_ALLOC_FAILED;
  } catch (...) {
    return CUBLAS_STATUS_INTERNAL_ERROR;
  }
}

}  // namespace emulator::cublaslt
