// The benchmarks: one table, a line a workload and size. Every contestant's results are compared
// before the clock runs; their runs are interleaved, and the least time of each counts.
#include <fmt/format.h>
#include <sys/wait.h>
#include <tendon/device.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <thread>

#include "bench/cold_compile.h"
#include "bench/compiled.h"
#include "bench/contest.h"
#include "bench/device_table.h"
#include "bench/machine.h"
#include "bench/report.h"

namespace tendon::bench {
namespace {

struct Settings {
  std::vector<std::string> rows;  // empty: all
  std::vector<int> threads;
  double seconds = 0.5;  // of a contestant of a line, at least three runs
  std::string json;
  std::string device = "cpu";
  bool in_this_process = false;
  bool spoil_results = false;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What is told of a contestant's samples, each the mean of several runs.
struct Sampled {
  double least;  // seconds of one run
  std::size_t count;
  double spread;  // the median over the least, less 1
};

class Contestant {
 public:
  explicit Contestant(const std::function<void()>& run) : run_(run) {
    if (!run_) return;
    for (run_(); sample() < kSampleSeconds; repeats_ *= 2) {
    }
    samples_.clear();
  }

  // A sample after one run that brings back into the caches what the others drove out.
  void compete() {
    if (!run_) return;
    run_();
    sample();
  }
  std::optional<Sampled> sampled() {
    if (!run_) return std::nullopt;
    std::ranges::sort(samples_);
    const double least = samples_.front();
    return Sampled{least, samples_.size(), samples_[samples_.size() / 2] / least - 1};
  }

 private:
  static constexpr double kSampleSeconds = 2e-3;

  double sample() {
    const double begin = now();
    for (std::int64_t i = 0; i < repeats_; ++i) run_();
    const double took = now() - begin;
    samples_.push_back(took / static_cast<double>(repeats_));
    return took;
  }

  const std::function<void()>& run_;
  std::int64_t repeats_ = 1;
  std::vector<double> samples_;
};

// Seconds of one operation.
struct Times {
  Sampled ours;
  std::optional<Sampled> by_hand, torch;
  std::optional<double> floor;
};

std::optional<double> floor_of(const Contest& contest) {
  if (contest.floor_bytes <= 0) return std::nullopt;
  const double working_set =
      contest.working_set_bytes > 0 ? contest.working_set_bytes : contest.floor_bytes;
  return std::max(contest.floor_bytes / bandwidth(working_set),
                  contest.floor_flops / flop_rate(contest.f64)) /
         contest.operations;
}

Times measure(const Contest& contest, double seconds) {
  Contestant contestants[] = {Contestant(contest.ours), Contestant(contest.by_hand),
                              Contestant(contest.torch)};
  floor_of(contest);  // measured before and after: the machine may be busy at either time
  const double end = now() + seconds * static_cast<double>(std::size(contestants));
  for (int round = 0; round < 3 || now() < end; ++round) {
    for (Contestant& contestant : contestants) contestant.compete();
  }
  const auto of_one = [&](std::optional<Sampled> run) {
    if (run) run->least /= contest.operations;
    return run;
  };
  return {.ours = *of_one(contestants[0].sampled()),
          .by_hand = of_one(contestants[1].sampled()),
          .torch = of_one(contestants[2].sampled()),
          .floor = floor_of(contest)};
}

std::string duration(std::optional<double> seconds) {
  if (!seconds) return "";
  if (*seconds < 1e-6) return fmt::format("{:.1f} ns", *seconds * 1e9);
  if (*seconds < 1e-3) return fmt::format("{:.2f} us", *seconds * 1e6);
  return fmt::format("{:.2f} ms", *seconds * 1e3);
}

std::string duration(const std::optional<Sampled>& time) {
  return time ? duration(time->least) : "";
}

std::string ratio(const Sampled& ours, const std::optional<Sampled>& other) {
  return other ? fmt::format("{:.2f}", ours.least / other->least) : "";
}

constexpr const char* kLine = "{:14} {:>24} {:>7} {:>10} {:>10} {:>6} {:>10} {:>6} {:>10}  {}\n";

void print_header() {
  fmt::print("by hand: {}\n", by_hand_build());
  fmt::print(kLine, "row", "size", "threads", "ours", "by hand", "ratio", "torch", "ratio", "floor",
             "");
}

void print(const std::string& row, const Contest& contest, int threads, const Times& times,
           const std::string& note) {
  fmt::print(kLine, row, contest.size, threads, duration(times.ours.least), duration(times.by_hand),
             ratio(times.ours, times.by_hand), duration(times.torch),
             ratio(times.ours, times.torch), duration(times.floor), note);
  std::fflush(stdout);
}

nlohmann::json json_of(const std::string& row, const Contest& contest, int threads,
                       const Times& times, const std::string& note) {
  nlohmann::json line = {
      {"row", row}, {"size", contest.size}, {"threads", threads}, {"note", note}};
  const auto nanoseconds = [](std::optional<double> seconds) {
    return seconds ? nlohmann::json(*seconds * 1e9) : nlohmann::json();
  };
  const auto add = [&](const std::string& who, const std::optional<Sampled>& time) {
    line[who + "_ns"] = nanoseconds(time ? std::optional(time->least) : std::nullopt);
    if (!time) return;
    line["samples"][who] = time->count;
    line["spread"][who] = time->spread;
  };
  add("ours", times.ours);
  add("by_hand", times.by_hand);
  add("torch", times.torch);
  line["floor_ns"] = nanoseconds(times.floor);
  return line;
}

bool chosen(const Settings& settings, const std::string& row) {
  return settings.rows.empty() || std::ranges::find(settings.rows, row) != settings.rows.end();
}

void run_rows(const Settings& settings) {
  Report report(settings.json, Report::Opening::append);
  for (const Row& row : rows(Sizes::full)) {
    if (!chosen(settings, row.name)) continue;
    for (const auto& make : row.sizes) {
      try {
        const Contest contest = make();
        const Times times = measure(contest, settings.seconds);
        const std::string note = contest.note ? contest.note() : "";
        const int threads = settings.threads.front();
        print(row.name, contest, threads, times, note);
        report.write(json_of(row.name, contest, threads, times, note));
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
  if (WIFSIGNALED(status)) {
    throw std::runtime_error(
        fmt::format("the run on {} threads ended by signal {}", threads, WTERMSIG(status)));
  }
  return WEXITSTATUS(status);
}

constexpr int kMostThreads = 4096;

// Of an option's text: a message that says what is accepted, or nothing.
std::string wrong_threads(const std::string& text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc{} && parsed == end && number >= 1 && number <= kMostThreads) return "";
  return fmt::format("'{}' is not a number of threads; it must be a whole number from 1 to {}",
                     text, kMostThreads);
}
std::string wrong_seconds(const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc{} && parsed == end && std::isfinite(number) && number > 0) return "";
  return fmt::format("'{}' is not a time; it must be a finite number of seconds above 0", text);
}

int bench(int argument_count, char** arguments) {
  Settings settings;
  CLI::App app(
      "Times gradients against loops written by hand, and against libtorch where it is installed.",
      "tendon-bench");
  std::vector<std::string> names;
  for (const Row& row : rows(Sizes::full)) names.push_back(row.name);
  names.emplace_back(kColdCompile);
  app.add_option("--row", settings.rows,
                 "Rows to run, all if not given: " + fmt::format("{}", fmt::join(names, ", ")))
      ->check(CLI::IsMember(names))
      ->option_text("NAME...");
  app.add_option("--threads", settings.threads, "How many threads; 1 and all if not given.")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->check(wrong_threads, "")
      ->option_text("N");
  app.add_option("--seconds", settings.seconds,
                 "Time for a contestant of a line, 0.5 if not given.")
      ->check(wrong_seconds, "")
      ->option_text("S");
  app.add_option("--device", settings.device,
                 "Where tendon computes, the CPU if not given. On cuda the times are the device's; "
                 "an emulated one has none, and tells what it counts.")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--json", settings.json, "Writes a JSON object a line to this file.")
      ->option_text("FILE");
  app.add_flag("--in-this-process", settings.in_this_process)->group("");
  app.add_flag("--spoil-results", settings.spoil_results)->group("");  // for the tests
  CLI11_PARSE(app, argument_count, arguments);

  if (settings.spoil_results) spoil_results();
  set_default_device(settings.device == "cpu" ? Device::cpu() : Device::cuda());
  // Needs no device, only the compiler; among all rows it is one of a CUDA device's.
  bool compiles = settings.rows.empty() && settings.device == "cuda";
  if (std::erase(settings.rows, kColdCompile) > 0 && !settings.in_this_process) {
    compiles = true;
    if (settings.rows.empty()) {
      print_cold_compiles();
      return 0;
    }
  }
  if (settings.device == "cuda") {
    run_on_device(settings.rows, settings.seconds, settings.json);
    if (compiles) print_cold_compiles();
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
  { const Report report(settings.json, Report::Opening::anew); }
  print_header();
  std::fflush(stdout);
  for (const int threads : settings.threads) {
    if (const int status = run_in_a_process(arguments, argument_count, threads); status != 0)
      return status;
  }
  if (compiles) print_cold_compiles();
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
