// The shared memory of a block, and who touched each of its bytes last.
//
// Two accesses of a byte race where one of them writes, another thread made the other, and no
// barrier of both lies between. Time is counted in synchronizations: each gives the warps that take
// part a new clock, and a warp remembers up to which clock it has seen each other warp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "machine/step.h"

namespace emulator {

inline constexpr std::uint32_t kMostWarps = 32;

class SharedMemory {
 public:
  using Clock = std::uint32_t;
  static constexpr std::uint32_t kUnknownStep = (1u << 20) - 1;

  // A block's begin: static bytes, and the dynamic ones behind them.
  void begin(std::uint32_t static_bytes, std::uint32_t dynamic_bytes);

  // The byte at an offset within the window; null where [offset, offset + bytes) is not all inside.
  std::byte* at(std::uint64_t offset, std::uint32_t bytes);

  // Two strong accesses do not race. Nor do two volatile ones, which poll flags, but for those of
  // one warp: its lanes are not in lockstep, and volatile orders nothing between them.
  enum Strength : std::uint32_t { plain, is_volatile, strong };

  enum class Finding {
    none,
    race,
    early,  // an access to where a copy goes, before that was waited for
    unwritten,
  };
  struct Found {
    Finding finding = Finding::none;
    std::uint32_t other = 0;       // the thread of the other access
    std::uint32_t other_step = 0;  // and its step; kUnknownStep of one past all that a mark holds
    bool other_wrote = false;
  };
  // Who accesses: a thread of the block, by which step of the kernel, and how.
  struct Access {
    std::uint32_t thread = 0, step = 0;
    Strength strength = Strength::plain;
  };
  // Records an access by a thread of the block and says what is wrong with it. `data`: what a write
  // puts there, since two threads may write the same.
  Found access(std::uint64_t offset, std::uint32_t bytes, const Access& by, bool is_write,
               const std::byte* data);

  // A copy that goes on beside its thread. As it begins it must be ordered after what was done
  // there before, as a write must; nothing is recorded.
  Found before_copy(std::uint64_t offset, std::uint32_t bytes, std::uint32_t thread,
                    const std::byte* data) const;
  // Then copies begin: a clock that no access before has, and all that come after.
  Clock begin_copies();
  // As its thread waits for it, it is made. Nobody may have read there since it began, nor another
  // thread written.
  Found end_copy(std::byte* to, std::uint32_t bytes, const Access& by, Clock begun,
                 const std::byte* data);

  // The lanes of a mask of one warp have met; all threads of some warps have.
  void synchronize_lanes(std::uint32_t warp, Mask lanes, Mask live);
  void synchronize_warps(std::uint32_t warps);  // a bit a warp

  // An object through which threads meet without a barrier of the block, by its address: a thread
  // leaves there what it has done and seen, and the warp that waits for it has seen that too. What
  // other lanes of the thread's warp did it has seen only if it met them since.
  void release(const std::byte* object, std::uint32_t thread);
  void acquire(const std::byte* object, std::uint32_t warp);

  bool checks_races = true, checks_unwritten = true;

 private:
  struct Mark {
    Clock clock = 0;  // 0: none in this launch; less than begin_: in an earlier block
    std::uint32_t thread : 10 = 0;
    std::uint32_t strength : 2 = 0;
    std::uint32_t step : 20 = 0;
  };
  static bool may_race(const Mark& mark, const Access& by);
  Mark mark_of(const Access& by) const;
  static Found found_with(Finding finding, const Mark& other, bool other_wrote);
  // Its last plain write, and its last other one: atomics order nothing, so that one does not hide
  // a plain write before it. Of the readers the last, one more of its warp, and one of another.
  struct Cell {
    Mark writer, strong_writer;
    Mark reader, neighbour, other_reader;
  };
  // look(mark, is_of_a_write) for all that a write may race with, which `changes` the byte or not.
  template <class Look>
  static void look_for_writer(const Cell& cell, bool changes, const Look& look);
  // Whether the access of the mark is ordered before one by the thread: as all of its warp's are,
  // or as that lane's alone.
  bool is_seen(const Mark& mark, std::uint32_t thread) const;
  bool is_seen_of_lane(const Mark& mark, std::uint32_t thread) const;
  std::uint64_t index(std::uint64_t offset) const;

  std::vector<std::byte> bytes_;
  std::vector<Cell> cells_;
  std::uint32_t static_bytes_ = 0, total_bytes_ = 0;
  Clock last_ = 1, begin_ = 1;
  std::array<Clock, kMostWarps> now_{};                           // of each warp
  std::array<std::array<Clock, kMostWarps>, kMostWarps> seen_{};  // [warp][other warp]
  std::array<Clock, kMostWarps> met_{};                           // all lanes of the warp
  using OfLanes = std::array<Clock, kLanes>;
  std::array<std::array<OfLanes, kLanes>, kMostWarps> lanes_met_{};
  std::array<bool, kMostWarps> has_lanes_met_{};  // some met that were not all
  // Of each warp's accesses, up to which clock they are seen: of all its lanes, and of single ones.
  struct Left {
    std::array<Clock, kMostWarps> warps{};
    std::map<std::uint32_t, OfLanes> lanes;  // by warp
  };
  static void merge(OfLanes& into, const OfLanes& from);
  void know_lanes(std::uint32_t warp);     // before its lanes_met_ is used
  std::map<const std::byte*, Left> left_;  // at objects
  std::array<std::map<std::uint32_t, OfLanes>, kMostWarps> lanes_seen_;  // beyond seen_
};

}  // namespace emulator
