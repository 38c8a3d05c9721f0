// Comparisons and selections.
#include "machine/decode.h"
#include "machine/half.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

enum Comparison : std::uint8_t {
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  lo,
  ls,
  hi,
  hs,
  equ,
  neu,
  ltu,
  leu,
  gtu,
  geu,
  num,
  nan
};
constexpr std::string_view kComparisons[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",
                                             "lo",  "ls",  "hi",  "hs",  "equ", "neu",
                                             "ltu", "leu", "gtu", "geu", "num", "nan"};

template <class T>
bool holds(std::uint8_t comparison, T a, T b) {
  const bool unordered = a != a || b != b;
  switch (comparison) {
    case eq: return a == b;
    case ne: return a != b && !unordered;
    case lt:
    case lo: return a < b;
    case le:
    case ls: return a <= b;
    case gt:
    case hi: return a > b;
    case ge:
    case hs: return a >= b;
    case equ: return unordered || a == b;
    case neu: return unordered || a != b;
    case ltu: return unordered || a < b;
    case leu: return unordered || a <= b;
    case gtu: return unordered || a > b;
    case geu: return unordered || a >= b;
    case num: return !unordered;
    default: return unordered;
  }
}

template <class T>
struct Plain {
  using Stored = T;
  static T read(T value, const Step&) { return value; }
};
template <class T>
struct Flushing {
  using Stored = T;
  static T read(T value, const Step& step) { return step.flushes ? flushed(value) : value; }
};
template <class H>
struct Half {
  using Stored = std::uint16_t;
  static double read(std::uint16_t bits, const Step& step) {
    const double value = H{bits}.value();
    constexpr double kLeastNormal = std::is_same_v<H, F16> ? 0x1p-14 : 0x1p-126;
    return step.flushes && std::fabs(value) < kLeastNormal ? std::copysign(0.0, value) : value;
  }
};

template <class Reader>
Mask compare(Warp& warp, const Step& step) {
  const auto* a = warp.lanes<typename Reader::Stored>(step.s[0]);
  const auto* b = warp.lanes<typename Reader::Stored>(step.s[1]);
  Mask result = 0;
  // One loop a comparison, so that each is without a choice inside.
  const auto all = [&](auto comparison) {
    for (int lane = 0; lane < kLanes; ++lane) {
      result |= static_cast<Mask>(holds(comparison.value, Reader::read(a[lane], step),
                                        Reader::read(b[lane], step)))
                << lane;
    }
  };
  switch (step.detail & 31) {
    case eq: all(std::integral_constant<std::uint8_t, eq>()); break;
    case ne: all(std::integral_constant<std::uint8_t, ne>()); break;
    case lt: all(std::integral_constant<std::uint8_t, lt>()); break;
    case le: all(std::integral_constant<std::uint8_t, le>()); break;
    case gt: all(std::integral_constant<std::uint8_t, gt>()); break;
    case ge: all(std::integral_constant<std::uint8_t, ge>()); break;
    default:
      for (int lane = 0; lane < kLanes; ++lane) {
        result |= static_cast<Mask>(holds(step.detail & 31, Reader::read(a[lane], step),
                                          Reader::read(b[lane], step)))
                  << lane;
      }
  }
  return result;
}

// One half of each lane's pair.
template <class H>
Mask compare_halves(Warp& warp, const Step& step, int shift) {
  const auto* a = warp.lanes<std::uint32_t>(step.s[0]);
  const auto* b = warp.lanes<std::uint32_t>(step.s[1]);
  Mask result = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const auto half = [&](std::uint32_t pair) {
      return Half<H>::read(static_cast<std::uint16_t>(pair >> shift), step);
    };
    result |= static_cast<Mask>(holds(step.detail & 31, half(a[lane]), half(b[lane]))) << lane;
  }
  return result;
}

// setp.lt.and.f32 p, a, b, c: (a < b) and c. The boolean is in the upper bits of the detail.
enum Combination : std::uint8_t { alone, with_and, with_or, with_xor };

Mask combined(Warp& warp, const Step& step, Mask truth) {
  if (step.detail >> 5 == alone) return truth;
  const Mask c =
      step.is_signed ? ~warp.predicate(step.s[2]) : warp.predicate(step.s[2]);  // is_signed: !c
  return step.detail >> 5 == with_and  ? truth & c
         : step.detail >> 5 == with_or ? truth | c
                                       : truth ^ c;
}

// Into p|q: the comparison and its opposite.
template <class Reader>
void set_predicate(Warp& warp, const Step& step, Mask mask) {
  const Mask truth = compare<Reader>(warp, step);
  const Mask p = combined(warp, step, truth), q = combined(warp, step, ~truth);
  warp.store_predicate(step.d, p, mask);
  if (step.e != kNoSlot) warp.store_predicate(step.e, q, mask);
}
// Of the lower halves into p, of the upper ones into q.
template <class H>
void set_predicates_of_pair(Warp& warp, const Step& step, Mask mask) {
  const Mask p = combined(warp, step, compare_halves<H>(warp, step, 0));
  const Mask q = combined(warp, step, compare_halves<H>(warp, step, 16));
  warp.store_predicate(step.d, p, mask);
  if (step.e != kNoSlot) warp.store_predicate(step.e, q, mask);
}

// set: `immediate` where it holds, which is all bits or one.
template <class Reader, class R>
void set_value(Warp& warp, const Step& step, Mask mask) {
  const Mask truth = combined(warp, step, compare<Reader>(warp, step));
  R result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane)
    result[lane] = truth >> lane & 1 ? static_cast<R>(step.immediate) : R{0};
  warp.store(step.d, result, mask);
}
template <class H>
void set_pair(Warp& warp, const Step& step, Mask mask) {
  const Mask low = combined(warp, step, compare_halves<H>(warp, step, 0));
  const Mask high = combined(warp, step, compare_halves<H>(warp, step, 16));
  const auto yes = static_cast<std::uint32_t>(step.immediate);
  std::uint32_t result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane)
    result[lane] = (low >> lane & 1 ? yes : 0) | (high >> lane & 1 ? yes << 16 : 0);
  warp.store(step.d, result, mask);
}

template <template <class> class Of>
Run for_type(Type type) {
  switch (type) {
    case Type::s16: return Of<Plain<std::int16_t>>::run;
    case Type::b16:
    case Type::u16: return Of<Plain<std::uint16_t>>::run;
    case Type::s32: return Of<Plain<std::int32_t>>::run;
    case Type::b32:
    case Type::u32: return Of<Plain<std::uint32_t>>::run;
    case Type::s64: return Of<Plain<std::int64_t>>::run;
    case Type::b64:
    case Type::u64: return Of<Plain<std::uint64_t>>::run;
    case Type::f32: return Of<Flushing<float>>::run;
    case Type::f64: return Of<Flushing<double>>::run;
    case Type::f16: return Of<Half<F16>>::run;
    case Type::bf16: return Of<Half<BF16>>::run;
    default: return nullptr;
  }
}
template <class Reader>
struct SetPredicate {
  static constexpr Run run = set_predicate<Reader>;
};
template <class R>
struct Set {
  template <class Reader>
  struct Value {
    static constexpr Run run = set_value<Reader, R>;
  };
};

template <class T>
void select(Warp& warp, const Step& step, Mask mask) {
  const T* a = warp.lanes<T>(step.s[0]);
  const T* b = warp.lanes<T>(step.s[1]);
  const Mask choice = warp.predicate(step.s[2]) ^ (step.is_signed ? kAllLanes : 0);
  T result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = choice >> lane & 1 ? a[lane] : b[lane];
  warp.store(step.d, result, mask);
}
template <class T, class C>
void select_by_sign(Warp& warp, const Step& step, Mask mask) {
  const T* a = warp.lanes<T>(step.s[0]);
  const T* b = warp.lanes<T>(step.s[1]);
  const C* c = warp.lanes<C>(step.s[2]);
  T result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = c[lane] >= 0 ? a[lane] : b[lane];
  warp.store(step.d, result, mask);
}

template <class F>
bool with_width(Type type, const F& f) {
  switch (ptx::size_of(type)) {
    case 2: return f(std::uint16_t{}), true;
    case 4: return f(std::uint32_t{}), true;
    case 8: return f(std::uint64_t{}), true;
    default: return false;
  }
}

InstructionClass class_of(Type type) {
  switch (type) {
    case Type::f32: return InstructionClass::f32;
    case Type::f64: return InstructionClass::f64;
    case Type::f16:
    case Type::f16x2:
    case Type::bf16:
    case Type::bf16x2: return InstructionClass::f16;
    default: return InstructionClass::integer;
  }
}

void comparison_of(Decoding& d) {
  Step& step = d.step();
  step.detail = 255;
  for (std::uint8_t i = 0; i < std::size(kComparisons); ++i) {
    if (d.words()[1] == kComparisons[i]) step.detail = i;
  }
  if (step.detail == 255) d.unsupported();
  step.flushes = d.has("ftz");
}

// The sources, from operand `first` on: a third one is combined with the comparison.
void sources_of(Decoding& d, std::size_t first, Type type) {
  Step& step = d.step();
  d.source(0, first, type);
  d.source(1, first + 1, type);
  const std::string_view word = d.words()[2];
  const std::uint8_t combination = word == "and"   ? with_and
                                   : word == "or"  ? with_or
                                   : word == "xor" ? with_xor
                                                   : alone;
  if (combination == alone) return;
  d.source(2, first + 2, Type::pred);
  step.is_signed = d.operand(first + 2).is_negated;
  step.detail = static_cast<std::uint8_t>(step.detail | combination << 5);
}

bool decode_set(Decoding& d) {
  Step& step = d.step();
  const Type to = d.type(0), type = d.last_type();
  if (d.type_count() != 2 || d.words().size() < 4) d.unsupported();
  const bool is_pair = type == Type::f16x2 || type == Type::bf16x2;
  Run run = nullptr;
  if (is_pair) {
    if (to == type || to == Type::u32 || to == Type::s32)
      run = type == Type::f16x2 ? set_pair<F16> : set_pair<BF16>;
  } else if (ptx::size_of(to) == 2) {
    run = for_type<Set<std::uint16_t>::Value>(type);
  } else if (ptx::size_of(to) == 4) {
    run = for_type<Set<std::uint32_t>::Value>(type);
  }
  if (run == nullptr) d.unsupported();
  comparison_of(d);
  switch (to) {
    case Type::f32: step.immediate = 0x3f80'0000; break;
    case Type::f16:
    case Type::f16x2: step.immediate = F16::of(1.0).bits; break;
    case Type::bf16:
    case Type::bf16x2: step.immediate = BF16::of(1.0).bits; break;
    default: step.immediate = is_pair || ptx::size_of(to) == 2 ? 0xffff : 0xffff'ffff;
  }
  d.destination(ptx::size_of(to));
  sources_of(d, 1, type);
  d.runs(class_of(type), run);
  return true;
}

}  // namespace

bool decode_compare(Decoding& d) {
  const std::string_view base = d.base();
  Step& step = d.step();
  if (base == "setp") {
    const Type type = d.last_type();
    const Run run = type == Type::f16x2    ? set_predicates_of_pair<F16>
                    : type == Type::bf16x2 ? set_predicates_of_pair<BF16>
                                           : for_type<SetPredicate>(type);
    if (run == nullptr || d.words().size() < 3) d.unsupported();
    comparison_of(d);
    // "p|q" is two operands.
    const bool is_combined = d.has("and") || d.has("or") || d.has("xor");
    const std::size_t first = d.operand_count() - (is_combined ? 3 : 2);
    d.destination(0);
    if (first == 2) step.e = d.operands().destination(d.operand(1), 0);
    sources_of(d, first, type);
    d.runs(class_of(type), run);
    return true;
  }
  if (base == "set") return decode_set(d);
  if (base == "selp") {
    const Type type = d.last_type();
    return with_width(type, [&](auto value) {
      using T = decltype(value);
      d.destination(sizeof(T));
      d.source(0, 1, type);
      d.source(1, 2, type);
      d.source(2, 3, Type::pred);
      step.is_signed = d.operand(3).is_negated;
      d.runs(class_of(type), select<T>);
    });
  }
  if (base == "slct") {
    const Type type = d.type(0), by = d.type(1);
    return with_width(type, [&](auto value) {
      using T = decltype(value);
      d.destination(sizeof(T));
      d.source(0, 1, type);
      d.source(1, 2, type);
      d.source(2, 3, by);
      d.runs(class_of(type),
             by == Type::f32 ? select_by_sign<T, float> : select_by_sign<T, std::int32_t>);
    });
  }
  return false;
}

}  // namespace emulator
