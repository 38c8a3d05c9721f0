// Logic, shifts, fields of bits, and predicates.
#include "machine/decode.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

using U16 = std::uint16_t;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

template <class T>
struct And {
  T operator()(T a, T b) const { return static_cast<T>(a & b); }
};
template <class T>
struct Or {
  T operator()(T a, T b) const { return static_cast<T>(a | b); }
};
template <class T>
struct Xor {
  T operator()(T a, T b) const { return static_cast<T>(a ^ b); }
};
template <class T>
struct Not {
  T operator()(T a) const { return static_cast<T>(~a); }
};
template <class T>
struct ConditionalNot {
  T operator()(T a) const { return a == 0 ? T{1} : T{0}; }
};
// Shifts by the width or more give zero, or the sign.
template <class T>
struct Left {
  T operator()(T a, U32 by) const { return by >= 8 * sizeof(T) ? T{0} : static_cast<T>(a << by); }
};
template <class T>
struct Right {
  T operator()(T a, U32 by) const {
    constexpr U32 kBits = 8 * sizeof(T);
    if (by >= kBits) by = std::is_signed_v<T> ? kBits - 1 : kBits;
    return by == kBits ? T{0} : static_cast<T>(a >> by);
  }
};
template <bool kLeft, bool kClamps>
struct Funnel {
  U32 operator()(U32 low, U32 high, U32 by) const {
    const U32 count = kClamps ? (by > 32 ? 32 : by) : by & 31;
    const U64 both = U64{high} << 32 | low;
    return kLeft ? static_cast<U32>((both << count) >> 32) : static_cast<U32>(both >> count);
  }
};
template <class T>
struct Ones {
  U32 operator()(T a) const { return static_cast<U32>(std::popcount(a)); }
};
template <class T>
struct LeadingZeros {
  U32 operator()(T a) const { return static_cast<U32>(std::countl_zero(a)); }
};
template <class T>
struct Reversed {
  T operator()(T a) const {
    T result = 0;
    for (U32 i = 0; i < 8 * sizeof(T); ++i)
      result |= static_cast<T>((a >> i & 1) << (8 * sizeof(T) - 1 - i));
    return result;
  }
};
// The place of the highest bit that is not the sign's; all bits where there is none.
template <class T, bool kShift>
struct HighestBit {
  U32 operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    U bits = static_cast<U>(a);
    if (std::is_signed_v<T> && a < 0) bits = static_cast<U>(~bits);
    if (bits == 0) return ~U32{0};
    const U32 place =
        static_cast<U32>(8 * sizeof(T) - 1) - static_cast<U32>(std::countl_zero(bits));
    return kShift ? static_cast<U32>(8 * sizeof(T) - 1) - place : place;
  }
};
template <class T>
struct Extract {
  T operator()(T a, U32 place, U32 length) const {
    using U = std::make_unsigned_t<T>;
    constexpr U32 kBits = 8 * sizeof(T);
    const U32 begin = place & 0xff, count = length & 0xff;
    if (count == 0) return T{0};
    const U32 last = begin + count - 1 < kBits - 1 ? begin + count - 1 : kBits - 1;
    const U sign = std::is_signed_v<T> ? static_cast<U>(static_cast<U>(a) >> last & 1) : U{0};
    U result = sign != 0 ? static_cast<U>(~U{0}) : U{0};
    const U field = begin >= kBits ? (sign != 0 ? static_cast<U>(~U{0}) : U{0})
                                   : static_cast<U>(static_cast<U>(a) >> begin);
    const U32 held = begin >= kBits ? 0 : (kBits - begin < count ? kBits - begin : count);
    const U keep = held >= kBits ? static_cast<U>(~U{0}) : static_cast<U>((U{1} << held) - 1);
    result = static_cast<U>((result & ~keep) | (field & keep));
    return static_cast<T>(result);
  }
};
template <class T>
void insert(Warp& warp, const Step& step, Mask mask) {
  const T* from = warp.lanes<T>(step.s[0]);
  const T* into = warp.lanes<T>(step.s[1]);
  const U32* place = warp.lanes<U32>(step.s[2]);
  const U32* length = warp.lanes<U32>(step.s[3]);
  constexpr U32 kBits = 8 * sizeof(T);
  T result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    const U32 begin = place[lane] & 0xff, count = length[lane] & 0xff;
    const T ones = count >= kBits ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << count) - 1);
    const T field = begin >= kBits ? T{0} : static_cast<T>(ones << begin);
    result[lane] = static_cast<T>((into[lane] & ~field) |
                                  (begin >= kBits ? T{0} : (from[lane] << begin) & field));
  }
  warp.store(step.d, result, mask);
}
// The place of the n-th set bit from `base` on, upwards or (n negative) downwards; 0: base itself.
struct NthSetBit {
  U32 operator()(U32 bits, U32 base, std::int32_t n) const {
    const int step = n < 0 ? -1 : 1;
    std::int64_t left = n < 0 ? -std::int64_t{n} : n;
    if (left == 0) return base < 32 && (bits >> base & 1) != 0 ? base : ~U32{0};
    for (std::int64_t place = base; place >= 0 && place < 32; place += step) {
      if ((bits >> place & 1) != 0 && --left == 0) return static_cast<U32>(place);
    }
    return ~U32{0};
  }
};
template <bool kClamps>
struct MaskOfBits {
  U32 operator()(U32 place, U32 length) const {
    if (!kClamps) place &= 31, length &= 31;
    if (place >= 32) return 0;
    const U32 ones = length >= 32 ? ~U32{0} : (U32{1} << length) - 1;
    return ones << place;
  }
};

void permute_bytes(Warp& warp, const Step& step, Mask mask) {
  const U32* a = warp.lanes<U32>(step.s[0]);
  const U32* b = warp.lanes<U32>(step.s[1]);
  const U32* c = warp.lanes<U32>(step.s[2]);
  U32 result[kLanes];
  const auto byte = [](U64 both, U32 selector) {
    const U32 value = static_cast<U32>(both >> (8 * (selector & 7))) & 0xff;
    return (selector & 8) != 0 ? (value & 0x80 ? 0xffu : 0u) : value;
  };
  // The selectors of the four bytes in each of the modes but the default.
  static constexpr std::uint8_t kModes[7][4][4] = {
      {},
      {{0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {3, 4, 5, 6}},  // f4e
      {{0, 7, 6, 5}, {1, 0, 7, 6}, {2, 1, 0, 7}, {3, 2, 1, 0}},  // b4e
      {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}},  // rc8
      {{0, 1, 2, 3}, {1, 1, 2, 3}, {2, 2, 2, 3}, {3, 3, 3, 3}},  // ecl
      {{0, 0, 0, 0}, {0, 1, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 3}},  // ecr
      {{0, 1, 0, 1}, {2, 3, 2, 3}, {0, 1, 0, 1}, {2, 3, 2, 3}},  // rc16
  };
  for (int lane = 0; lane < kLanes; ++lane) {
    const U64 both = U64{b[lane]} << 32 | a[lane];
    U32 value = 0;
    for (U32 i = 0; i < 4; ++i) {
      const U32 selector =
          step.detail == 0 ? c[lane] >> (4 * i) & 15 : kModes[step.detail][c[lane] & 3][i];
      value |= byte(both, selector) << (8 * i);
    }
    result[lane] = value;
  }
  warp.store(step.d, result, mask);
}

template <class T>
void three_way_logic(Warp& warp, const Step& step, Mask mask) {
  const T* a = warp.lanes<T>(step.s[0]);
  const T* b = warp.lanes<T>(step.s[1]);
  const T* c = warp.lanes<T>(step.s[2]);
  T result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    T value = 0;
    for (U32 row = 0; row < 8; ++row) {
      if ((step.immediate >> row & 1) == 0) continue;
      value |= static_cast<T>((row & 4 ? a[lane] : ~a[lane]) & (row & 2 ? b[lane] : ~b[lane]) &
                              (row & 1 ? c[lane] : ~c[lane]));
    }
    result[lane] = value;
  }
  warp.store(step.d, result, mask);
}

template <template <class> class F>
void of_predicates(Warp& warp, const Step& step, Mask mask) {
  warp.store_predicate(step.d, F<Mask>()(warp.predicate(step.s[0]), warp.predicate(step.s[1])),
                       mask);
}
void not_predicate(Warp& warp, const Step& step, Mask mask) {
  warp.store_predicate(step.d, ~warp.predicate(step.s[0]), mask);
}

template <class F>
bool with_width(Type type, const F& f) {
  switch (ptx::size_of(type)) {
    case 2: return f(U16{}), true;
    case 4: return f(U32{}), true;
    case 8: return f(U64{}), true;
    default: return false;
  }
}

template <template <class> class F>
bool logic(Decoding& d) {
  const Type type = d.last_type();
  if (type == Type::pred) {
    d.destination(0);
    d.sources(type);
    d.runs(InstructionClass::integer, of_predicates<F>);
    return true;
  }
  return with_width(type, [&](auto value) {
    using T = decltype(value);
    d.destination(sizeof(T));
    d.sources(type);
    d.runs(InstructionClass::integer, each2<T, T, T, F<T>>);
  });
}

template <template <class> class F>
bool shift(Decoding& d, bool is_signed) {
  const Type type = d.last_type();
  d.destination(ptx::size_of(type));
  d.source(0, 1, type);
  d.source(1, 2, Type::u32);
  return with_width(type, [&](auto value) {
    using U = decltype(value);
    using S = std::make_signed_t<U>;
    d.runs(InstructionClass::integer, is_signed ? each2<S, S, U32, F<S>> : each2<U, U, U32, F<U>>);
  });
}

bool count_of_bits(Decoding& d, Run narrow, Run wide) {
  d.destination(4);
  d.sources(d.last_type());
  d.runs(InstructionClass::integer, ptx::size_of(d.last_type()) == 8 ? wide : narrow);
  return true;
}

}  // namespace

bool decode_bits(Decoding& d) {
  const std::string_view base = d.base();
  if (d.type_count() == 0) return false;
  const Type type = d.last_type();
  const bool is_signed = type == Type::s16 || type == Type::s32 || type == Type::s64;
  const auto ternary = [&](Run run) {
    d.destination(4);
    d.sources(Type::b32);
    d.runs(InstructionClass::integer, run);
    return true;
  };
  if (base == "and") return logic<And>(d);
  if (base == "or") return logic<Or>(d);
  if (base == "xor") return logic<Xor>(d);
  if (base == "not" || base == "cnot") {
    d.destination(ptx::size_of(type));
    d.sources(type);
    if (type == Type::pred) {
      d.runs(InstructionClass::integer, not_predicate);
      return true;
    }
    return with_width(type, [&](auto value) {
      using T = decltype(value);
      d.runs(InstructionClass::integer,
             base == "not" ? each1<T, T, Not<T>> : each1<T, T, ConditionalNot<T>>);
    });
  }
  if (base == "shl") return shift<Left>(d, false);
  if (base == "shr") return shift<Right>(d, is_signed);
  if (base == "shf") {
    const bool left = d.has("l"), clamps = d.has("clamp");
    return ternary(left ? (clamps ? each3<U32, U32, U32, U32, Funnel<true, true>>
                                  : each3<U32, U32, U32, U32, Funnel<true, false>>)
                        : (clamps ? each3<U32, U32, U32, U32, Funnel<false, true>>
                                  : each3<U32, U32, U32, U32, Funnel<false, false>>));
  }
  if (base == "popc")
    return count_of_bits(d, each1<U32, U32, Ones<U32>>, each1<U32, U64, Ones<U64>>);
  if (base == "clz")
    return count_of_bits(d, each1<U32, U32, LeadingZeros<U32>>, each1<U32, U64, LeadingZeros<U64>>);
  if (base == "bfind") {
    using I32 = std::int32_t;
    using I64 = std::int64_t;
    if (d.has("shiftamt")) {
      return is_signed ? count_of_bits(d, each1<U32, I32, HighestBit<I32, true>>,
                                       each1<U32, I64, HighestBit<I64, true>>)
                       : count_of_bits(d, each1<U32, U32, HighestBit<U32, true>>,
                                       each1<U32, U64, HighestBit<U64, true>>);
    }
    return is_signed ? count_of_bits(d, each1<U32, I32, HighestBit<I32, false>>,
                                     each1<U32, I64, HighestBit<I64, false>>)
                     : count_of_bits(d, each1<U32, U32, HighestBit<U32, false>>,
                                     each1<U32, U64, HighestBit<U64, false>>);
  }
  if (base == "brev") {
    d.destination(ptx::size_of(type));
    d.sources(type);
    d.runs(InstructionClass::integer, ptx::size_of(type) == 8 ? each1<U64, U64, Reversed<U64>>
                                                              : each1<U32, U32, Reversed<U32>>);
    return true;
  }
  if (base == "bfe") {
    d.destination(ptx::size_of(type));
    d.source(0, 1, type);
    d.source(1, 2, Type::u32);
    d.source(2, 3, Type::u32);
    return with_width(type, [&](auto value) {
      using U = decltype(value);
      using S = std::make_signed_t<U>;
      d.runs(InstructionClass::integer,
             is_signed ? each3<S, S, U32, U32, Extract<S>> : each3<U, U, U32, U32, Extract<U>>);
    });
  }
  if (base == "bfi") {
    d.destination(ptx::size_of(type));
    d.source(0, 1, type);
    d.source(1, 2, type);
    d.source(2, 3, Type::u32);
    d.source(3, 4, Type::u32);
    d.runs(InstructionClass::integer, ptx::size_of(type) == 8 ? insert<U64> : insert<U32>);
    return true;
  }
  if (base == "bmsk") {
    d.destination(4);
    d.sources(Type::u32);
    d.runs(InstructionClass::integer, d.has("clamp") ? each2<U32, U32, U32, MaskOfBits<true>>
                                                     : each2<U32, U32, U32, MaskOfBits<false>>);
    return true;
  }
  if (base == "fns") return ternary(each3<U32, U32, U32, std::int32_t, NthSetBit>);
  if (base == "prmt") {
    constexpr std::string_view kModes[] = {"", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
    for (std::uint8_t mode = 1; mode < 7; ++mode) {
      if (d.has(kModes[mode])) d.step().detail = mode;
    }
    return ternary(permute_bytes);
  }
  if (base == "lop3") {
    const ptx::Operand& table = d.operand(4);
    if (d.type_count() != 1 || d.has("BoolOp") || table.kind != ptx::Operand::Kind::integer)
      d.unsupported();
    d.step().immediate = table.value;
    d.destination(4);
    for (std::size_t i = 0; i < 3; ++i) d.source(i, i + 1, Type::b32);
    d.runs(InstructionClass::integer, three_way_logic<U32>);
    return true;
  }
  return false;
}

}  // namespace emulator
