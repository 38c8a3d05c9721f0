// cp.async: copies from global to shared memory, and what waits for them.
#include <algorithm>
#include <bit>

#include "machine/block.h"
#include "machine/decode.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

// It reads at once; what it read is written when it is waited for.
void begin_copy(Warp& warp, const Step& step, Mask mask) {
  Address to[kLanes], from[kLanes];
  std::byte* from_pointers[kLanes];
  Step part = step;
  addresses_of(warp, step.s[0], step.has_mask, step.immediate, to);
  addresses_of(warp, step.s[1], step.is_signed, static_cast<std::int32_t>(step.list), from);
  const std::uint32_t bytes = step.width;
  std::uint32_t read_bytes[kLanes];
  Mask whole = 0, partly = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    read_bytes[lane] =
        step.s[2] == kNoSlot ? bytes : std::min(bytes, warp.lanes<std::uint32_t>(step.s[2])[lane]);
    if (read_bytes[lane] == bytes) {
      whole |= mask & Mask{1} << lane;
    } else if (read_bytes[lane] != 0) {
      partly |= mask & Mask{1} << lane;
    }
  }
  AsynchronousCopies::Copy copy{&step, mask};
  part.space = Space::global;
  const auto read = [&](Mask lanes, std::uint32_t offset, std::uint32_t count) {
    Address addresses[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) addresses[lane] = from[lane] + offset;
    warp.block->reach(warp, part, lanes, addresses, count, AccessKind::load, nullptr,
                      from_pointers);
    for (Mask left = lanes; left != 0; left &= left - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(left));
      std::memcpy(copy.data.data() + lane * bytes + offset, from_pointers[lane], count);
    }
  };
  if (whole != 0) read(whole, 0, bytes);
  // Of fewer bytes than are written only those are read, the rest being zero.
  for (Mask left = partly; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    for (std::uint32_t done = 0; done < read_bytes[lane];) {
      const std::uint32_t count = std::bit_floor(read_bytes[lane] - done);
      read(Mask{1} << lane, done, count);
      done += count;
    }
  }
  part.space = Space::shared;
  warp.block->reach(warp, part, mask, to, bytes, AccessKind::copy, copy.data.data(),
                    copy.to.data());
  copy.begun = warp.block->shared().begin_copies();
  warp.copies.begin(copy);
}

void commit(Warp& warp, const Step&, Mask mask) { warp.copies.commit(mask); }

void wait_for_groups(Warp& warp, const Step& step, Mask mask) {
  warp.copies.wait_for_all_but(static_cast<std::uint32_t>(step.immediate), warp, mask);
}

void wait_for_all(Warp& warp, const Step&, Mask mask) { warp.copies.wait_for_all(warp, mask); }

void nothing(Warp&, const Step&, Mask) {}

bool decode_begin(Decoding& d) {
  Step& step = d.step();
  if (d.operand_count() < 3) d.unsupported();
  // cp.async.cg.shared.global [to], [from], bytes {, bytes read};
  Step from;
  d.operands().address(d.operand(1), Space::global, from);
  d.operands().address(d.operand(0), Space::shared, step);
  step.s[1] = from.s[0];
  step.is_signed = from.has_mask;  // a narrow address
  step.list = static_cast<std::uint32_t>(static_cast<std::int32_t>(from.immediate));
  step.width = static_cast<std::uint8_t>(d.operand(2).value);
  if (step.width != 4 && step.width != 8 && step.width != 16) d.unsupported();
  if (d.operand_count() > 3) d.source(2, 3, Type::u32);
  d.runs(InstructionClass::memory, begin_copy);
  return true;
}

}  // namespace

bool decode_copy(Decoding& d) {
  if (d.base() != "cp" || !d.has("async") || d.has("mbarrier")) return false;
  const auto runs = [&](Run run) {
    d.runs(InstructionClass::memory, run);
    return true;
  };
  const bool commits = d.has("commit_group"), waits = d.has("wait_group");
  if (d.has("bulk")) return (commits || waits) && runs(nothing);  // those are made at once
  if (commits) return runs(commit);
  if (d.has("wait_all")) return runs(wait_for_all);
  if (!waits) return decode_begin(d);
  d.step().immediate = d.operand(0).value;
  return runs(wait_for_groups);
}

}  // namespace emulator
