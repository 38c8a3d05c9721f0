#include "runtime/work.h"

#include <utility>

namespace emulator {

void Queue::add(const WorkPointer& work, std::span<const WorkPointer> after) {
  unfinished_[work->id] = work;
  for (const WorkPointer& before : after) {
    if (!before || before->is_done) continue;
    before->waiting.push_back(work);
    ++work->unfinished_before;
  }
  if (work->unfinished_before == 0) ready_.push_back(work);
}

WorkPointer Queue::take(Random& random) {
  if (ready_.empty()) return nullptr;
  const std::size_t index = random.below(ready_.size());
  WorkPointer work = std::move(ready_[index]);
  ready_[index] = std::move(ready_.back());
  ready_.pop_back();
  return work;
}

void Queue::finish(const WorkPointer& work) {
  work->is_done = true;
  work->ended_count = ++ended_count_;
  work->run = nullptr;
  unfinished_.erase(work->id);
  for (const WorkPointer& next : std::exchange(work->waiting, {})) {
    if (--next->unfinished_before == 0) ready_.push_back(next);
  }
}

WorkPointer Queue::find(WorkId work) const {
  const auto found = unfinished_.find(work);
  return found == unfinished_.end() ? nullptr : found->second;
}

}  // namespace emulator
