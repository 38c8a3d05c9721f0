// What the lanes of a warp, and the warps of a block, do together.
#include <bit>

#include "machine/block.h"
#include "machine/decode.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

using U32 = std::uint32_t;

enum Shuffle : std::uint8_t { up, down, butterfly, indexed };

// CUDA defines what a lane reads only from lanes that execute the same shuffle. Those of the mask
// that have exited are not waited for, but must not be read.
void check_sources(Warp& warp, const Step& step, Mask mask, const U32* sources) {
  Block& block = *warp.block;
  if (mask == kAllLanes || !block.running().options.check_barriers) return;
  for (Mask left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    const U32 source = sources[lane];
    if ((mask >> source & 1) != 0) continue;
    const Mask members = warp.lanes<Mask>(step.s[3])[lane];
    const std::string why = (block.lanes_of(warp) >> source & 1) == 0 ? "the block does not have"
                            : (warp.live >> source & 1) == 0          ? "has exited"
                            : (members >> source & 1) == 0            ? "the mask does not name"
                                                                      : "does not execute it";
    block.report(Fault::absent_lane, warp, lane, step,
                 "the thread reads the register of lane " + std::to_string(source) + ", which " +
                     why + " (the mask is " + hexadecimal(members) + ")");
  }
}

void shuffle(Warp& warp, const Step& step, Mask mask) {
  const U32* a = warp.lanes<U32>(step.s[0]);
  const U32* b = warp.lanes<U32>(step.s[1]);
  const U32* c = warp.lanes<U32>(step.s[2]);
  U32 result[kLanes], sources[kLanes];
  Mask in_range = 0;
  for (U32 lane = 0; lane < kLanes; ++lane) {
    const U32 segment = c[lane] >> 8 & 31, clamp = c[lane] & 31, by = b[lane] & 31;
    const U32 least = lane & segment, most = least | (clamp & ~segment);
    U32 from = lane;
    bool is_in = false;
    switch (step.detail) {
      case up:
        from = lane - by,
        is_in = static_cast<std::int32_t>(from) >= static_cast<std::int32_t>(most);
        break;
      case down: from = lane + by, is_in = from <= most; break;
      case butterfly: from = lane ^ by, is_in = from <= most; break;
      default: from = least | (by & ~segment), is_in = from <= most;
    }
    if (!is_in) from = lane;
    sources[lane] = from;
    result[lane] = a[from];
    in_range |= static_cast<Mask>(is_in) << lane;
  }
  check_sources(warp, step, mask, sources);
  warp.store(step.d, result, mask);
  if (step.e != kNoSlot) warp.store_predicate(step.e, in_range, mask);
}

enum Vote : std::uint8_t { all, any, uniform, ballot };

void vote(Warp& warp, const Step& step, Mask mask) {
  const Mask truth =
      (step.is_signed ? ~warp.predicate(step.s[0]) : warp.predicate(step.s[0])) & mask;
  if (step.detail == ballot) {
    U32 result[kLanes];
    for (U32& lane : result) lane = truth;
    warp.store(step.d, result, mask);
    return;
  }
  const bool outcome = step.detail == all   ? truth == mask
                       : step.detail == any ? truth != 0
                                            : truth == mask || truth == 0;
  warp.store_predicate(step.d, outcome ? kAllLanes : 0, mask);
}

template <class T, bool kAll>
void match(Warp& warp, const Step& step, Mask mask) {
  const T* a = warp.lanes<T>(step.s[0]);
  U32 result[kLanes] = {};
  bool is_same = true;
  for (Mask left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    for (Mask others = mask; others != 0; others &= others - 1) {
      const int other = std::countr_zero(others);
      if (a[lane] == a[other]) result[lane] |= Mask{1} << other;
    }
    is_same = is_same && result[lane] == mask;
  }
  if constexpr (kAll) {
    for (U32& lane : result) lane = is_same ? mask : 0;
    if (step.e != kNoSlot) warp.store_predicate(step.e, is_same ? kAllLanes : 0, mask);
  }
  warp.store(step.d, result, mask);
}

enum Reduction : std::uint8_t { sum, least, greatest, both, either, differing };
constexpr std::string_view kReductions[] = {"add", "min", "max", "and", "or", "xor"};

template <class T>
void reduce(Warp& warp, const Step& step, Mask mask) {
  const T* a = warp.lanes<T>(step.s[0]);
  T total = a[std::countr_zero(mask)];
  for (Mask left = mask & (mask - 1); left != 0; left &= left - 1) {
    const T value = a[std::countr_zero(left)];
    switch (step.detail) {
      case sum: total = static_cast<T>(static_cast<U32>(total) + static_cast<U32>(value)); break;
      case least: total = value < total ? value : total; break;
      case greatest: total = total < value ? value : total; break;
      case both: total = static_cast<T>(static_cast<U32>(total) & static_cast<U32>(value)); break;
      case either: total = static_cast<T>(static_cast<U32>(total) | static_cast<U32>(value)); break;
      default: total = static_cast<T>(static_cast<U32>(total) ^ static_cast<U32>(value));
    }
  }
  T result[kLanes];
  for (T& lane : result) lane = total;
  warp.store(step.d, result, mask);
}

void active_mask(Warp& warp, const Step& step, Mask mask) {
  U32 result[kLanes];
  for (U32& lane : result) lane = warp.group;
  warp.store(step.d, result, mask);
}

void elect(Warp& warp, const Step& step, Mask mask) {
  const int leader = std::countr_zero(mask);
  U32 result[kLanes];
  for (U32& lane : result) lane = static_cast<U32>(leader);
  if (step.d != kNoSlot) warp.store(step.d, result, mask);
  if (step.e != kNoSlot) warp.store_predicate(step.e, Mask{1} << leader, mask);
}

void nothing(Warp&, const Step&, Mask) {}

bool decode_barrier(Decoding& d) {
  Step& step = d.step();
  const std::string_view base = d.base();
  if (base == "barrier" && d.has("cluster")) {  // a cluster has one block
    step.flow = d.has("arrive") ? Flow::next : Flow::barrier;
    step.s[0] = d.operands().source(
        [] {
          ptx::Operand zero;
          zero.kind = ptx::Operand::Kind::integer;
          return zero;
        }(),
        Type::u32);
    d.runs(InstructionClass::warp, nothing);
    return true;
  }
  if (d.has("warp")) {  // bar.warp.sync mask
    step.flow = Flow::warp_barrier;
    d.source(3, 0, Type::b32);
    d.runs(InstructionClass::warp, nothing);
    return true;
  }
  step.has_mask = base == "bar" || d.has("aligned");
  step.flow = d.has("arrive") ? Flow::arrive : Flow::barrier;
  std::size_t at = 0;
  const bool reduces = d.has("red");
  step.detail = 0;
  if (reduces) {
    step.detail = d.has("popc") ? 1 : d.has("and") ? 2 : 3;
    d.destination(step.detail == 1 ? 4 : 0);
    at = 1;
  }
  d.source(0, at++, Type::u32);
  const std::size_t left = d.operand_count() - at;
  if (left > (reduces ? 1u : 0u)) d.source(1, at++, Type::u32);
  if (reduces) {
    d.source(2, at, Type::pred);
    step.is_signed = d.operand(at).is_negated;
  }
  d.runs(InstructionClass::warp, nothing);
  return true;
}

}  // namespace

bool decode_warp(Decoding& d) {
  const std::string_view base = d.base();
  Step& step = d.step();
  if (base == "bar" || base == "barrier") return decode_barrier(d);
  const auto together = [&](std::size_t mask_operand, Run run) {
    step.flow = Flow::synchronize;
    d.source(3, mask_operand, Type::b32);
    d.runs(InstructionClass::warp, run);
    return true;
  };
  if (base == "shfl" && d.has("sync")) {
    const std::size_t first = d.operand_count() - 4;
    if (d.operand_count() < 5) d.unsupported();
    step.detail = d.has("up") ? up : d.has("down") ? down : d.has("bfly") ? butterfly : indexed;
    d.destination(4);
    if (first == 2) step.e = d.operands().destination(d.operand(1), 0);
    for (std::size_t i = 0; i < 3; ++i) d.source(i, first + i, Type::b32);
    return together(first + 3, shuffle);
  }
  if (base == "vote" && d.has("sync")) {
    step.detail = d.has("all") ? all : d.has("any") ? any : d.has("uni") ? uniform : ballot;
    d.destination(step.detail == ballot ? 4 : 0);
    d.source(0, 1, Type::pred);
    step.is_signed = d.operand(1).is_negated;
    return together(2, vote);
  }
  if (base == "match" && d.has("sync")) {
    const bool is_all = d.has("all"), is_wide = ptx::size_of(d.last_type()) == 8;
    const std::size_t first = d.operand_count() - 2;
    d.destination(4);
    if (first == 2) step.e = d.operands().destination(d.operand(1), 0);
    d.source(0, first, d.last_type());
    return together(first + 1, is_all
                                   ? (is_wide ? match<std::uint64_t, true> : match<U32, true>)
                                   : (is_wide ? match<std::uint64_t, false> : match<U32, false>));
  }
  if (base == "redux" && d.has("sync")) {
    step.detail = 255;
    for (std::uint8_t i = 0; i < std::size(kReductions); ++i) {
      if (d.has(kReductions[i])) step.detail = i;
    }
    const Type type = d.last_type();
    if (step.detail == 255 || (type != Type::s32 && type != Type::u32 && type != Type::b32))
      d.unsupported();
    d.destination(4);
    d.source(0, 1, type);
    return together(2, type == Type::s32 ? reduce<std::int32_t> : reduce<U32>);
  }
  if (base == "elect" && d.has("sync")) {
    d.destination(4);
    step.e = d.operands().destination(d.operand(1), 0);
    return together(2, elect);
  }
  if (base == "activemask") {
    d.destination(4);
    d.runs(InstructionClass::warp, active_mask);
    return true;
  }
  return false;
}

}  // namespace emulator
