// What the checks found: each report names the fault, the kernel, the thread and the line.
#pragma once

#include <bitset>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
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
  absent_lane,         // a shuffle from a lane that has exited, is not there or is not named
  deadlock,            // every thread waits
  step_budget,         // a thread that took more steps than any should
  unordered,           // two pieces of work on the same memory, and no event or stream orders them
  host_race,           // the host touched memory of an unfinished copy, or of the device
  unsupported,         // an instruction that the emulator does not know
  trap,                // the kernel executed trap or failed an assertion
};

// "out of bounds" for Fault::out_of_bounds.
const char* name(Fault fault);
// "out_of_bounds", as suppressions name it; whether there is such a key; all, between commas.
const char* key(Fault fault);
bool is_fault_key(std::string_view text);
// True if nothing runs on the device after it. Such a report cannot be suppressed.
bool is_fatal(Fault fault);
std::string fault_keys();

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
    bool operator==(const Place&) const = default;
  };
  std::vector<Place> source;  // of the -lineinfo: its line, then those it was inlined at, outwards
  std::vector<Place> other_source;  // the same of the other access of a race
  std::uint32_t thread_number = 0;  // in its block, below 1024
  // How often it was found, by how many different threads and blocks; counted by Reports. No
  // threads and blocks where no kernel is at fault.
  std::uint64_t accesses = 1, threads = 0, blocks = 0;
};

struct Suppression;

// The reports of a process. A fault of a kernel that is found again at the same source line,
// inlined at the same line of the kernel (where none is known: at the same instruction), only
// raises the counts of the first report. Thread-safe.
class Reports {
 public:
  Reports();
  ~Reports();

  // What matches one of these is counted there, and otherwise forgotten.
  void suppress(std::vector<Suppression> suppressions, std::string file);
  std::vector<Suppression> suppressions() const;
  void print_suppressions() const;  // how much was kept back, and which of them never did so

  // Called with each report that is not suppressed.
  void when_found(void (*call)()) { found_ = call; }

  // Prints the report to stderr; that of a kernel when the launch ends, with its counts.
  void add(const Report& report);
  void begin_launch();
  void end_launch();  // prints what was held back; harmless where no launch runs

  std::vector<Report> all() const;  // their texts end with the counts
  std::size_t count() const;
  void clear();

 private:
  using Threads = std::bitset<1024>;
  struct Known {
    Report report;
    std::unordered_map<std::uint64_t, Threads> by_block;
    bool is_printed = false;
  };
  Known* find(const Report& report);
  static void print(Known& known);
  static Report counted(const Known& known);

  mutable std::mutex mutex_;
  std::vector<Known> known_;
  bool is_in_launch_ = false;
  std::vector<Suppression> suppressions_;
  std::string suppressions_file_;
  void (*found_)() = nullptr;
};

Reports& reports();

}  // namespace emulator
