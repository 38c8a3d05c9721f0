// Counts the memory that a run touches, apart from what a plan foretells of it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "host/plan/view.h"

namespace tendon::cpu {

// Bytes that the stages of a run read and wrote: in a stage each element of a value counts once,
// however often it is read. Slow; for tests.
class Tally {
 public:
  explicit Tally(const Tape& tape) : tape_(tape) {}

  // Elements [begin, begin + count) of the view have been read.
  void read(const plan::View& view, std::int64_t begin, std::int64_t count);
  void read(Ref value);  // all of it
  void wrote(Ref value, std::int64_t count);
  void end_stage();

  std::int64_t bytes_read() const { return bytes_read_; }
  std::int64_t bytes_written() const { return bytes_written_; }

 private:
  std::int64_t element_bytes(Ref value) const {
    return static_cast<std::int64_t>(size_bytes(tape_.dtype(value)));
  }
  const Tape& tape_;
  std::mutex mutex_;  // a stage's threads tally together
  std::map<Ref, std::vector<bool>> touched_;
  std::int64_t bytes_read_ = 0;
  std::int64_t bytes_written_ = 0;
};

}  // namespace tendon::cpu
