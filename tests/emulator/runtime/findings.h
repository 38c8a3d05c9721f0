// What is wrong with a run besides the faults of its work, a line each: what the emulator refused,
// calls that failed and nobody asked about, and memory that was never freed. Any of them makes the
// exit status that of a report (README.md).
#pragma once

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

namespace emulator {

// Behind the context's lock.
class Findings {
 public:
  bool checks_calls = true, checks_leaks = true, checks_refusals = true;

  // Something that a real device would have done did not run. Says so on stderr, once for each
  // text.
  void refuse(const std::string& what);
  // An image that the calling thread loads was refused. Waits to be said: programs try one image
  // after another, and one that loads in the end lacks nothing.
  void refuse_load(const std::string& what);
  void load_succeeded();

  // A call failed by the program's mistake. Waits to be said until the thread has had its chance to
  // ask for the error.
  void fail_call(const std::string& what);
  void asked();  // by the calling thread: cudaGetLastError

  void leak(const std::string& what);

  // Says what waits to be said.
  void print_rest();
  std::size_t count() const { return findings_.size(); }
  void clear() { findings_.clear(); }

 private:
  enum class Kind { refusal, load, call, leak };
  struct Finding {
    std::string text;
    Kind kind = Kind::refusal;
    bool is_printed = false;
    std::thread::id thread;
  };
  void add(Kind kind, const std::string& text);
  void take_back(Kind kind);  // of the calling thread

  std::vector<Finding> findings_;
};

}  // namespace emulator
