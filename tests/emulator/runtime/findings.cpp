#include "runtime/findings.h"

#include <algorithm>
#include <cstdio>

#include "runtime/status.h"

namespace emulator {

void Findings::add(Kind kind, const std::string& text) {
  const auto thread = std::this_thread::get_id();
  const bool is_known = std::any_of(findings_.begin(), findings_.end(), [&](const Finding& known) {
    return known.text == text && known.kind == kind && known.thread == thread;
  });
  if (!is_known) findings_.push_back({text, kind, false, thread});
}

void Findings::take_back(Kind kind) {
  std::erase_if(findings_, [&](const Finding& finding) {
    return finding.kind == kind && finding.thread == std::this_thread::get_id();
  });
}

void Findings::refuse(const std::string& what) {
  if (!checks_refusals) return;
  const std::size_t before = findings_.size();
  add(Kind::refusal, "refused: " + what);
  if (findings_.size() == before) return;
  findings_.back().is_printed = true;
  std::fprintf(stderr, "emulator: %s\n", findings_.back().text.c_str());
  note_found();
}

void Findings::refuse_load(const std::string& what) {
  if (checks_refusals) add(Kind::load, "refused: " + what);
}

void Findings::load_succeeded() { take_back(Kind::load); }

void Findings::fail_call(const std::string& what) {
  if (checks_calls) add(Kind::call, "failed call: " + what);
}

void Findings::asked() { take_back(Kind::call); }

void Findings::leak(const std::string& what) {
  if (checks_leaks) add(Kind::leak, "leak: " + what);
}

void Findings::print_rest() {
  for (Finding& finding : findings_) {
    if (!finding.is_printed) std::fprintf(stderr, "emulator: %s\n", finding.text.c_str());
    finding.is_printed = true;
  }
}

}  // namespace emulator
