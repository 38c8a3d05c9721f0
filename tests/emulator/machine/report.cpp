#include "machine/report.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string_view>
#include <utility>

#include "machine/suppressions.h"

namespace emulator {
namespace {

struct Words {
  Fault fault;
  const char* key;   // for suppressions
  const char* name;  // for messages
};
constexpr Words kFaults[] = {
    {Fault::out_of_bounds, "out_of_bounds", "out of bounds"},
    {Fault::misaligned, "misaligned", "misaligned"},
    {Fault::use_after_free, "use_after_free", "use after free"},
    {Fault::unwritten, "unwritten", "read of unwritten memory"},
    {Fault::shared_race, "shared_race", "shared-memory race"},
    {Fault::barrier_divergence, "barrier_divergence", "barrier in divergent code"},
    {Fault::barrier_missed, "barrier_missed", "barrier that part of the block misses"},
    {Fault::absent_lane, "absent_lane", "shuffle from a lane that takes no part"},
    {Fault::deadlock, "deadlock", "deadlock"},
    {Fault::step_budget, "step_budget", "step budget"},
    {Fault::unordered, "unordered", "unordered work"},
    {Fault::host_race, "host_race", "host race"},
    {Fault::unsupported, "unsupported", "unsupported"},
    {Fault::trap, "trap", "trap"},
};

static_assert(std::size(kFaults) == static_cast<std::size_t>(Fault::trap) + 1);

const Words& words_of(Fault fault) {
  return *std::find_if(std::begin(kFaults), std::end(kFaults),
                       [&](const Words& words) { return words.fault == fault; });
}

std::string plural(std::uint64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// A block of a grid as one number: CUDA allows 2^31 - 1 in x, and 65535 in y and z.
std::uint64_t key(const Dim3& block) {
  return block.x | std::uint64_t{block.y} << 31 | std::uint64_t{block.z} << 47;
}

// By its own line and that of the kernel, where they are known: what a library inlines between the
// two, unrolled or recursive, makes no other fault of it.
bool is_same_place(const Report& a, const Report& b) {
  if (a.source.empty() || b.source.empty()) return a.ptx_line == b.ptx_line;
  return a.source.front() == b.source.front() && a.source.back() == b.source.back();
}

}  // namespace

const char* name(Fault fault) { return words_of(fault).name; }
const char* key(Fault fault) { return words_of(fault).key; }

bool is_fatal(Fault fault) {
  constexpr Fault kFatal[] = {Fault::out_of_bounds, Fault::misaligned,  Fault::use_after_free,
                              Fault::deadlock,      Fault::step_budget, Fault::unsupported,
                              Fault::trap};
  return std::find(std::begin(kFatal), std::end(kFatal), fault) != std::end(kFatal);
}

bool is_fault_key(std::string_view text) {
  return std::any_of(std::begin(kFaults), std::end(kFaults),
                     [&](const Words& words) { return words.key == text; });
}

std::string fault_keys() {
  std::string text;
  for (const Words& words : kFaults) text += (text.empty() ? "" : ", ") + std::string(words.key);
  return text;
}

Reports::Known* Reports::find(const Report& report) {
  if (report.ptx_line == 0) return nullptr;
  for (Known& known : known_) {
    const Report& first = known.report;
    if (first.fault == report.fault && first.kernel == report.kernel &&
        is_same_place(first, report))
      return &known;
  }
  return nullptr;
}

Reports::Reports() = default;
Reports::~Reports() = default;

void Reports::suppress(std::vector<Suppression> suppressions, std::string file) {
  const std::lock_guard lock(mutex_);
  suppressions_ = std::move(suppressions);
  suppressions_file_ = std::move(file);
}

std::vector<Suppression> Reports::suppressions() const {
  const std::lock_guard lock(mutex_);
  return suppressions_;
}

void Reports::print_suppressions() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  for (const Suppression& suppression : suppressions_) {
    count += suppression.count;
    if (suppression.count == 0) {
      std::fprintf(stderr, "emulator: %s: line %u: never used: %s\n", suppressions_file_.c_str(),
                   suppression.line, suppression.text.c_str());
    }
  }
  if (count != 0)
    std::fprintf(stderr, "emulator: %s suppressed\n", plural(count, "finding").c_str());
}

void Reports::add(const Report& report) {
  const std::lock_guard lock(mutex_);
  for (Suppression& suppression : suppressions_) {
    if (!suppression.matches(report)) continue;
    ++suppression.count;
    return;
  }
  if (found_ != nullptr) found_();
  Known* known = find(report);
  if (known != nullptr) {
    ++known->report.accesses;
  } else {
    known = &known_.emplace_back();
    known->report = report;
  }
  if (report.kernel.empty()) {
    print(*known);
    return;
  }
  known->by_block[key(report.block)].set(report.thread_number);
  if (!is_in_launch_) print(*known);
}

void Reports::begin_launch() {
  const std::lock_guard lock(mutex_);
  is_in_launch_ = true;
}

void Reports::end_launch() {
  const std::lock_guard lock(mutex_);
  is_in_launch_ = false;
  for (Known& known : known_) print(known);
}

void Reports::print(Known& known) {
  if (known.is_printed) return;
  known.is_printed = true;
  std::fprintf(stderr, "emulator: %s\n", counted(known).text.c_str());
}

// The report with its counts.
Report Reports::counted(const Known& known) {
  Report report = known.report;
  if (known.by_block.empty()) return report;
  report.blocks = known.by_block.size();
  report.threads = 0;
  for (const auto& [block, threads] : known.by_block) report.threads += threads.count();
  if (report.accesses > 1) {
    report.text += "\n  found " + std::to_string(report.accesses) + " times, in " +
                   plural(report.threads, "thread") + " of " + plural(report.blocks, "block") +
                   "; the first is named";
  }
  return report;
}

std::vector<Report> Reports::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Report> all;
  for (const Known& known : known_) all.push_back(counted(known));
  return all;
}

std::size_t Reports::count() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

void Reports::clear() {
  const std::lock_guard lock(mutex_);
  known_.clear();
}

Reports& reports() {
  static Reports all;
  return all;
}

}  // namespace emulator
