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

  // A block's begin: static bytes, and the dynamic ones behind them.
  void begin(std::uint32_t static_bytes, std::uint32_t dynamic_bytes);

  // The byte at an offset within the window; null where [offset, offset + bytes) is not all inside.
  std::byte* at(std::uint64_t offset, std::uint32_t bytes);

  enum class Finding {
    none,
    race,
    early,  // an access to where a copy goes, before that was waited for
    unwritten,
  };
  struct Found {
    Finding finding = Finding::none;
    std::uint32_t other = 0;  // the thread of the other access
    bool other_wrote = false;
  };
  // Records an access by a thread of the block and says what is wrong with it. `data`: what a write
  // puts there, since two threads may write the same.
  Found access(std::uint64_t offset, std::uint32_t bytes, std::uint32_t thread, bool is_write,
               bool is_strong, const std::byte* data);

  // A copy that goes on beside its thread. As it begins it must be ordered after what was done
  // there before, as a write must; nothing is recorded.
  Found before_copy(std::uint64_t offset, std::uint32_t bytes, std::uint32_t thread,
                    const std::byte* data) const;
  // Then copies begin: a clock that no access before has, and all that come after.
  Clock begin_copies();
  // As its thread waits for it, it is made. Nobody may have read there since it began, nor another
  // thread written.
  Found end_copy(std::byte* to, std::uint32_t bytes, std::uint32_t thread, Clock begun,
                 const std::byte* data);

  // The lanes of a mask of one warp have met; all threads of some warps have.
  void synchronize_lanes(std::uint32_t warp, Mask lanes, Mask live);
  void synchronize_warps(std::uint32_t warps);  // a bit a warp

  // An object through which warps meet without a barrier of the block, by its address: a warp
  // leaves there what it has seen, and who waits for it has seen that too.
  void release(const std::byte* object, std::uint32_t warp);
  void acquire(const std::byte* object, std::uint32_t warp);

  bool checks_races = true, checks_unwritten = true;

 private:
  struct Mark {
    Clock clock = 0;  // 0: none in this launch; less than begin_: in an earlier block
    std::uint16_t thread = 0;
    bool is_strong = false;
  };
  // Its last plain write, and its last strong one: atomics order nothing, so that one does not hide
  // a plain write before it. Of the readers the last, one more of its warp, and one of another.
  struct Cell {
    Mark writer, strong_writer;
    Mark reader, neighbour, other_reader;
  };
  // look(mark, is_of_a_write) for all that a write may race with, which `changes` the byte or not.
  template <class Look>
  static void look_for_writer(const Cell& cell, bool changes, const Look& look);
  bool is_ordered(const Mark& mark, std::uint32_t thread) const;
  std::uint64_t index(std::uint64_t offset) const;

  std::vector<std::byte> bytes_;
  std::vector<Cell> cells_;
  std::uint32_t static_bytes_ = 0, total_bytes_ = 0;
  Clock last_ = 1, begin_ = 1;
  std::array<Clock, kMostWarps> now_{};                           // of each warp
  std::array<std::array<Clock, kMostWarps>, kMostWarps> seen_{};  // [warp][other warp]
  std::array<Clock, kMostWarps> met_{};                           // all lanes of the warp
  std::array<std::array<std::array<Clock, kLanes>, kLanes>, kMostWarps> lanes_met_{};
  std::array<bool, kMostWarps> has_lanes_met_{};                    // some met that were not all
  std::map<const std::byte*, std::array<Clock, kMostWarps>> left_;  // at objects, of each warp
};

}  // namespace emulator
