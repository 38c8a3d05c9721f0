// The decoded form of an instruction, and the registers that it works on.
//
// A warp's registers lie in one block of memory: of each register the values of the 32 lanes, one
// after the other, so that a step is a loop over lanes. Literals are registers that hold their
// value in every lane; so are the special registers that do not change while a block runs. A
// predicate is one word, a bit a lane.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "machine/counters.h"
#include "ptx/module.h"

namespace emulator {

using ptx::Space;
using ptx::Type;

inline constexpr int kLanes = 32;
using Mask = std::uint32_t;  // of lanes
inline constexpr Mask kAllLanes = ~Mask{0};
std::string hexadecimal(Mask lanes);  // "0x0000ffff"

// Where a register begins in the warp's block, in bytes.
using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = ~Slot{0};

class Warp;
struct Step;
using Run = void (*)(Warp&, const Step&, Mask);

enum class Flow : std::uint8_t {
  next,          // run, then the next step
  branch,        // to `target`
  branch_table,  // to one of `list`, by the value of `a`
  exit,
  synchronize,   // run once the lanes of the mask in `c` (or all, where kNoSlot) have come here
  warp_barrier,  // bar.warp.sync: the same, at any step of this kind
  barrier,       // of the block
  arrive,        // at a barrier of the block, without waiting
};

enum class Rounding : std::uint8_t { nearest, zero, down, up };

struct Step {
  Run run = nullptr;
  Flow flow = Flow::next;
  InstructionClass instruction_class = InstructionClass::other;
  bool guard_is_negated = false;
  Slot guard = kNoSlot;
  Slot d = kNoSlot, e = kNoSlot;                              // what it writes
  std::array<Slot, 4> s{kNoSlot, kNoSlot, kNoSlot, kNoSlot};  // what it reads
  std::uint32_t target = 0;                                   // of a branch
  // Details of some instructions.
  Rounding rounding = Rounding::nearest;
  bool flushes = false;    // .ftz
  bool saturates = false;  // .sat
  bool is_strong = false;  // relaxed, acquire, release: no race with its like
  bool is_volatile = false;
  bool has_mask = false;  // a synchronization whose lanes s[3] names
  Space space = Space::generic;
  std::uint8_t width = 0;              // bytes of an element of an access
  std::uint8_t count = 1;              // elements of it
  std::uint8_t destination_width = 0;  // bytes of the register behind a load or a conversion
  bool is_signed = false;
  std::uint8_t detail = 0;     // a comparison, a mode
  std::int64_t immediate = 0;  // added to an address; a table of lop3
  std::uint32_t list = 0;      // first of its slots or targets in Kernel::lists, for vectors
  std::uint32_t list_count = 0;
  std::uint32_t index = 0;                    // its place in Kernel::steps
  const ptx::Instruction* written = nullptr;  // as it stands in the text
};

}  // namespace emulator
