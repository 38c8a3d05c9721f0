#include "bench/device_table.h"

#include <fmt/format.h>
#include <tendon/device.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <stdexcept>

#include "bench/cuda_device.h"
#include "bench/report.h"

namespace tendon::bench {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct DeviceTime {
  double seconds;  // the least sample's
  std::size_t samples;
  double spread;  // the median sample over the least, less 1
};

// Seconds of the host for one of the contest's ops: the work waits on the device's streams until it
// is waited for, which is not timed; nor is what the calls of an emulated runtime take, nor the
// runs just after it has computed, which find the processor's caches full of the emulated device.
std::optional<double> host_seconds(const Contest& contest) {
  if (contest.host_operations == 0) return std::nullopt;
  constexpr int kRounds = 10, kRuns = 5;
  const CudaDevice& device = CudaDevice::instance();
  double best = INFINITY;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < 3; ++i) contest.ours();
    const double begin = now(), own = device.host_seconds();
    for (int i = 0; i < kRuns; ++i) contest.ours();
    best = std::min(best, now() - begin - (device.host_seconds() - own));
    synchronize(default_device());
  }
  return best / kRuns / contest.host_operations;
}

// Of one run on a real device: the least of many samples of at least 2 ms.
DeviceTime device_time(const Contest& contest, double seconds) {
  std::int64_t repeats = 1;
  const auto runs = [&] {
    for (std::int64_t i = 0; i < repeats; ++i) contest.ours();
  };
  const auto sample = [&] {
    if (contest.is_on_stream) return CudaDevice::instance().seconds(runs);
    // On tendon's own stream: by the host's clock, until all is done.
    const double begin = now();
    runs();
    synchronize(default_device());
    return now() - begin;
  };
  double took = sample();
  for (; took < 2e-3; took = sample()) repeats *= 2;
  std::vector<double> samples = {took};
  for (const double end = now() + seconds; now() < end;) samples.push_back(sample());
  std::ranges::sort(samples);
  return {.seconds = samples.front() / static_cast<double>(repeats),
          .samples = samples.size(),
          .spread = samples[samples.size() / 2] / samples.front() - 1};
}

std::string number(std::optional<double> value, const char* unit, double scale) {
  return value ? fmt::format("{:.3g} {}", *value * scale, unit) : "";
}

class Table {
 public:
  explicit Table(const std::string& json) : report_(json, Report::Opening::anew) {}

  static void print_counts_header() {
    fmt::print(kCounts, "row", "size", "launches", "graphs", "bytes", "sectors", "instr.", "alloc.",
               "waits", "host, an op");
  }
  void print_counts(const std::string& row, const Contest& contest, const DeviceCounts& counts,
                    std::optional<double> host) {
    const auto floors = [&](double bytes) {
      return contest.floor_bytes > 0 ? fmt::format("{:.3f}", bytes / contest.floor_bytes) : "";
    };
    fmt::print(
        kCounts, row, contest.size, counts.launches, counts.graph_launches, floors(counts.bytes),
        floors(counts.sector_bytes),
        contest.elements > 0
            ? fmt::format("{:.1f}", counts.instructions / static_cast<double>(contest.elements))
            : "",
        counts.allocations, counts.synchronizations, number(host, "ns", 1e9));
    std::fflush(stdout);
    report_.write({{"row", row},
                   {"size", contest.size},
                   {"device", "emulated"},
                   {"launches", counts.launches},
                   {"graph_launches", counts.graph_launches},
                   {"bytes", counts.bytes},
                   {"sector_bytes", counts.sector_bytes},
                   {"floor_bytes", contest.floor_bytes},
                   {"instructions", counts.instructions},
                   {"allocations", counts.allocations},
                   {"synchronizations", counts.synchronizations},
                   {"host_ns", nanoseconds(host)}});
  }

  static void print_times_header() {
    fmt::print(kTimes, "row", "size", "ours", "floor", "ratio", "host, an op");
  }
  void print_times(const std::string& row, const Contest& contest, const DeviceTime& time,
                   std::optional<double> host) {
    const double seconds = time.seconds;
    std::optional<double> floor;
    if (contest.floor_bytes > 0)
      floor = contest.floor_bytes / CudaDevice::instance().bandwidth(contest.floor_bytes);
    fmt::print(kTimes, row, contest.size, number(seconds / contest.operations, "us", 1e6),
               number(floor ? std::optional(*floor / contest.operations) : floor, "us", 1e6),
               floor ? fmt::format("{:.2f}", seconds / *floor) : "", number(host, "ns", 1e9));
    std::fflush(stdout);
    if (floor) *floor /= contest.operations;
    report_.write({{"row", row},
                   {"size", contest.size},
                   {"device", CudaDevice::instance().name()},
                   {"ours_ns", nanoseconds(seconds / contest.operations)},
                   {"floor_ns", nanoseconds(floor)},
                   {"host_ns", nanoseconds(host)},
                   {"samples", {{"ours", time.samples}}},
                   {"spread", {{"ours", time.spread}}}});
  }

 private:
  static constexpr const char* kCounts =
      "{:14} {:>24} {:>8} {:>6} {:>8} {:>8} {:>8} {:>6} {:>5} {:>12}\n";
  static constexpr const char* kTimes = "{:14} {:>24} {:>10} {:>10} {:>6} {:>12}\n";

  static nlohmann::json nanoseconds(std::optional<double> time) {
    return time ? nlohmann::json(*time * 1e9) : nlohmann::json();
  }

  Report report_;
};

}  // namespace

void run_on_device(const std::vector<std::string>& names, double seconds, const std::string& json) {
  CudaDevice& device = CudaDevice::instance();
  Table table(json);
  if (device.is_emulated()) {
    fmt::print(
        "An emulated device: counts, no times. Bytes and sectors are in units of the floor, each "
        "input read once and each output written once; instructions are a thread's, an element. "
        "The host's time is without the emulated runtime's.\n");
    Table::print_counts_header();
  } else {
    fmt::print(
        "{}: times by its events, or until all is done. Floor: bytes at what a copy of as "
        "many takes.\n",
        device.name());
    Table::print_times_header();
  }
  for (const Row& row : rows(device.is_emulated() ? Sizes::small : Sizes::full)) {
    if (!names.empty() && std::ranges::find(names, row.name) == names.end()) continue;
    for (const auto& make : row.sizes) {
      try {
        const Contest contest = make();
        for (int i = 0; i < 3; ++i) contest.ours();
        if (device.is_emulated()) {
          const DeviceCounts counts = device.counts(contest.ours);
          table.print_counts(row.name, contest, counts, host_seconds(contest));
          if (contest.by_hand) {
            contest.by_hand();
            table.print_counts("  alone", contest, device.counts(contest.by_hand), std::nullopt);
          }
        } else {
          const DeviceTime took = device_time(contest, seconds);
          table.print_times(row.name, contest, took, host_seconds(contest));
        }
      } catch (const std::exception& error) {
        throw std::runtime_error(row.name + ": " + error.what());
      }
    }
  }
}

}  // namespace tendon::bench
