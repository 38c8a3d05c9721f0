// Pieces of work, what each waits for, and which of them are ready to run.
//
// Nothing runs by itself here: the runtime takes ready work when something waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "runtime/order.h"
#include "runtime/random.h"

namespace emulator {

struct Work;
using WorkPointer = std::shared_ptr<Work>;

struct Work {
  WorkId id = kHost;
  int device = 0;
  bool from_graph = false;
  bool is_dropped = false;  // its device failed, or was reset, before it ran
  bool is_done = false;
  Chain chain = 0;
  Clock clock;  // its own place is in it
  Time enqueued_at = 0;
  std::uint64_t ended_count = 0;  // pieces of work that had ended when this one did

  // Does it. False where it ends later, with a call of Queue::finish.
  std::function<bool(const WorkPointer&)> run;

  std::size_t unfinished_before = 0;
  std::vector<WorkPointer> waiting;  // for this one
};

class Queue {
 public:
  // `after` may hold null pointers and work that is done.
  void add(const WorkPointer& work, std::span<const WorkPointer> after);

  // One of the ready pieces at random, out of the ready ones; null where there is none.
  WorkPointer take(Random& random);
  void finish(const WorkPointer& work);
  // Unfinished work; null where it is done.
  WorkPointer find(WorkId work) const;

  template <class Visit>
  void for_each_unfinished(Visit visit) const {
    for (const auto& [id, work] : unfinished_) visit(work);
  }
  std::uint64_t ended_count() const { return ended_count_; }

 private:
  std::vector<WorkPointer> ready_;
  std::map<WorkId, WorkPointer> unfinished_;
  std::uint64_t ended_count_ = 0;
};

}  // namespace emulator
