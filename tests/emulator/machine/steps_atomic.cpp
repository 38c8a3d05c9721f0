// atom and red: one lane after the other, in the order of the lanes.
#include "machine/block.h"
#include "machine/decode.h"
#include "machine/half.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

enum Operation : std::uint8_t {
  add,
  least,
  greatest,
  both,
  either,
  differing,
  exchange,
  compare_exchange,
  increment,
  decrement
};
constexpr std::string_view kOperations[] = {"add", "min",  "max", "and", "or",
                                            "xor", "exch", "cas", "inc", "dec"};

template <class T>
T applied(std::uint8_t operation, T old, T b, T c) {
  if constexpr (std::is_floating_point_v<T>) {
    switch (operation) {
      case add: return canonical(old + b);
      case exchange: return b;
      default: return old;
    }
  } else {
    using U = std::make_unsigned_t<T>;
    const U u = static_cast<U>(old), v = static_cast<U>(b);
    switch (operation) {
      case add: return static_cast<T>(u + v);
      case least: return std::min(old, b);
      case greatest: return std::max(old, b);
      case both: return static_cast<T>(u & v);
      case either: return static_cast<T>(u | v);
      case differing: return static_cast<T>(u ^ v);
      case exchange: return b;
      case compare_exchange: return old == b ? c : old;
      case increment: return u >= v ? T{0} : static_cast<T>(u + 1);
      case decrement: return u == 0 || u > v ? b : static_cast<T>(u - 1);
      default: return old;
    }
  }
}

template <class H>
std::uint16_t sum_of_halves(std::uint16_t a, std::uint16_t b) {
  return H::of(H{a}.value() + H{b}.value()).bits;
}
// Pairs of halves, or one.
template <class H, class T>
struct HalfSum {
  static T of(T old, T b) {
    T result = 0;
    for (unsigned shift = 0; shift < 8 * sizeof(T); shift += 16) {
      result |=
          static_cast<T>(static_cast<T>(sum_of_halves<H>(static_cast<std::uint16_t>(old >> shift),
                                                         static_cast<std::uint16_t>(b >> shift)))
                         << shift);
    }
    return result;
  }
};

template <class T, class F>
void each_in_turn(Warp& warp, const Step& step, Mask mask, const F& f) {
  Address addresses[kLanes];
  std::byte* pointers[kLanes];
  if (step.has_mask) {
    for (int lane = 0; lane < kLanes; ++lane) {
      addresses[lane] = static_cast<std::uint32_t>(warp.lanes<std::uint32_t>(step.s[0])[lane] +
                                                   static_cast<std::uint32_t>(step.immediate));
    }
  } else {
    for (int lane = 0; lane < kLanes; ++lane)
      addresses[lane] =
          warp.lanes<std::uint64_t>(step.s[0])[lane] + static_cast<std::uint64_t>(step.immediate);
  }
  warp.block->reach(warp, step, mask, addresses, sizeof(T), AccessKind::atomic, nullptr, pointers);
  const T* b = warp.lanes<T>(step.s[1]);
  const T* c = step.s[2] == kNoSlot ? b : warp.lanes<T>(step.s[2]);
  T old[kLanes] = {};
  Running& running = warp.block->running();
  for (int lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    std::memcpy(&old[lane], pointers[lane], sizeof(T));
    const T value = f(old[lane], b[lane], c[lane]);
    running.progress += std::memcmp(&value, &old[lane], sizeof(T)) != 0;
    std::memcpy(pointers[lane], &value, sizeof(T));
    ++running.counters.atomics;
  }
  if (step.d != kNoSlot) warp.store(step.d, old, mask);
}

template <class T>
void atomic(Warp& warp, const Step& step, Mask mask) {
  each_in_turn<T>(warp, step, mask,
                  [&](T old, T b, T c) { return applied(step.detail, old, b, c); });
}
template <class H, class T>
void atomic_half(Warp& warp, const Step& step, Mask mask) {
  each_in_turn<T>(warp, step, mask, [](T old, T b, T) { return HalfSum<H, T>::of(old, b); });
}

// atom.add.v4.f32: the operands' slots, and behind them the results', in Step::list.
void add_vector(Warp& warp, const Step& step, Mask mask) {
  Address addresses[kLanes];
  std::byte* pointers[kLanes];
  for (int lane = 0; lane < kLanes; ++lane)
    addresses[lane] =
        warp.lanes<std::uint64_t>(step.s[0])[lane] + static_cast<std::uint64_t>(step.immediate);
  Running& running = warp.block->running();
  warp.block->reach(warp, step, mask, addresses, step.count * sizeof(float), AccessKind::atomic,
                    nullptr, pointers);
  const std::uint32_t* slots = running.kernel.lists.data() + step.list;
  for (std::uint32_t i = 0; i < step.count; ++i) {
    const float* b = warp.lanes<float>(slots[i]);
    float old[kLanes] = {};
    for (Mask left = mask; left != 0; left &= left - 1) {
      const int lane = std::countr_zero(left);
      std::byte* const at = pointers[lane] + i * sizeof(float);
      std::memcpy(&old[lane], at, sizeof(float));
      const float value = applied(add, old[lane], b[lane], 0.0f);
      running.progress += std::memcmp(&value, &old[lane], sizeof(float)) != 0;
      std::memcpy(at, &value, sizeof(float));
      ++running.counters.atomics;
    }
    if (step.list_count > step.count) warp.store(slots[step.count + i], old, mask);
  }
}

Run run_of(Type type, std::uint8_t operation) {
  switch (type) {
    case Type::b16:
    case Type::u16:
      return operation == compare_exchange || operation == exchange ? atomic<std::uint16_t>
                                                                    : nullptr;
    case Type::b32:
    case Type::u32: return atomic<std::uint32_t>;
    case Type::s32: return atomic<std::int32_t>;
    case Type::b64:
    case Type::u64: return atomic<std::uint64_t>;
    case Type::s64: return atomic<std::int64_t>;
    case Type::f32: return operation == add || operation == exchange ? atomic<float> : nullptr;
    case Type::f64: return operation == add || operation == exchange ? atomic<double> : nullptr;
    case Type::f16: return operation == add ? atomic_half<F16, std::uint16_t> : nullptr;
    case Type::f16x2: return operation == add ? atomic_half<F16, std::uint32_t> : nullptr;
    case Type::bf16: return operation == add ? atomic_half<BF16, std::uint16_t> : nullptr;
    case Type::bf16x2: return operation == add ? atomic_half<BF16, std::uint32_t> : nullptr;
    default: return nullptr;
  }
}

}  // namespace

bool decode_atomic(Decoding& d) {
  const std::string_view base = d.base();
  const bool returns = base == "atom";
  if ((!returns && base != "red") || d.has("async") || d.type_count() == 0) return false;
  Step& step = d.step();
  const Type type = d.last_type();
  step.detail = 255;
  for (std::uint8_t i = 0; i < std::size(kOperations); ++i) {
    if (d.has(kOperations[i])) step.detail = i;
  }
  const Run run = step.detail == 255 ? nullptr : run_of(type, step.detail);
  if (run == nullptr || d.operand(returns ? 1 : 0).kind != ptx::Operand::Kind::address)
    d.unsupported();
  Space space = Space::generic;
  for (const std::string_view word : d.words()) {
    if (word == "global") space = Space::global;
    if (word.substr(0, 6) == "shared") space = Space::shared;
  }
  const std::size_t address = returns ? 1 : 0;
  d.operands().address(d.operand(address), space, step);
  step.is_strong = true;
  const ptx::Operand& operand = d.operand(address + 1);
  if (operand.kind == ptx::Operand::Kind::vector) {
    const std::size_t count = d.has("v4") ? 4 : 2;
    if (type != Type::f32 || step.detail != add || step.has_mask ||
        operand.elements.size() != count || (returns && d.operand(0).elements.size() != count))
      d.unsupported();
    std::vector<std::uint32_t> slots;
    for (const ptx::Operand& element : operand.elements)
      slots.push_back(d.operands().source(element, type));
    if (returns) {
      for (const ptx::Operand& element : d.operand(0).elements)
        slots.push_back(d.operands().destination(element, sizeof(float)));
    }
    step.count = static_cast<std::uint8_t>(count);
    step.list = d.operands().add_list(slots);
    step.list_count = static_cast<std::uint32_t>(slots.size());
    d.runs(InstructionClass::atomic, add_vector);
    return true;
  }
  if (returns) d.destination(ptx::size_of(type));
  d.source(1, address + 1, type);
  if (step.detail == compare_exchange) d.source(2, address + 2, type);
  d.runs(InstructionClass::atomic, run);
  return true;
}

}  // namespace emulator
