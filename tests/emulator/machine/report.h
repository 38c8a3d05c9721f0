// What the checks found: each report names the fault, the kernel, the thread and the line.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace emulator {

struct Dim3 {
  std::uint32_t x = 1, y = 1, z = 1;
  std::uint64_t count() const { return std::uint64_t{x} * y * z; }
};

enum class Fault {
  out_of_bounds,       // an access that no live allocation holds
  misaligned,          // an address that is not a multiple of the access's size
  use_after_free,      // memory that was freed before, in stream order
  unwritten,           // a read of bytes that nothing has written
  shared_race,         // two threads of a block, one of them writing, and no barrier between, or
                       // an asynchronous copy, and no wait
  barrier_divergence,  // a barrier that part of a warp reached
  barrier_missed,      // a barrier that part of a block reached
  deadlock,            // every thread waits
  step_budget,         // a thread that took more steps than any should
  unordered,           // two pieces of work on the same memory, and no event or stream orders them
  host_race,           // the host touched memory of an unfinished copy, or of the device
  unsupported,         // an instruction that the emulator does not know
  trap,                // the kernel executed trap or failed an assertion
};

// "out of bounds" for Fault::out_of_bounds.
const char* name(Fault fault);

struct Report {
  Fault fault;
  std::string text;     // the whole of it, several lines
  std::string kernel;   // empty where no kernel is at fault
  Dim3 block{0, 0, 0};  // indices
  Dim3 thread{0, 0, 0};
  std::uint32_t ptx_line = 0;  // in the module's PTX text, from 1; 0 where there is none
  std::string instruction;     // its text
  struct Place {
    std::string file;
    std::uint32_t line;
  };
  std::vector<Place> source;  // of the -lineinfo: its line, then those it was inlined at, outwards
};

// The reports of a process. Each is printed to stderr as it comes in; of the same fault at the same
// instruction only the first is kept, with a count. Thread-safe.
class Reports {
 public:
  void add(Report report);
  std::vector<Report> all() const;
  std::size_t count() const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::vector<Report> reports_;
  std::vector<std::uint64_t> repeats_;
};

Reports& reports();

}  // namespace emulator
