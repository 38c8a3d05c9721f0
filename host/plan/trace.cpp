#include "host/plan/trace.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "host/plan/stage.h"
#include "host/support/text.h"

namespace tendon::plan {
namespace {

// Threads by small numbers, in the order in which they first ran something.
int thread_number() {
  static std::atomic<int> last = 0;
  thread_local const int number = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

class File final : public Trace {
 public:
  explicit File(const char* path) : path_(path), stream_(path), start_(now()) {
    stream_ << '[';
    check();
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() = default;

  // The end of the file, after which nothing more is written.
  void finish() {
    const std::scoped_lock lock(mutex_);
    if (is_well_) stream_ << "\n]\n" << std::flush;
    check();
    is_well_ = false;
  }

  void stage(const Program& program, std::size_t index, Time begin, Time end) override {
    const StageCost& cost = program.costs()[index];
    write(cost.line, name(program.plan().stages[index]), begin, end,
          {{"bytes read", cost.bytes_read},
           {"bytes written", cost.bytes_written},
           {"flops", cost.flops}});
  }
  void plan(const Program& program, Time begin, Time end) override {
    const Plan& plan = program.plan();
    nlohmann::json arguments = {
        {"ops", plan.op_count}, {"stages", plan.stages.size()}, {"arena bytes", plan.arena_bytes}};
    std::int64_t read = 0;
    std::int64_t written = 0;
    for (const StageCost& cost : program.costs()) {
      read += cost.bytes_read;
      written += cost.bytes_written;
    }
    arguments["bytes read"] = read;
    arguments["bytes written"] = written;
    write(fmt::format("plan of {} ops", plan.op_count), "plan", begin, end, std::move(arguments));
  }

 private:
  void write(const std::string& event, const char* category, Time begin, Time end,
             nlohmann::json arguments) {
    const auto microseconds = [](auto duration) {
      return std::chrono::duration<double, std::micro>(duration).count();
    };
    const nlohmann::json entry = {{"name", event},
                                  {"cat", category},
                                  {"ph", "X"},
                                  {"pid", getpid()},
                                  {"tid", thread_number()},
                                  {"ts", microseconds(begin - start_)},
                                  {"dur", microseconds(end - begin)},
                                  {"args", std::move(arguments)}};
    const std::scoped_lock lock(mutex_);
    if (!is_well_) return;
    stream_ << (is_first_ ? "\n" : ",\n") << entry.dump();
    is_first_ = false;
    check();
  }
  void check() {
    if (!is_well_ || stream_) return;
    is_well_ = false;
    fmt::print(stderr, "tendon: TENDON_TRACE: {} cannot be written: {}\n", path_,
               errno == 0 ? "the stream failed" : std::strerror(errno));
  }

  std::string path_;
  std::ofstream stream_;
  Time start_;
  std::mutex mutex_;
  bool is_first_ = true;
  bool is_well_ = true;
};

// Never destroyed: a thread that nobody waits for may run a plan while the process ends.
File* open_file() {
  const char* path = std::getenv("TENDON_TRACE");
  if (path == nullptr || *path == 0) return nullptr;
  static File* opened = nullptr;
  opened = new File(path);
  std::atexit([] { opened->finish(); });
  return opened;
}

}  // namespace

Trace* Trace::from_environment() {
  static File* const file = open_file();
  return file;
}

}  // namespace tendon::plan
