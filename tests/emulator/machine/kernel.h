// A kernel ready to run: its steps, calls put in line, and the layout of its registers and memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "machine/machine.h"
#include "machine/step.h"

namespace emulator {

// Registers whose value the machine puts in before a block runs.
enum class Special : std::uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  smid,
  nsmid,
  gridid,
  lanemask_eq,
  lanemask_le,
  lanemask_lt,
  lanemask_ge,
  lanemask_gt,
  dynamic_smem_size,
  total_smem_size,
  grid_workspace_low,
  grid_workspace_high,
  zero,
  one,
};

struct Literal {
  Slot slot;
  std::uint32_t width;  // 2, 4 or 8; 0 for a predicate
  std::uint64_t value;
};

struct SpecialSlot {
  Slot slot;
  std::uint32_t width;
  Special special;
};

class Kernel {
 public:
  std::string name;
  std::string shown_name;  // demangled, without its parameters' types
  const ptx::Module* text = nullptr;
  KernelAttributes attributes;
  std::vector<Step> steps;
  std::vector<std::uint32_t> lists;  // of slots, and of targets
  std::vector<Literal> literals;
  std::vector<SpecialSlot> specials;
  std::uint32_t register_bytes = 0;                  // of a warp
  std::uint32_t shared_bytes = 0;                    // static; the dynamic part lies behind it
  std::uint32_t local_bytes = 0;                     // a thread
  std::map<std::uint32_t, std::string> unsupported;  // steps that cannot be executed, and why
};

inline constexpr Address kSharedWindow = 0x0100'0000'0000'0000;
inline constexpr Address kLocalWindow = 0x0200'0000'0000'0000;
inline constexpr Address kParameterWindow = 0x0300'0000'0000'0000;
inline constexpr Address kWindowBytes = std::uint64_t{1} << 32;
// Within the shared window, dynamic memory lies apart from static memory.
inline constexpr std::int64_t kDynamicShared = 1 << 20;

}  // namespace emulator
