// What tendon throws. A message names the op, the caller's file:line, and the shapes:
//   matmul at fit.cpp:41: inner extents differ: (64, 12) x (10, 3)
// A call that throws leaves the tape, the variables and the device as they were.
#pragma once

#include <tendon/export.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace tendon {

class TENDON_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
class TENDON_API ShapeError : public Error {
 public:
  using Error::Error;
};
class TENDON_API DTypeError : public Error {
 public:
  using Error::Error;
};
class TENDON_API TapeError : public Error {
 public:
  using Error::Error;
};
// Asked for the value of a gradient that is None; the text is its explanation.
class TENDON_API NoGradient : public Error {
 public:
  using Error::Error;
};
class TENDON_API DeviceError : public Error {
 public:
  explicit DeviceError(const std::string& message, int code = 0) : Error(message), code_(code) {}
  int code() const { return code_; }  // of the CUDA call that failed; 0: none was made

 private:
  int code_;
};
class TENDON_API OutOfMemory : public Error {
 public:
  OutOfMemory(const std::string& message, std::int64_t requested, std::int64_t in_use,
              std::int64_t free)
      : Error(message), requested_bytes_(requested), in_use_bytes_(in_use), free_bytes_(free) {}
  std::int64_t requested_bytes() const { return requested_bytes_; }
  std::int64_t in_use_bytes() const { return in_use_bytes_; }  // by tendon's values
  std::int64_t free_bytes() const { return free_bytes_; }      // on the device; -1: not known

 private:
  std::int64_t requested_bytes_;
  std::int64_t in_use_bytes_;
  std::int64_t free_bytes_;
};
class TENDON_API CompileError : public Error {
 public:
  CompileError(const std::string& message, std::string source, std::string log)
      : Error(message), source_(std::move(source)), log_(std::move(log)) {}
  const std::string& source() const { return source_; }
  const std::string& log() const { return log_; }

 private:
  std::string source_;
  std::string log_;
};

}  // namespace tendon
