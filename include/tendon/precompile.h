// Kernels for CUDA devices that are elsewhere: compiled before a program is deployed.
#pragma once

#include <tendon/backend.h>
#include <tendon/export.h>

#include <functional>
#include <string>

namespace tendon {

// A kernel that was compiled, or found compiled.
struct CompileProgress {
  int done = 0, total = 0;
  std::string kernel;
  bool is_hit = false;  // it was on disk
  // Where it was not: "not in the cache", "the entry is truncated", "of another version".
  std::string why;
};

// Compiles what compile() with these options would on a CUDA device of an architecture (90: compute
// capability 9.0), and keeps it on disk (TENDON_CACHE_DIR). No device need be there; options.device
// is not looked at. `progress` is called for each kernel, from any thread, one call at a time.
// DeviceError where the CUDA executor or NVRTC is missing, CompileError where a kernel does not
// compile, Error where one cannot be kept.
TENDON_API void precompile(const Tape& tape, int architecture, const CompileOptions& options = {},
                           const std::function<void(const CompileProgress&)>& progress = {},
                           Place place = Place::current());

}  // namespace tendon
