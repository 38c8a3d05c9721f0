#include "machine/report.h"

#include <cstdio>

namespace emulator {

const char* name(Fault fault) {
  switch (fault) {
    case Fault::out_of_bounds: return "out of bounds";
    case Fault::misaligned: return "misaligned";
    case Fault::use_after_free: return "use after free";
    case Fault::unwritten: return "read of unwritten memory";
    case Fault::shared_race: return "shared-memory race";
    case Fault::barrier_divergence: return "barrier in divergent code";
    case Fault::barrier_missed: return "barrier that part of the block misses";
    case Fault::deadlock: return "deadlock";
    case Fault::step_budget: return "step budget";
    case Fault::unordered: return "unordered work";
    case Fault::host_race: return "host race";
    case Fault::unsupported: return "unsupported";
    case Fault::trap: return "trap";
  }
  return "";
}

void Reports::add(Report report) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    const Report& known = reports_[i];
    if (known.fault == report.fault && known.kernel == report.kernel &&
        known.ptx_line == report.ptx_line && report.ptx_line != 0) {
      ++repeats_[i];
      return;
    }
  }
  std::fprintf(stderr, "emulator: %s\n", report.text.c_str());
  reports_.push_back(std::move(report));
  repeats_.push_back(1);
}

std::vector<Report> Reports::all() const {
  const std::lock_guard lock(mutex_);
  return reports_;
}

std::size_t Reports::count() const {
  const std::lock_guard lock(mutex_);
  return reports_.size();
}

void Reports::clear() {
  const std::lock_guard lock(mutex_);
  reports_.clear();
  repeats_.clear();
}

Reports& reports() {
  static Reports all;
  return all;
}

}  // namespace emulator
