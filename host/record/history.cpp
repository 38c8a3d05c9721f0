#include "host/record/history.h"

#include <algorithm>
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
      // Not from {}, which keeps a vector's memory.
      forgotten.tape = Tape();
      forgotten.named = std::vector<History::Named>();
      forgotten.expansions = std::vector<History::Expansion>();
      forgotten.expanded = std::vector<std::uint32_t>();
      forgotten.inputs = std::vector<History::Input>();
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

  std::optional<History::Made> made_from(const History& history, Ref value, std::size_t most) {
    const std::scoped_lock lock(mutex_);
    if (!history.is_kept) return std::nullopt;
    const Tape& tape = history.tape;
    const auto named = std::ranges::find(history.named, value.id, &History::Named::value);
    History::Made made{tape.op(value),
                       tape.dtype(value),
                       named == history.named.end() ? nullptr : named->origin.name,
                       tape.place(value),
                       {}};
    support::PoolVector<std::uint8_t> is_met(tape.size());
    support::PoolVector<std::uint32_t> met(1, value.id);
    for (std::size_t i = 0; i < met.size(); ++i) {
      if (tape.op(Ref{met[i]}) == Op::input) {
        const auto at = std::ranges::find(tape.inputs(), met[i], &Ref::id) - tape.inputs().begin();
        if (static_cast<std::size_t>(at) < history.inputs.size())
          made.from.push_back(history.inputs[static_cast<std::size_t>(at)]);
        continue;
      }
      for (const Ref operand : tape.operands(Ref{met[i]})) {
        if (is_met[operand.id] != 0) continue;
        if (met.size() >= most) return std::nullopt;
        is_met[operand.id] = 1;
        met.push_back(operand.id);
      }
    }
    return made;
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

std::optional<History::Made> made_from(const History& history, std::uint32_t value,
                                       std::size_t most) {
  return store().made_from(history, Ref{value}, most);
}

std::optional<History> copy_of(const History& history) { return store().copy(history); }

}  // namespace tendon::record
