#include "host/record/history.h"

#include <mutex>
#include <utility>

#include "host/record/flatten.h"
#include "host/tape/tape_arrays.h"

namespace tendon::record {

// Owns what is not in use, and knows what is.
class HistoryStore {
 public:
  HistoryStore() { spare_.reserve(kMostSpare); }

  History* keep(Device device, Flattening& flattening) {
    const std::scoped_lock lock(mutex_);
    History* history = nullptr;
    if (spare_.empty()) {
      history = new History;
    } else {
      history = spare_.back().release();
      spare_.pop_back();
    }
    history->device = device;
    flattening.hand_over(*history);
    history->bytes = history->held_bytes();
    link(*history);
    while (bytes_ > kMostHistoryBytes && oldest_ != history) {
      History& forgotten = *oldest_;
      unlink(forgotten);
      forgotten.tape = Tape();
      forgotten.named = {};
      forgotten.expansions = {};
      forgotten.expanded = {};
      forgotten.inputs = {};
    }
    return history;
  }

  void give_back(History* history) {
    std::unique_ptr<History> owned(history);  // freed after the lock
    const std::scoped_lock lock(mutex_);
    if (history->is_kept) unlink(*history);
    history->clear();
    if (spare_.size() < kMostSpare && history->held_bytes() <= kMostSpareBytes)
      spare_.push_back(std::move(owned));
  }

  std::optional<History> copy(const History& history) {
    const std::scoped_lock lock(mutex_);
    return history.is_kept ? std::optional(history) : std::nullopt;
  }

 private:
  static constexpr std::size_t kMostSpare = 16;
  static constexpr std::size_t kMostSpareBytes = std::size_t{1} << 20;

  void link(History& history) {
    history.is_kept = true;
    history.before = newest_;
    history.after = nullptr;
    (newest_ != nullptr ? newest_->after : oldest_) = &history;
    newest_ = &history;
    bytes_ += history.bytes;
  }
  void unlink(History& history) {
    history.is_kept = false;
    (history.before != nullptr ? history.before->after : oldest_) = history.after;
    (history.after != nullptr ? history.after->before : newest_) = history.before;
    bytes_ -= history.bytes;
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<History>> spare_;
  History* oldest_ = nullptr;
  History* newest_ = nullptr;
  std::size_t bytes_ = 0;
};

namespace {

HistoryStore& store() {
  static auto* instance = new HistoryStore;  // never destroyed: a static's destructor may compute
  return *instance;
}

}  // namespace

void History::clear() {
  detail::TapeArrays::clear(tape);
  named.clear();
  expansions.clear();
  expanded.clear();
  inputs.clear();
}

std::size_t History::held_bytes() const {
  return detail::TapeArrays::held_bytes(tape) + named.capacity() * sizeof(Named) +
         expansions.capacity() * sizeof(Expansion) + expanded.capacity() * sizeof(std::uint32_t) +
         inputs.capacity() * sizeof(Input);
}

std::shared_ptr<const History> keep_history(Device device, Flattening& flattening) {
  if (flattening.held_bytes() > kMostHistoryBytes / 4) return nullptr;
  return std::shared_ptr<History>(
      store().keep(device, flattening), [](History* history) { store().give_back(history); },
      support::PoolAllocator<History>());
}

std::optional<History> copy_of(const History& history) { return store().copy(history); }

}  // namespace tendon::record
