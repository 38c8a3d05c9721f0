// cvt: between integers, floating formats and their pairs.
#include "machine/decode.h"
#include "machine/half.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

// Integers go through 64 bits; the register may be wider than the type, and is then extended.
template <class From>
std::int64_t widened(From value) {
  return static_cast<std::int64_t>(value);
}

template <class T>
void put(Warp& warp, const Step& step, const T* result, Mask mask) {
  const auto extended = [&]<class W>(W) {
    W wide[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) wide[lane] = static_cast<W>(result[lane]);
    warp.store(step.d, wide, mask);
  };
  using Signed16 = std::conditional_t<std::is_signed_v<T>, std::int16_t, std::uint16_t>;
  using Signed32 = std::conditional_t<std::is_signed_v<T>, std::int32_t, std::uint32_t>;
  using Signed64 = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
  switch (step.destination_width) {
    case 2: extended(Signed16{}); break;
    case 4: extended(Signed32{}); break;
    default: extended(Signed64{});
  }
}

// The lanes of a source register that may be wider than the type that is read.
template <class From>
From from_register(Warp& warp, const Step& step, int lane) {
  switch (step.width) {
    case 2: return static_cast<From>(warp.lanes<std::uint16_t>(step.s[0])[lane]);
    case 4: return static_cast<From>(warp.lanes<std::uint32_t>(step.s[0])[lane]);
    default: return static_cast<From>(warp.lanes<std::uint64_t>(step.s[0])[lane]);
  }
}

template <class To, class From>
void integer_to_integer(Warp& warp, const Step& step, Mask mask) {
  To result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    const From value = from_register<From>(warp, step, lane);
    result[lane] = static_cast<To>(value);
    if (!step.saturates) continue;
    if (std::cmp_less(value, std::numeric_limits<To>::min()))
      result[lane] = std::numeric_limits<To>::min();
    if (std::cmp_greater(value, std::numeric_limits<To>::max()))
      result[lane] = std::numeric_limits<To>::max();
  }
  put(warp, step, result, mask);
}

struct ReadF32 {
  using Stored = float;
  static float value(float bits, const Step& step) { return step.flushes ? flushed(bits) : bits; }
};
struct ReadF64 {
  using Stored = double;
  static double value(double bits, const Step&) { return bits; }
};
template <class H>
struct ReadHalf {
  using Stored = std::uint16_t;
  static double value(std::uint16_t bits, const Step&) { return H{bits}.value(); }
};

// Out of range gives the nearest; NaN gives 0, or where 64 bits take part the highest bit alone.
template <class To, class Reader>
void floating_to_integer(Warp& warp, const Step& step, Mask mask) {
  const auto* a = warp.lanes<typename Reader::Stored>(step.s[0]);
  To result[kLanes];
  const RoundingScope rounding(step.rounding);
  for (int lane = 0; lane < kLanes; ++lane) {
    const double value = std::nearbyint(static_cast<double>(Reader::value(a[lane], step)));
    constexpr double kEnd = static_cast<double>(std::numeric_limits<To>::max() / 2 + 1) * 2.0;
    constexpr bool is_signed = std::is_signed_v<To>;
    if (value != value) {
      constexpr bool takes_highest =
          sizeof(To) == 8 || std::is_same_v<typename Reader::Stored, double>;
      result[lane] =
          takes_highest ? static_cast<To>(std::uint64_t{1} << (8 * sizeof(To) - 1)) : To{0};
    } else if (value >= kEnd) {
      result[lane] = std::numeric_limits<To>::max();
    } else if (value < (is_signed ? -kEnd : 0.0)) {
      result[lane] = std::numeric_limits<To>::min();
    } else {
      result[lane] = static_cast<To>(value);
    }
  }
  put(warp, step, result, mask);
}

template <class T>
T saturated(T value, const Step& step) {
  return step.saturates ? (value > T{0} ? (value < T{1} ? value : T{1}) : T{0}) : value;
}

struct WriteF32 {
  using Stored = float;
  static constexpr std::uint32_t kWidth = 4;
  template <class From>
  static float of(From value, const Step& step) {
    const float result = canonical(saturated(static_cast<float>(value), step));
    return step.flushes ? flushed(result) : result;
  }
};
struct WriteF64 {
  using Stored = double;
  template <class From>
  static double of(From value, const Step& step) {
    return saturated(static_cast<double>(value), step);
  }
};
template <class H>
struct WriteHalf {
  using Stored = std::uint16_t;
  // A double holds every value of 32 bits; of 64 bits it is odd where it is not exact.
  template <class From>
  static std::uint16_t of(From value, const Step& step) {
    double wide;
    if constexpr (std::is_integral_v<From> && sizeof(From) == 8) {
      wide = to_odd(value);
    } else {
      wide = static_cast<double>(value);
    }
    if (step.is_signed && wide < 0) wide = 0.0;  // .relu
    return H::of(saturated(wide, step)).bits;
  }
  template <class From>
  static double to_odd(From value) {
    const std::uint64_t size =
        value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    const std::uint64_t kept =
        size < (std::uint64_t{1} << 52)
            ? size
            : (size & ~std::uint64_t{0xfff}) | ((size & 0xfff) != 0 ? 0x1000 : 0);
    const auto wide = static_cast<double>(kept);
    return value < 0 ? -wide : wide;
  }
};

template <class Writer, class From>
void integer_to_floating(Warp& warp, const Step& step, Mask mask) {
  typename Writer::Stored result[kLanes];
  {
    const RoundingScope rounding(step.rounding);
    for (int lane = 0; lane < kLanes; ++lane)
      result[lane] = Writer::of(from_register<From>(warp, step, lane), step);
  }
  warp.store(step.d, result, mask);
}

// Between floating formats; with an integer rounding (.rni and the like) to a whole number.
template <class Writer, class Reader, bool kWhole>
void floating_to_floating(Warp& warp, const Step& step, Mask mask) {
  const auto* a = warp.lanes<typename Reader::Stored>(step.s[0]);
  typename Writer::Stored result[kLanes];
  {
    const RoundingScope rounding(step.rounding);
    for (int lane = 0; lane < kLanes; ++lane) {
      auto value = Reader::value(a[lane], step);
      if constexpr (kWhole) value = std::nearbyint(value);
      result[lane] = Writer::of(value, step);
    }
  }
  warp.store(step.d, result, mask);
}

// cvt.rn.f16x2.f32 d, a, b: a in the upper half.
template <class H>
void two_to_pair(Warp& warp, const Step& step, Mask mask) {
  const float* high = warp.lanes<float>(step.s[0]);
  const float* low = warp.lanes<float>(step.s[1]);
  std::uint32_t result[kLanes];
  const RoundingScope rounding(step.rounding);
  for (int lane = 0; lane < kLanes; ++lane) {
    result[lane] = static_cast<std::uint32_t>(WriteHalf<H>::of(high[lane], step)) << 16 |
                   WriteHalf<H>::of(low[lane], step);
  }
  warp.store(step.d, result, mask);
}

template <class F>
bool with_integer(Type type, const F& f) {
  switch (type) {
    case Type::s8: return f(std::int8_t{}), true;
    case Type::u8: return f(std::uint8_t{}), true;
    case Type::s16: return f(std::int16_t{}), true;
    case Type::u16: return f(std::uint16_t{}), true;
    case Type::s32: return f(std::int32_t{}), true;
    case Type::u32: return f(std::uint32_t{}), true;
    case Type::s64: return f(std::int64_t{}), true;
    case Type::u64: return f(std::uint64_t{}), true;
    default: return false;
  }
}
template <class F>
bool with_reader(Type type, const F& f) {
  switch (type) {
    case Type::f32: return f(ReadF32{}), true;
    case Type::f64: return f(ReadF64{}), true;
    case Type::f16: return f(ReadHalf<F16>{}), true;
    case Type::bf16: return f(ReadHalf<BF16>{}), true;
    default: return false;
  }
}
template <class F>
bool with_writer(Type type, const F& f) {
  switch (type) {
    case Type::f32: return f(WriteF32{}), true;
    case Type::f64: return f(WriteF64{}), true;
    case Type::f16: return f(WriteHalf<F16>{}), true;
    case Type::bf16: return f(WriteHalf<BF16>{}), true;
    default: return false;
  }
}

}  // namespace

bool decode_convert(Decoding& d) {
  if (d.base() != "cvt") return false;
  if (d.type_count() != 2) d.unsupported();
  Step& step = d.step();
  const Type to = d.type(0), from = d.type(1);
  d.floating_modifiers();
  step.is_signed = d.has("relu");
  if (to == Type::f16x2 || to == Type::bf16x2) {
    if (from != Type::f32) d.unsupported();
    d.destination(4);
    d.sources(Type::f32);
    d.runs(InstructionClass::convert, to == Type::f16x2 ? two_to_pair<F16> : two_to_pair<BF16>);
    return true;
  }
  step.destination_width = static_cast<std::uint8_t>(
      std::max(d.operands().register_width(d.operand(0)), ptx::size_of(to)));
  d.destination(step.destination_width);
  d.source(0, 1, from);
  const std::uint32_t source_width = d.operands().register_width(d.operand(1));
  step.width = static_cast<std::uint8_t>(source_width != 0 ? source_width
                                                           : std::max(ptx::size_of(from), 2u));
  const bool whole = d.has("rni") || d.has("rzi") || d.has("rmi") || d.has("rpi");
  Run run = nullptr;
  with_integer(to, [&](auto t) {
    using T = decltype(t);
    with_integer(from, [&](auto f) { run = integer_to_integer<T, decltype(f)>; });
    with_reader(from, [&](auto f) { run = floating_to_integer<T, decltype(f)>; });
  });
  with_writer(to, [&](auto t) {
    using W = decltype(t);
    with_integer(from, [&](auto f) { run = integer_to_floating<W, decltype(f)>; });
    with_reader(from, [&](auto f) {
      using R = decltype(f);
      run = whole ? floating_to_floating<W, R, true> : floating_to_floating<W, R, false>;
    });
  });
  if (run == nullptr) d.unsupported();
  // Flushing concerns f32 alone.
  if (to != Type::f32 && from != Type::f32) step.flushes = false;
  d.runs(InstructionClass::convert, run);
  return true;
}

}  // namespace emulator
