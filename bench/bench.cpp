// The benchmarks: one table, a line a workload and size. Every contestant's results are compared
// before the clock runs; their runs are interleaved, and the least time of each counts.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <tendon/device.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <thread>

#include "bench/contest.h"
#include "bench/device_table.h"
#include "bench/machine.h"

namespace tendon::bench {
namespace {

struct Settings {
  std::vector<std::string> rows;  // empty: all
  std::vector<int> threads;
  double seconds = 0.5;  // of a contestant of a line, at least three runs
  std::string json;
  std::string device = "cpu";
  bool in_this_process = false;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Contestant {
 public:
  explicit Contestant(const std::function<void()>& run) : run_(run) {
    if (!run_) return;
    for (run_(); sample() < kSampleSeconds; repeats_ *= 2) {
    }
  }

  // A sample after one run that brings back into the caches what the others drove out.
  void compete() {
    if (!run_) return;
    run_();
    sample();
  }
  std::optional<double> seconds() const { return run_ ? std::optional(best_) : std::nullopt; }

 private:
  static constexpr double kSampleSeconds = 2e-3;

  double sample() {
    const double begin = now();
    for (std::int64_t i = 0; i < repeats_; ++i) run_();
    const double took = now() - begin;
    best_ = std::min(best_, took / static_cast<double>(repeats_));
    return took;
  }

  const std::function<void()>& run_;
  std::int64_t repeats_ = 1;
  double best_ = INFINITY;
};

// Seconds of one operation.
struct Times {
  double ours;
  std::optional<double> by_hand, torch, floor;
};

Times measure(const Contest& contest, double seconds) {
  Contestant contestants[] = {Contestant(contest.ours), Contestant(contest.by_hand),
                              Contestant(contest.torch)};
  const double end = now() + seconds * static_cast<double>(std::size(contestants));
  for (int round = 0; round < 3 || now() < end; ++round) {
    for (Contestant& contestant : contestants) contestant.compete();
  }
  const auto of_one = [&](std::optional<double> run) {
    return run ? std::optional(*run / contest.operations) : run;
  };
  std::optional<double> floor;
  if (contest.floor_bytes > 0) {
    floor = std::max(contest.floor_bytes / bandwidth(contest.floor_bytes),
                     contest.floor_flops / flop_rate(contest.f64));
  }
  return {.ours = *of_one(contestants[0].seconds()),
          .by_hand = of_one(contestants[1].seconds()),
          .torch = of_one(contestants[2].seconds()),
          .floor = of_one(floor)};
}

std::string duration(std::optional<double> seconds) {
  if (!seconds) return "";
  if (*seconds < 1e-6) return fmt::format("{:.1f} ns", *seconds * 1e9);
  if (*seconds < 1e-3) return fmt::format("{:.2f} us", *seconds * 1e6);
  return fmt::format("{:.2f} ms", *seconds * 1e3);
}

std::string ratio(double ours, std::optional<double> other) {
  return other ? fmt::format("{:.2f}", ours / *other) : "";
}

constexpr const char* kLine = "{:14} {:>24} {:>7} {:>10} {:>10} {:>6} {:>10} {:>6} {:>10}  {}\n";

void print_header() {
  fmt::print(kLine, "row", "size", "threads", "ours", "by hand", "ratio", "torch", "ratio", "floor",
             "");
}

void print(const std::string& row, const Contest& contest, int threads, const Times& times,
           const std::string& note) {
  fmt::print(kLine, row, contest.size, threads, duration(times.ours), duration(times.by_hand),
             ratio(times.ours, times.by_hand), duration(times.torch),
             ratio(times.ours, times.torch), duration(times.floor), note);
  std::fflush(stdout);
}

void append_json(const std::string& file, const std::string& row, const Contest& contest,
                 int threads, const Times& times, const std::string& note) {
  std::ofstream stream(file, std::ios::app);
  const auto number = [](std::optional<double> seconds) {
    return seconds ? fmt::format("{:.4g}", *seconds * 1e9) : "null";
  };
  stream << fmt::format(
      R"({{"row": "{}", "size": "{}", "threads": {}, "ours_ns": {}, "by_hand_ns": {}, "torch_ns": {}, "floor_ns": {}, "note": "{}"}})",
      row, contest.size, threads, number(times.ours), number(times.by_hand), number(times.torch),
      number(times.floor), note);
  stream << '\n';
  if (!stream) throw std::runtime_error("cannot write " + file);
}

bool chosen(const Settings& settings, const std::string& row) {
  return settings.rows.empty() || std::ranges::find(settings.rows, row) != settings.rows.end();
}

void run_rows(const Settings& settings) {
  for (const Row& row : rows(Sizes::full)) {
    if (!chosen(settings, row.name)) continue;
    for (const auto& make : row.sizes) {
      try {
        const Contest contest = make();
        const Times times = measure(contest, settings.seconds);
        const std::string note = contest.note ? contest.note() : "";
        const int threads = settings.threads.front();
        print(row.name, contest, threads, times, note);
        if (!settings.json.empty()) {
          append_json(settings.json, row.name, contest, threads, times, note);
        }
      } catch (const std::exception& error) {
        throw std::runtime_error(row.name + ": " + error.what());
      }
    }
  }
}

// A process of its own, since libraries read how many threads they may use, and how they take
// memory, once. Returns its exit status.
int run_in_a_process(char** arguments, int argument_count, int threads) {
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot start a process");
  if (child == 0) {
    const std::string count = std::to_string(threads);
    for (const char* name : {"TENDON_THREADS", "OMP_NUM_THREADS"}) setenv(name, count.c_str(), 1);
    // Fresh pages cost more than arithmetic: memory that was freed is kept.
    setenv("MALLOC_MMAP_THRESHOLD_", "33554432", 1);  // the most that glibc takes
    setenv("MALLOC_TRIM_THRESHOLD_", "4294967296", 1);
#ifdef __x86_64__
    setenv("ATEN_CPU_CAPABILITY", __builtin_cpu_supports("avx512f") ? "avx512" : "avx2", 1);
#endif
    std::vector<char*> words(arguments, arguments + argument_count);
    std::string option = "--in-this-process", threads_option = "--threads";
    std::string threads_value = count;
    for (std::string* word : {&option, &threads_option, &threads_value})
      words.push_back(word->data());
    words.push_back(nullptr);
    execv("/proc/self/exe", words.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int bench(int argument_count, char** arguments) {
  Settings settings;
  CLI::App app(
      "Times gradients against loops written by hand, and against libtorch where it is installed.",
      "tendon-bench");
  std::vector<std::string> names;
  for (const Row& row : rows(Sizes::full)) names.push_back(row.name);
  app.add_option("--row", settings.rows,
                 "Rows to run, all if not given: " + fmt::format("{}", fmt::join(names, ", ")))
      ->check(CLI::IsMember(names))
      ->option_text("NAME...");
  app.add_option("--threads", settings.threads, "How many threads; 1 and all if not given.")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  app.add_option("--seconds", settings.seconds,
                 "Time for a contestant of a line, 0.5 if not given.")
      ->check(CLI::PositiveNumber)
      ->option_text("S");
  app.add_option("--device", settings.device,
                 "Where tendon computes, the CPU if not given. On cuda the times are the device's; "
                 "an emulated one has none, and tells what it counts.")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--json", settings.json, "Writes a JSON object a line to this file.")
      ->option_text("FILE");
  app.add_flag("--in-this-process", settings.in_this_process)->group("");
  CLI11_PARSE(app, argument_count, arguments);

  set_default_device(settings.device == "cpu" ? Device::cpu() : Device::cuda());
  if (settings.device == "cuda") {
    run_on_device(settings.rows, settings.seconds, settings.json);
    return 0;
  }
  if (settings.in_this_process) {
    run_rows(settings);
    return 0;
  }
  if (settings.threads.empty()) {
    settings.threads = {1};
    const int all = static_cast<int>(std::thread::hardware_concurrency());
    if (all > 1) settings.threads.push_back(all);
  }
  if (!settings.json.empty()) std::ofstream(settings.json, std::ios::trunc).flush();
  print_header();
  std::fflush(stdout);
  for (const int threads : settings.threads) {
    if (const int status = run_in_a_process(arguments, argument_count, threads); status != 0)
      return status;
  }
  return 0;
}

}  // namespace
}  // namespace tendon::bench

int main(int argument_count, char** arguments) {
  try {
    return tendon::bench::bench(argument_count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tendon-bench: %s\n", error.what());
    return 1;
  }
}
