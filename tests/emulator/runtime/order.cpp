#include "runtime/order.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace emulator {
namespace {

auto place(const std::vector<std::pair<Chain, Position>>& seen, Chain chain) {
  return std::lower_bound(seen.begin(), seen.end(), chain,
                          [](const auto& entry, Chain wanted) { return entry.first < wanted; });
}

}  // namespace

Position Clock::at(Chain chain) const {
  auto found = place(seen_, chain);
  return found != seen_.end() && found->first == chain ? found->second : 0;
}

void Clock::see(Chain chain, Position position) {
  auto index = place(seen_, chain) - seen_.begin();
  auto found = seen_.begin() + index;
  if (found != seen_.end() && found->first == chain)
    found->second = std::max(found->second, position);
  else
    seen_.insert(found, {chain, position});
}

void Clock::merge(const Clock& other) {
  if (seen_.empty()) {
    seen_ = other.seen_;
    return;
  }
  for (auto [chain, position] : other.seen_) see(chain, position);
}

void Clock::step_back(Chain chain) {
  for (auto& entry : seen_) {
    if (entry.first == chain) --entry.second;
  }
}

Order::Order() {
  // Work 0 is the host.
  records_.push_back({.chain = 0, .position = 0, .waited_at = 0, .description = 0});
  descriptions_.push_back("the host");
}

Chain Order::new_chain() {
  chains_.emplace_back();
  return static_cast<Chain>(chains_.size() - 1);
}

void Order::close(Chain chain, WorkId end) { chains_[chain].closed_by = end; }

void Order::close_from(Chain first, WorkId end, Clock& clock) {
  for (Chain chain = first; chain < chain_count(); ++chain) {
    if (chains_[chain].closed_by == kHost) close(chain, end);
  }
  clock.forget_if([&](Chain chain, Position) { return chain >= first; });
}

WorkId Order::add(Chain chain, Clock& clock, const std::string& description) {
  if (records_.size() > kMostWork) {
    std::fprintf(stderr, "emulator: more than %u pieces of work in one process\n", kMostWork);
    std::abort();
  }
  const auto work = static_cast<WorkId>(records_.size());
  clock.forget_if([&](Chain seen, Position at) { return chains_[seen].waited >= at; });
  ChainState& state = chains_[chain];
  clock.see(chain, ++state.length);
  state.unwaited.push_back(work);

  auto [known, is_new] = description_numbers_.try_emplace(
      description, static_cast<std::uint32_t>(descriptions_.size()));
  if (is_new) descriptions_.push_back(description);
  records_.push_back({.chain = chain,
                      .position = state.length,
                      .waited_at = kNever,
                      .description = known->second});
  return work;
}

void Order::host_waited(const Clock& clock) {
  ++now_;
  for (auto [chain, position] : clock.seen()) {
    ChainState& state = chains_[chain];
    if (position <= state.waited) continue;
    const auto count = static_cast<std::ptrdiff_t>(position - state.waited);
    for (auto work = state.unwaited.begin(); work != state.unwaited.begin() + count; ++work)
      records_[*work].waited_at = now_;
    state.unwaited.erase(state.unwaited.begin(), state.unwaited.begin() + count);
    state.waited = position;
  }
}

bool Order::ordered(WorkId a, const Clock& clock, Time enqueued_at) const {
  while (a != kHost) {
    const Record& record = records_[a];
    if (record.waited_at <= enqueued_at) return true;
    if (clock.at(record.chain) >= record.position) return true;
    a = chains_[record.chain].closed_by;
    // The end of a graph stands for all that ran in it; an open chain has no such end.
    if (a == kHost) return false;
  }
  return true;
}

const std::string& Order::describe(WorkId work) const {
  return descriptions_[records_[work].description];
}

}  // namespace emulator
