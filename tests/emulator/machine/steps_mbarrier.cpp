// mbarrier: barriers that are objects in shared memory, on which threads and copies arrive, and the
// bulk copies that complete on one.
//
// A bulk copy is made at once. A thread that arrives leaves what it has done and seen; who waits
// has seen it afterwards: that is all that the check of races knows of these barriers.
#include "machine/block.h"
#include "machine/decode.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

using U32 = std::uint32_t;
using U64 = std::uint64_t;

// How the object lies in its 64 bits is the machine's own affair: 20 bits of each count, 23 of the
// bytes, and the phase.
struct Barrier {
  U32 pending = 0;         // arrivals that the phase still waits for
  U32 expected = 0;        // of each phase
  std::int32_t bytes = 0;  // that copies have yet to bring
  U32 phase = 0;           // its parity

  static Barrier of(U64 bits) {
    return {static_cast<U32>(bits & kMost), static_cast<U32>(bits >> 20 & kMost),
            static_cast<std::int32_t>(static_cast<std::int64_t>(bits << 1) >> 41),
            static_cast<U32>(bits >> 63)};
  }
  U64 bits() const {
    const U64 held = static_cast<U64>(bytes) & 0x7f'ffff;
    return pending | U64{expected} << 20 | held << 40 | U64{phase} << 63;
  }
  static constexpr U64 kMost = (1u << 20) - 1;
};

void complete(Barrier& barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0) return;
  barrier.phase ^= 1;
  barrier.pending = barrier.expected;
}

void addresses_of(Warp& warp, const Step& step, Address* addresses) {
  addresses_of(warp, step.s[0], step.has_mask, step.immediate, addresses);
}

std::uint32_t thread_of(const Warp& warp, int lane) {
  return warp.index * kLanes + static_cast<std::uint32_t>(lane);
}

// f(barrier, lane) of each lane in turn. `kind` is atomic but for the first use of the memory.
template <class F>
void each_barrier(Warp& warp, const Step& step, Mask mask, AccessKind kind, const F& f) {
  Address addresses[kLanes];
  std::byte* pointers[kLanes];
  addresses_of(warp, step, addresses);
  warp.block->reach(warp, step, mask, addresses, sizeof(U64), kind, nullptr, pointers);
  for (Mask left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    U64 bits;
    std::memcpy(&bits, pointers[lane], sizeof bits);
    Barrier barrier = Barrier::of(bits);
    f(barrier, lane, pointers[lane]);
    bits = barrier.bits();
    std::memcpy(pointers[lane], &bits, sizeof bits);
  }
}

void initialize(Warp& warp, const Step& step, Mask mask) {
  const U32* counts = warp.lanes<U32>(step.s[1]);
  each_barrier(warp, step, mask, AccessKind::store, [&](Barrier& barrier, int lane, std::byte*) {
    if (counts[lane] == 0 || counts[lane] > Barrier::kMost) {
      warp.block->stop(Fault::trap, LaunchStatus::illegal_instruction, warp, lane, step,
                       "an mbarrier for " + std::to_string(counts[lane]) + " arrivals");
    }
    barrier = {counts[lane], counts[lane], 0, 0};
  });
  ++warp.block->running().progress;
}

void nothing(Warp&, const Step&, Mask) {}

enum Arrival : std::uint8_t { plain, expecting, dropping };

// The state before, of which one can wait for the end of its phase.
void arrive(Warp& warp, const Step& step, Mask mask) {
  const U32* operand = step.s[1] == kNoSlot ? nullptr : warp.lanes<U32>(step.s[1]);
  U64 states[kLanes] = {};
  each_barrier(warp, step, mask, AccessKind::atomic,
               [&](Barrier& barrier, int lane, std::byte* at) {
                 states[lane] = barrier.bits();
                 warp.block->shared().release(at, thread_of(warp, lane));
                 const U32 value = operand == nullptr ? 1 : operand[lane];
                 const U32 count = step.detail == expecting ? 1 : value;
                 if (step.detail == expecting) barrier.bytes += static_cast<std::int32_t>(value);
                 if (count > barrier.pending) {
                   warp.block->stop(Fault::trap, LaunchStatus::illegal_instruction, warp, lane,
                                    step, "more arrivals on an mbarrier than it expects");
                 }
                 barrier.pending -= count;
                 if (step.detail == dropping) barrier.expected -= count;
                 complete(barrier);
               });
  ++warp.block->running().progress;
  if (step.d != kNoSlot) warp.store(step.d, states, mask);
}

void expect_bytes(Warp& warp, const Step& step, Mask mask) {
  const U32* bytes = warp.lanes<U32>(step.s[1]);
  each_barrier(warp, step, mask, AccessKind::atomic, [&](Barrier& barrier, int lane, std::byte*) {
    barrier.bytes += static_cast<std::int32_t>(bytes[lane]);
  });
}

void complete_bytes(Warp& warp, const Step& step, Mask mask, const U32* bytes) {
  each_barrier(warp, step, mask, AccessKind::atomic,
               [&](Barrier& barrier, int lane, std::byte* at) {
                 warp.block->shared().release(at, thread_of(warp, lane));
                 barrier.bytes -= static_cast<std::int32_t>(bytes[lane]);
                 complete(barrier);
               });
  ++warp.block->running().progress;
}
void complete_bytes(Warp& warp, const Step& step, Mask mask) {
  complete_bytes(warp, step, mask, warp.lanes<U32>(step.s[1]));
}

// cp.async.mbarrier.arrive: the copies before it are made, which may be later on a device. Without
// .noinc it adds the arrival that it makes.
void arrive_with_copies(Warp& warp, const Step& step, Mask mask) {
  warp.copies.wait_for_all(warp, mask);
  arrive(warp, step, mask);
}
void tell_of_copies(Warp& warp, const Step& step, Mask mask) {
  warp.copies.wait_for_all(warp, mask);
  each_barrier(warp, step, mask, AccessKind::atomic, [&](Barrier&, int lane, std::byte* at) {
    warp.block->shared().release(at, thread_of(warp, lane));
  });
}

// Whether the phase of a state, or of a parity, is over.
template <bool kOfParity>
void test(Warp& warp, const Step& step, Mask mask) {
  Mask over = 0;
  const std::byte* acquired = nullptr;  // lanes mostly ask for the same
  each_barrier(warp, step, mask, AccessKind::atomic,
               [&](Barrier& barrier, int lane, std::byte* at) {
                 const U32 phase = kOfParity ? warp.lanes<U32>(step.s[1])[lane] & 1
                                             : Barrier::of(warp.lanes<U64>(step.s[1])[lane]).phase;
                 if (barrier.phase == phase) return;
                 over |= Mask{1} << lane;
                 if (at != acquired) warp.block->shared().acquire(at, warp.index);
                 acquired = at;
               });
  warp.store_predicate(step.d, over, mask);
}

void count_pending(Warp& warp, const Step& step, Mask mask) {
  U32 result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane)
    result[lane] = Barrier::of(warp.lanes<U64>(step.s[0])[lane]).pending;
  warp.store(step.d, result, mask);
}

// cp.async.bulk.shared::cluster.global [to], [from], bytes, [barrier]: places in Step::list.
void copy_in_bulk(Warp& warp, const Step& step, Mask mask) {
  const U32* const places = warp.block->running().kernel.lists.data() + step.list;
  const auto part = [&](std::size_t i, Space space) {
    Step made = step;
    made.space = space;
    made.s[0] = places[3 * i];
    made.immediate = static_cast<std::int32_t>(places[3 * i + 1]);
    made.has_mask = places[3 * i + 2] != 0;
    return made;
  };
  const Step to = part(0, Space::shared), from = part(1, Space::global),
             barrier = part(2, Space::shared);
  const U32* const bytes = warp.lanes<U32>(step.s[1]);
  Address to_addresses[kLanes], from_addresses[kLanes];
  std::byte *to_pointers[kLanes], *from_pointers[kLanes];
  addresses_of(warp, to, to_addresses);
  addresses_of(warp, from, from_addresses);
  for (Mask left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    const Mask alone = Mask{1} << lane;
    if (bytes[lane] % 16 != 0) {
      warp.block->stop(
          Fault::misaligned, LaunchStatus::misaligned_address, warp, lane, step,
          "a bulk copy of " + std::to_string(bytes[lane]) + " bytes, which is no multiple of 16");
    }
    if (bytes[lane] == 0) continue;
    warp.block->reach(warp, from, alone, from_addresses, bytes[lane], AccessKind::load, nullptr,
                      from_pointers);
    warp.block->reach(warp, to, alone, to_addresses, bytes[lane], AccessKind::store, nullptr,
                      to_pointers);
    std::memcpy(to_pointers[lane], from_pointers[lane], bytes[lane]);
  }
  complete_bytes(warp, barrier, mask, bytes);
}

Space space_of(const Decoding& d) {
  for (const std::string_view word : d.words()) {
    if (word.starts_with("shared")) return Space::shared;
  }
  return Space::generic;
}

bool decode_bulk_copy(Decoding& d) {
  const bool is_known = d.has("shared::cluster") && d.has("global") &&
                        d.has("mbarrier::complete_tx::bytes") && d.operand_count() == 4;
  if (!is_known || d.words()[3] != "shared::cluster") d.unsupported();
  std::vector<std::uint32_t> places;
  for (const auto& [operand, space] :
       {std::pair{0u, Space::shared}, {1u, Space::global}, {3u, Space::shared}}) {
    Step place;
    d.operands().address(d.operand(operand), space, place);
    places.insert(places.end(), {place.s[0], static_cast<U32>(place.immediate), place.has_mask});
  }
  d.step().list = d.operands().add_list(places);
  d.source(1, 2, Type::u32);
  d.runs(InstructionClass::memory, copy_in_bulk);
  return true;
}

}  // namespace

bool decode_mbarrier(Decoding& d) {
  Step& step = d.step();
  step.is_strong = true;
  if (d.base() == "cp" && d.has("bulk")) return decode_bulk_copy(d);
  const auto on = [&](std::size_t operand, Run run) {
    d.operands().address(d.operand(operand), space_of(d), step);
    d.runs(InstructionClass::memory, run);
    return true;
  };
  if (d.base() == "cp" && d.has("mbarrier") && d.has("arrive"))
    return on(0, d.has("noinc") ? arrive_with_copies : tell_of_copies);
  if (d.base() != "mbarrier") return false;
  if (d.has("init")) {
    d.source(1, 1, Type::u32);
    return on(0, initialize);
  }
  if (d.has("inval")) return on(0, nothing);
  if (d.has("arrive") || d.has("arrive_drop")) {
    // The object of another block gives no state, and its register may be left out.
    const std::size_t address = d.operand(0).kind == ptx::Operand::Kind::address ? 0 : 1;
    const bool expects = d.has("expect_tx");
    if (d.has("arrive_drop") && expects) d.unsupported();
    step.detail = expects ? expecting : d.has("arrive_drop") ? dropping : plain;
    if (address == 1 && d.operand(0).kind != ptx::Operand::Kind::sink) d.destination(8);
    if (d.operand_count() > address + 1) d.source(1, address + 1, Type::u32);
    return on(address, arrive);
  }
  if (d.has("expect_tx") || d.has("complete_tx")) {
    d.source(1, 1, Type::u32);
    const Run completes = complete_bytes;
    return on(0, d.has("expect_tx") ? expect_bytes : completes);
  }
  if (d.has("test_wait") || d.has("try_wait")) {
    d.destination(0);
    d.source(1, 2, d.has("parity") ? Type::u32 : Type::b64);
    return on(1, d.has("parity") ? test<true> : test<false>);
  }
  if (d.has("pending_count")) {
    d.destination(4);
    d.source(0, 1, Type::b64);
    d.runs(InstructionClass::memory, count_pending);
    return true;
  }
  return false;
}

}  // namespace emulator
