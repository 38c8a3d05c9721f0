// What streams, events, graph edges and waits of the host guarantee about the order of work.
//
// Work lies on chains: a stream is one, and so is each path through a launched graph. On a chain
// each piece of work comes after the one before it. A vector clock says of every piece how far
// along each chain the work lies that it comes after. What the host has waited for needs no clock:
// all that is enqueued later comes after it.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "machine/memory.h"

namespace emulator {

using Chain = std::uint32_t;
using Position = std::uint32_t;  // on a chain, from 1
using Time = std::uint64_t;      // grows with each wait of the host

class Clock {
 public:
  // How far along the chain; 0 where nothing of it comes before.
  Position at(Chain chain) const;
  void see(Chain chain, Position position);
  void merge(const Clock& other);
  // The clock of what comes before the work at this place, if it is the last that this clock saw.
  void step_back(Chain chain);
  template <class Condition>
  void forget_if(Condition condition) {
    std::erase_if(seen_, [&](const auto& entry) { return condition(entry.first, entry.second); });
  }
  const std::vector<std::pair<Chain, Position>>& seen() const { return seen_; }

 private:
  std::vector<std::pair<Chain, Position>> seen_;  // by chain
};

class Order {
 public:
  Order();

  Chain new_chain();
  // All of the chain's work ends before `end` does, which lies on another chain. Clocks of later
  // work need not mention the chain then.
  void close(Chain chain, WorkId end);
  // The same for all chains from `first` on that are not closed, and `clock`, which is the end's,
  // forgets them.
  void close_from(Chain first, WorkId end, Clock& clock);
  Chain chain_count() const { return static_cast<Chain>(chains_.size()); }

  // A new piece of work at the end of a chain. `clock` is what it comes after; its own place is
  // added to it. `description` is for messages: "kernel scale on stream 2".
  WorkId add(Chain chain, Clock& clock, const std::string& description);
  Position position(WorkId work) const { return records_[work].position; }

  Time now() const { return now_; }
  // The host has waited for all that the clock has seen.
  void host_waited(const Clock& clock);
  bool has_waited(WorkId work) const { return records_[work].waited_at != kNever; }

  // Whether `a` is sure to have ended before the work begins that has this clock and was enqueued
  // at this time.
  bool ordered(WorkId a, const Clock& clock, Time enqueued_at) const;
  const std::string& describe(WorkId work) const;

 private:
  static constexpr Time kNever = ~Time{0};

  struct Record {
    Chain chain;
    Position position;
    Time waited_at;  // when the host had waited for it
    std::uint32_t description;
  };
  struct ChainState {
    WorkId closed_by = kHost;
    Position length = 0;
    Position waited = 0;           // the host has waited for the work up to here
    std::vector<WorkId> unwaited;  // the work after it
  };

  std::vector<Record> records_;  // by WorkId
  std::vector<ChainState> chains_;
  std::vector<std::string> descriptions_;
  std::unordered_map<std::string, std::uint32_t> description_numbers_;
  Time now_ = 0;
};

}  // namespace emulator
