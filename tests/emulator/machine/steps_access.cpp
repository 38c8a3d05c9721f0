// Loads, stores, moves and addresses.
#include <algorithm>

#include "machine/block.h"
#include "machine/decode.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

// One element of each lane, from memory into a register that may be wider.
template <class From, class To>
void gather(Warp& warp, Slot slot, std::byte* const* pointers, std::size_t offset, Mask mask) {
  To* lanes = warp.lanes<To>(slot);
  for (int lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    From value;
    std::memcpy(&value, pointers[lane] + offset, sizeof value);
    lanes[lane] = static_cast<To>(value);
  }
}

template <class From>
void gather_to(Warp& warp, Slot slot, std::uint32_t width, std::byte* const* pointers,
               std::size_t offset, Mask mask) {
  using S = std::conditional_t<std::is_signed_v<From>, std::int64_t, std::uint64_t>;
  switch (width) {
    case 2:
      return gather<From, std::conditional_t<std::is_signed_v<From>, std::int16_t, std::uint16_t>>(
          warp, slot, pointers, offset, mask);
    case 4:
      return gather<From, std::conditional_t<std::is_signed_v<From>, std::int32_t, std::uint32_t>>(
          warp, slot, pointers, offset, mask);
    default: return gather<From, S>(warp, slot, pointers, offset, mask);
  }
}

void gather_element(Warp& warp, const Step& step, Slot slot, std::byte* const* pointers,
                    std::size_t offset, Mask mask) {
  const std::uint32_t width = step.destination_width;
  switch (step.width) {
    case 1:
      return step.is_signed ? gather_to<std::int8_t>(warp, slot, width, pointers, offset, mask)
                            : gather_to<std::uint8_t>(warp, slot, width, pointers, offset, mask);
    case 2:
      return step.is_signed ? gather_to<std::int16_t>(warp, slot, width, pointers, offset, mask)
                            : gather_to<std::uint16_t>(warp, slot, width, pointers, offset, mask);
    case 4:
      return step.is_signed ? gather_to<std::int32_t>(warp, slot, width, pointers, offset, mask)
                            : gather_to<std::uint32_t>(warp, slot, width, pointers, offset, mask);
    default: return gather_to<std::uint64_t>(warp, slot, width, pointers, offset, mask);
  }
}

void load(Warp& warp, const Step& step, Mask mask) {
  Address addresses[kLanes];
  std::byte* pointers[kLanes];
  addresses_of(warp, step.s[0], step.has_mask, step.immediate, addresses);
  const std::uint32_t bytes = std::uint32_t{step.width} * step.count;
  warp.block->reach(warp, step, mask, addresses, bytes, AccessKind::load, nullptr, pointers);
  const std::uint32_t* slots = warp.block->running().kernel.lists.data() + step.list;
  for (std::uint32_t i = 0; i < step.count; ++i) {
    gather_element(warp, step, slots[i], pointers, std::size_t{i} * step.width, mask);
  }
}

// The low bytes of a register's lane.
void scatter_element(Warp& warp, const Step& step, Slot slot, std::byte* data, std::uint32_t bytes,
                     std::size_t offset) {
  const auto copy = [&](auto width) {
    const auto* lanes = warp.lanes<decltype(width)>(slot);
    for (int lane = 0; lane < kLanes; ++lane) {
      std::memcpy(data + static_cast<std::size_t>(lane) * bytes + offset, &lanes[lane],
                  std::min<std::size_t>(step.width, sizeof width));
    }
  };
  switch (step.destination_width) {
    case 2: return copy(std::uint16_t{});
    case 4: return copy(std::uint32_t{});
    default: return copy(std::uint64_t{});
  }
}

void store(Warp& warp, const Step& step, Mask mask) {
  Address addresses[kLanes];
  std::byte* pointers[kLanes];
  addresses_of(warp, step.s[0], step.has_mask, step.immediate, addresses);
  const std::uint32_t bytes = std::uint32_t{step.width} * step.count;
  alignas(64) std::byte data[kLanes * 32];
  const std::uint32_t* slots = warp.block->running().kernel.lists.data() + step.list;
  for (std::uint32_t i = 0; i < step.count; ++i) {
    scatter_element(warp, step, slots[i], data, bytes, std::size_t{i} * step.width);
  }
  warp.block->reach(warp, step, mask, addresses, bytes, AccessKind::store, data, pointers);
  bool changes = false;
  for (int lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    const std::byte* from = data + static_cast<std::size_t>(lane) * bytes;
    changes = changes || std::memcmp(pointers[lane], from, bytes) != 0;
    std::memcpy(pointers[lane], from, bytes);
  }
  warp.block->running().progress += changes || step.space == Space::shared;
}

void nothing(Warp&, const Step&, Mask) {}

template <class T>
struct Same {
  T operator()(T a) const { return a; }
};
// %clock and its like: warp instructions since the launch began.
template <class T>
void read_clock(Warp& warp, const Step& step, Mask mask) {
  T result[kLanes];
  for (T& lane : result) lane = static_cast<T>(warp.block->running().clock);
  warp.store(step.d, result, mask);
}

void move_predicate(Warp& warp, const Step& step, Mask mask) {
  warp.store_predicate(step.d, warp.predicate(step.s[0]), mask);
}

// mov.b64 {lo, hi}, x and its inverse: the lanes' bytes, part by part.
void unpack(Warp& warp, const Step& step, Mask mask) {
  const auto* from = reinterpret_cast<const std::byte*>(warp.lanes<std::uint8_t>(step.s[0]));
  const std::uint32_t part = step.width, whole = part * step.count;
  const std::uint32_t* slots = warp.block->running().kernel.lists.data() + step.list;
  for (std::uint32_t i = 0; i < step.count; ++i) {
    auto* to = reinterpret_cast<std::byte*>(warp.lanes<std::uint8_t>(slots[i]));
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      if (mask >> lane & 1) std::memcpy(to + lane * part, from + lane * whole + i * part, part);
    }
  }
}
void pack(Warp& warp, const Step& step, Mask mask) {
  auto* to = reinterpret_cast<std::byte*>(warp.lanes<std::uint8_t>(step.d));
  const std::uint32_t part = step.width, whole = part * step.count;
  const std::uint32_t* slots = warp.block->running().kernel.lists.data() + step.list;
  std::byte packed[kLanes * 16];
  for (std::uint32_t i = 0; i < step.count; ++i) {
    const auto* from = reinterpret_cast<const std::byte*>(warp.lanes<std::uint8_t>(slots[i]));
    for (std::uint32_t lane = 0; lane < kLanes; ++lane)
      std::memcpy(packed + lane * whole + i * part, from + lane * part, part);
  }
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    if (mask >> lane & 1) std::memcpy(to + lane * whole, packed + lane * whole, whole);
  }
}

// An address with its window put on or taken off.
template <bool kAdds>
void shift_window(Warp& warp, const Step& step, Mask mask) {
  const auto* a = warp.lanes<std::uint64_t>(step.s[0]);
  std::uint64_t result[kLanes];
  const auto window = static_cast<std::uint64_t>(step.immediate);
  for (int lane = 0; lane < kLanes; ++lane)
    result[lane] = kAdds ? a[lane] + window : a[lane] - window;
  warp.store(step.d, result, mask);
}

void is_in_space(Warp& warp, const Step& step, Mask mask) {
  const auto* a = warp.lanes<std::uint64_t>(step.s[0]);
  Mask result = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const auto in = [&](Address window) {
      return a[lane] >= window && a[lane] < window + kWindowBytes;
    };
    const auto is_constant = [&] {
      const Allocation* const variable = warp.block->running().memory.find(a[lane]);
      return variable != nullptr && variable->kind == MemoryKind::constant;
    };
    const Space space = in(kSharedWindow)      ? Space::shared
                        : in(kLocalWindow)     ? Space::local
                        : in(kParameterWindow) ? Space::parameter
                        : is_constant()        ? Space::constant
                                               : Space::global;
    // A kernel's parameters are constants, too.
    const bool holds =
        space == step.space || (space == Space::parameter && step.space == Space::constant);
    result |= static_cast<Mask>(holds) << lane;
  }
  warp.store_predicate(step.d, result, mask);
}

Space space_of(const Decoding& d) {
  for (const std::string_view word : d.words()) {
    if (word == "global") return Space::global;
    if (word == "const") return Space::constant;
    if (word.substr(0, 6) == "shared") return Space::shared;
    if (word == "local") return Space::local;
    if (word.substr(0, 5) == "param") return Space::parameter;
  }
  return Space::generic;
}

std::int64_t window_of(Space space) {
  switch (space) {
    case Space::shared: return static_cast<std::int64_t>(kSharedWindow);
    case Space::local: return static_cast<std::int64_t>(kLocalWindow);
    case Space::parameter: return static_cast<std::int64_t>(kParameterWindow);
    default: return 0;
  }
}

// The registers of an operand that may be a vector, as a list; their common width in the step.
void listed(Decoding& d, const ptx::Operand& operand, bool is_destination, Type type) {
  Step& step = d.step();
  std::vector<std::uint32_t> slots;
  step.destination_width = static_cast<std::uint8_t>(std::max(ptx::size_of(type), 2u));
  const auto one = [&](const ptx::Operand& element) {
    const std::uint32_t width = d.operands().register_width(element);
    if (width != 0 && element.kind == ptx::Operand::Kind::reg)
      step.destination_width = static_cast<std::uint8_t>(width);
    slots.push_back(is_destination ? d.operands().destination(element, step.destination_width)
                                   : d.operands().source(element, type));
  };
  if (operand.kind == ptx::Operand::Kind::vector) {
    for (const ptx::Operand& element : operand.elements) one(element);
  } else {
    one(operand);
  }
  step.count = static_cast<std::uint8_t>(slots.size());
  step.list = d.operands().add_list(slots);
}

void access(Decoding& d, bool is_load) {
  Step& step = d.step();
  const Type type = d.last_type();
  if (type == Type::b128 || type == Type::pred) d.unsupported();
  const std::size_t address = is_load ? 1 : 0, value = is_load ? 0 : 1;
  step.width = static_cast<std::uint8_t>(ptx::size_of(type));
  step.is_signed = type == Type::s8 || type == Type::s16 || type == Type::s32;
  step.is_volatile = d.has("volatile");
  step.is_strong = d.has("relaxed") || d.has("acquire") || d.has("release") || d.has("mmio");
  d.operands().address(d.operand(address), space_of(d), step);
  listed(d, d.operand(value), is_load, type);
  const std::size_t wanted = d.has("v2") ? 2 : d.has("v4") ? 4 : d.has("v8") ? 8 : 1;
  if (step.count != wanted)
    throw Unsupported("a vector of another length than its instruction says");
  d.runs(InstructionClass::memory, is_load ? load : store);
}

bool move(Decoding& d) {
  Step& step = d.step();
  const Type type = d.last_type();
  const InstructionClass kind = InstructionClass::other;
  if (type == Type::pred) {
    d.destination(0);
    d.source(0, 1, type);
    d.runs(kind, move_predicate);
    return true;
  }
  const bool unpacks = d.operand(0).kind == ptx::Operand::Kind::vector;
  if (unpacks || d.operand(1).kind == ptx::Operand::Kind::vector) {
    const ptx::Operand& parts = d.operand(unpacks ? 0 : 1);
    const std::size_t count = parts.elements.size();
    const std::uint32_t width =
        ptx::size_of(type) / static_cast<std::uint32_t>(std::max<std::size_t>(count, 1));
    const Type part = width == 2   ? Type::b16
                      : width == 4 ? Type::b32
                      : width == 8 ? Type::b64
                                   : Type::none;
    if (part == Type::none) d.unsupported();
    listed(d, parts, unpacks, part);
    step.width = static_cast<std::uint8_t>(width);
    if (unpacks) {
      d.source(0, 1, type);
    } else {
      d.destination(ptx::size_of(type));
    }
    d.runs(kind, unpacks ? unpack : pack);
    return true;
  }
  d.destination(ptx::size_of(type));
  const std::string_view name = d.operand(1).name;
  if (d.operand(1).kind == ptx::Operand::Kind::special &&
      (name.starts_with("%clock") || name.starts_with("%globaltimer"))) {
    d.runs(kind, ptx::size_of(type) == 8 ? read_clock<std::uint64_t> : read_clock<std::uint32_t>);
    return true;
  }
  d.source(0, 1, type);
  switch (ptx::size_of(type)) {
    case 2: d.runs(kind, each1<std::uint16_t, std::uint16_t, Same<std::uint16_t>>); return true;
    case 4: d.runs(kind, each1<std::uint32_t, std::uint32_t, Same<std::uint32_t>>); return true;
    case 8: d.runs(kind, each1<std::uint64_t, std::uint64_t, Same<std::uint64_t>>); return true;
    default: d.unsupported();
  }
}

}  // namespace

bool decode_access(Decoding& d) {
  const std::string_view base = d.base();
  Step& step = d.step();
  if ((base == "ld" || base == "ldu") && d.type_count() != 0) return access(d, true), true;
  if (base == "st" && d.type_count() != 0) return access(d, false), true;
  if (base == "mov") return move(d);
  if (base == "cvta") {
    step.immediate = window_of(space_of(d));
    if (d.last_type() != Type::u64) d.unsupported();
    d.destination(8);
    d.source(0, 1, Type::u64);
    d.runs(InstructionClass::integer, d.has("to") ? shift_window<false> : shift_window<true>);
    return true;
  }
  if (base == "isspacep") {
    step.space = space_of(d);
    d.destination(0);
    d.source(0, 1, Type::u64);
    d.runs(InstructionClass::integer, is_in_space);
    return true;
  }
  if (base == "prefetch" || base == "prefetchu" || base == "discard" || base == "applypriority") {
    d.runs(InstructionClass::memory, nothing);
    return true;
  }
  return false;
}

}  // namespace emulator
