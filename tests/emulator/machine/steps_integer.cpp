// Integer arithmetic.
#include "machine/decode.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

using I8 = std::int8_t;
using I16 = std::int16_t;
using I32 = std::int32_t;
using I64 = std::int64_t;
using U8 = std::uint8_t;
using U16 = std::uint16_t;
using U32 = std::uint32_t;
using U64 = std::uint64_t;
__extension__ using I128 = __int128;
__extension__ using U128 = unsigned __int128;

template <class T>
struct Wide;
template <>
struct Wide<I16> {
  using Type = I32;
};
template <>
struct Wide<U16> {
  using Type = U32;
};
template <>
struct Wide<I32> {
  using Type = I64;
};
template <>
struct Wide<U32> {
  using Type = U64;
};
template <>
struct Wide<I64> {
  using Type = I128;
};
template <>
struct Wide<U64> {
  using Type = U128;
};

// Arithmetic wraps, and is done unsigned and at least 32 bits wide.
template <class T>
using Wrapping = std::conditional_t<(sizeof(T) > 4), U64, U32>;

template <class T>
struct Add {
  T operator()(T a, T b) const { return static_cast<T>(Wrapping<T>(a) + Wrapping<T>(b)); }
};
template <class T>
struct Subtract {
  T operator()(T a, T b) const { return static_cast<T>(Wrapping<T>(a) - Wrapping<T>(b)); }
};
template <class T>
struct Low {
  T operator()(T a, T b) const { return static_cast<T>(Wrapping<T>(a) * Wrapping<T>(b)); }
};
template <class T>
struct High {
  T operator()(T a, T b) const {
    using W = typename Wide<T>::Type;
    return static_cast<T>((static_cast<W>(a) * static_cast<W>(b)) >> (8 * sizeof(T)));
  }
};
template <class T>
struct WideProduct {
  auto operator()(T a, T b) const {
    using W = typename Wide<T>::Type;
    return static_cast<W>(static_cast<W>(a) * static_cast<W>(b));
  }
};
template <class T>
struct MultiplyAddLow {
  T operator()(T a, T b, T c) const { return Add<T>()(Low<T>()(a, b), c); }
};
template <class T>
struct MultiplyAddHigh {
  T operator()(T a, T b, T c) const { return Add<T>()(High<T>()(a, b), c); }
};
template <class T>
struct MultiplyAddWide {
  using W = typename Wide<T>::Type;
  W operator()(T a, T b, W c) const { return Add<W>()(WideProduct<T>()(a, b), c); }
};
// A division by zero gives all bits, its remainder the dividend; the least number by -1 wraps.
template <class T>
struct Divide {
  T operator()(T a, T b) const {
    if (b == 0) return static_cast<T>(~T{0});
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return Subtract<T>()(T{0}, a);
    return static_cast<T>(a / b);
  }
};
template <class T>
struct Remainder {
  T operator()(T a, T b) const {
    if (b == 0) return a;
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return T{0};
    return static_cast<T>(a % b);
  }
};
template <class T>
struct Least {
  T operator()(T a, T b) const { return b < a ? b : a; }
};
template <class T>
struct Greatest {
  T operator()(T a, T b) const { return a < b ? b : a; }
};
// Of two numbers of 16 bits in one register.
template <class T, template <class> class F>
struct InPairs {
  U32 operator()(U32 a, U32 b) const {
    const auto half = [&](int shift) {
      const T result = F<T>()(static_cast<T>(a >> shift), static_cast<T>(b >> shift));
      return U32{static_cast<U16>(result)} << shift;
    };
    return half(16) | half(0);
  }
};
template <class T>
struct LeastNotNegative {
  T operator()(T a, T b) const { return Greatest<T>()(Least<T>()(a, b), T{0}); }
};
template <class T>
struct GreatestNotNegative {
  T operator()(T a, T b) const { return Greatest<T>()(Greatest<T>()(a, b), T{0}); }
};
template <class T>
struct Absolute {
  T operator()(T a) const { return a < 0 ? Subtract<T>()(T{0}, a) : a; }
};
template <class T>
struct Negate {
  T operator()(T a) const { return Subtract<T>()(T{0}, a); }
};
struct SaturatingAdd {
  I32 operator()(I32 a, I32 b) const {
    const I64 sum = I64{a} + b;
    return static_cast<I32>(
        std::clamp<I64>(sum, std::numeric_limits<I32>::min(), std::numeric_limits<I32>::max()));
  }
};
struct SaturatingSubtract {
  I32 operator()(I32 a, I32 b) const {
    const I64 difference = I64{a} - b;
    return static_cast<I32>(std::clamp<I64>(difference, std::numeric_limits<I32>::min(),
                                            std::numeric_limits<I32>::max()));
  }
};
template <class T>
struct Low24 {  // the low 32 bits of the product of two 24-bit numbers
  static T cut(T a) {
    return std::is_signed_v<T> ? static_cast<T>(static_cast<I32>(static_cast<U32>(a) << 8) >> 8)
                               : a & 0xffffff;
  }
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<U64>(static_cast<I64>(cut(a)) * static_cast<I64>(cut(b))));
  }
};
template <class T>
struct MultiplyAdd24 {
  T operator()(T a, T b, T c) const { return Add<T>()(Low24<T>()(a, b), c); }
};
template <class T>
struct SumOfDifferences {
  T operator()(T a, T b, T c) const {
    const T difference = a < b ? Subtract<T>()(b, a) : Subtract<T>()(a, b);
    return Add<T>()(c, difference);
  }
};
// Dot products of four bytes, or of two halves and the low or high bytes; their signs may differ.
template <class A, class B>
struct DotOfBytes {
  U32 operator()(U32 a, U32 b, U32 c) const {
    for (int i = 0; i < 4; ++i) {
      c += static_cast<U32>(static_cast<I32>(static_cast<A>(a >> (8 * i))) *
                            static_cast<I32>(static_cast<B>(b >> (8 * i))));
    }
    return c;
  }
};
// vabsdiff4: the differences of the four bytes, or their sum and c.
template <class T, bool kAdds>
struct DifferencesOfBytes {
  U32 operator()(U32 a, U32 b, U32 c) const {
    U32 sum = c, bytes = 0;
    for (int shift = 0; shift < 32; shift += 8) {
      const I32 x = static_cast<T>(a >> shift), y = static_cast<T>(b >> shift);
      const U32 difference = static_cast<U32>(x < y ? y - x : x - y);
      sum += difference;
      bytes |= difference << shift;
    }
    return kAdds ? sum : bytes;
  }
};
template <class A, class B, bool kHigh>
struct DotOfHalves {
  U32 operator()(U32 a, U32 b, U32 c) const {
    for (int i = 0; i < 2; ++i) {
      c += static_cast<U32>(static_cast<I32>(static_cast<A>(a >> (16 * i))) *
                            static_cast<I32>(static_cast<B>(b >> (8 * (i + (kHigh ? 2 : 0))))));
    }
    return c;
  }
};

// The carry of the extended instructions: a word of the warp, a bit a lane. A subtraction adds the
// complement and one, and leaves the carry of that: set where nothing was borrowed. The manual
// speaks of a borrow instead, but what nvcc makes of 128-bit divisions reads it with addc.
template <class U, bool kIn, bool kOut, bool kSubtracts>
void add_with_carry(Warp& warp, const Step& step, Mask mask) {
  const U* a = warp.lanes<U>(step.s[0]);
  const U* b = warp.lanes<U>(step.s[1]);
  U result[kLanes];
  Mask carry = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const unsigned in = kIn ? warp.carry >> lane & 1 : kSubtracts ? 1 : 0;
    const U addend = kSubtracts ? static_cast<U>(~b[lane]) : b[lane];
    const U128 wide = U128{a[lane]} + addend + in;
    result[lane] = static_cast<U>(wide);
    carry |= static_cast<Mask>(static_cast<U64>(wide >> (8 * sizeof(U))) & 1) << lane;
  }
  if (kOut) warp.carry = (warp.carry & ~mask) | (carry & mask);
  warp.store(step.d, result, mask);
}
template <class U, bool kSubtracts>
Run with_carry(bool in, bool out) {
  if (!in) return add_with_carry<U, false, true, kSubtracts>;
  return out ? add_with_carry<U, true, true, kSubtracts>
             : add_with_carry<U, true, false, kSubtracts>;
}
// mad.lo.cc, madc.hi and the like.
template <class T, bool kHigh, bool kIn, bool kOut>
void multiply_add_with_carry(Warp& warp, const Step& step, Mask mask) {
  const T* a = warp.lanes<T>(step.s[0]);
  const T* b = warp.lanes<T>(step.s[1]);
  const T* c = warp.lanes<T>(step.s[2]);
  using W = U128;
  T result[kLanes];
  Mask carry = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    using U = std::make_unsigned_t<T>;
    const T product = kHigh ? High<T>()(a[lane], b[lane]) : Low<T>()(a[lane], b[lane]);
    const W sum =
        W{static_cast<U>(product)} + static_cast<U>(c[lane]) + (kIn ? warp.carry >> lane & 1 : 0);
    result[lane] = static_cast<T>(sum);
    carry |= static_cast<Mask>(static_cast<U64>(sum >> (8 * sizeof(T))) & 1) << lane;
  }
  if (kOut) warp.carry = (warp.carry & ~mask) | (carry & mask);
  warp.store(step.d, result, mask);
}

// Calls f with a value of the C++ type for the integer type.
template <class F>
bool with_type(Type type, const F& f) {
  switch (type) {
    case Type::s16: return f(I16{}), true;
    case Type::u16:
    case Type::b16: return f(U16{}), true;
    case Type::s32: return f(I32{}), true;
    case Type::u32:
    case Type::b32: return f(U32{}), true;
    case Type::s64: return f(I64{}), true;
    case Type::u64:
    case Type::b64: return f(U64{}), true;
    default: return false;
  }
}

bool decode_carry(Decoding& d) {
  const std::string_view base = d.base();
  const bool out = d.has("cc");
  const bool adds = base == "add" || base == "addc", subtracts = base == "sub" || base == "subc";
  const bool multiplies = base == "mad" || base == "madc";
  const bool in = base.ends_with('c');
  if (!(adds || subtracts || multiplies) || !(in || out)) return false;
  const Type type = d.last_type();
  const std::uint32_t width = ptx::size_of(type);
  d.destination(width);
  d.sources(type);
  if (multiplies) {
    const bool high = d.has("hi");
    return with_type(type, [&](auto value) {
      using T = decltype(value);
      if constexpr (sizeof(T) >= 4) {
        const Run run = high ? (in ? (out ? multiply_add_with_carry<T, true, true, true>
                                          : multiply_add_with_carry<T, true, true, false>)
                                   : multiply_add_with_carry<T, true, false, true>)
                             : (in ? (out ? multiply_add_with_carry<T, false, true, true>
                                          : multiply_add_with_carry<T, false, true, false>)
                                   : multiply_add_with_carry<T, false, false, true>);
        d.runs(InstructionClass::integer, run);
      } else {
        d.unsupported();
      }
    });
  }
  const Run narrow = subtracts ? with_carry<U32, true>(in, out) : with_carry<U32, false>(in, out);
  const Run wide = subtracts ? with_carry<U64, true>(in, out) : with_carry<U64, false>(in, out);
  d.runs(InstructionClass::integer, width == 8 ? wide : narrow);
  return true;
}

template <template <class> class F>
bool binary(Decoding& d) {
  const Type type = d.last_type();
  return with_type(type, [&](auto value) {
    using T = decltype(value);
    d.destination(sizeof(T));
    d.sources(type);
    d.runs(InstructionClass::integer, each2<T, T, T, F<T>>);
  });
}

template <template <class> class F>
bool unary(Decoding& d) {
  const Type type = d.last_type();
  return with_type(type, [&](auto value) {
    using T = decltype(value);
    d.destination(sizeof(T));
    d.sources(type);
    d.runs(InstructionClass::integer, each1<T, T, F<T>>);
  });
}

// add, min and max of pairs, and of single numbers where .relu keeps the result from being
// negative.
bool decode_pairs(Decoding& d) {
  const std::string_view base = d.base();
  const Type type = d.last_type();
  const bool relu = d.has("relu"), is_least = base == "min";
  const bool is_extreme = is_least || base == "max";
  Run run = nullptr;
  if (type == Type::s32 && is_extreme && relu) {
    run = is_least ? each2<I32, I32, I32, LeastNotNegative<I32>>
                   : each2<I32, I32, I32, GreatestNotNegative<I32>>;
  } else if (type == Type::s16x2 || type == Type::u16x2) {
    const bool is_signed = type == Type::s16x2;
    if (base == "add") {
      run = each2<U32, U32, U32, InPairs<U16, Add>>;
    } else if (is_extreme && relu && is_signed) {
      run = is_least ? each2<U32, U32, U32, InPairs<I16, LeastNotNegative>>
                     : each2<U32, U32, U32, InPairs<I16, GreatestNotNegative>>;
    } else if (is_extreme && !relu) {
      run = is_least ? (is_signed ? each2<U32, U32, U32, InPairs<I16, Least>>
                                  : each2<U32, U32, U32, InPairs<U16, Least>>)
                     : (is_signed ? each2<U32, U32, U32, InPairs<I16, Greatest>>
                                  : each2<U32, U32, U32, InPairs<U16, Greatest>>);
    }
  }
  if (run == nullptr) return false;
  d.destination(4);
  d.sources(type);
  d.runs(InstructionClass::integer, run);
  return true;
}

template <class A, class B>
Run dot_product(bool of_halves, bool high) {
  using A16 = std::conditional_t<std::is_signed_v<A>, I16, U16>;
  if (!of_halves) return each3<U32, U32, U32, U32, DotOfBytes<A, B>>;
  return high ? each3<U32, U32, U32, U32, DotOfHalves<A16, B, true>>
              : each3<U32, U32, U32, U32, DotOfHalves<A16, B, false>>;
}

bool multiply(Decoding& d, bool adds) {
  const Type type = d.last_type();
  return with_type(type, [&](auto value) {
    using T = decltype(value);
    d.source(0, 1, type);
    d.source(1, 2, type);
    if (d.has("wide")) {
      if constexpr (sizeof(T) < 8) {
        using W = typename Wide<T>::Type;
        d.destination(sizeof(W));
        if (adds) d.source(2, 3, sizeof(W) == 8 ? Type::b64 : Type::b32);
        d.runs(InstructionClass::integer,
               adds ? each3<W, T, T, W, MultiplyAddWide<T>> : each2<W, T, T, WideProduct<T>>);
      } else {
        d.unsupported();
      }
      return;
    }
    d.destination(sizeof(T));
    if (adds) d.source(2, 3, type);
    const bool high = d.has("hi");
    d.runs(
        InstructionClass::integer,
        adds ? (high ? each3<T, T, T, T, MultiplyAddHigh<T>> : each3<T, T, T, T, MultiplyAddLow<T>>)
             : (high ? each2<T, T, T, High<T>> : each2<T, T, T, Low<T>>));
    if (d.has("sat")) d.unsupported();
  });
}

}  // namespace

bool decode_integer(Decoding& d) {
  const std::string_view base = d.base();
  if (d.type_count() == 0) return false;
  const Type type = d.last_type();
  if (decode_pairs(d)) return true;
  if (!with_type(type, [](auto) {})) return false;
  if (decode_carry(d)) return true;
  const auto ternary = [&](Run run) {
    d.destination(4);
    d.sources(type);
    d.runs(InstructionClass::integer, run);
    return true;
  };
  if (base == "add" || base == "sub") {
    if (d.has("sat")) {
      d.destination(4);
      d.sources(type);
      d.runs(InstructionClass::integer, base == "add" ? each2<I32, I32, I32, SaturatingAdd>
                                                      : each2<I32, I32, I32, SaturatingSubtract>);
      return true;
    }
    return base == "add" ? binary<Add>(d) : binary<Subtract>(d);
  }
  if (base == "mul") return multiply(d, false);
  if (base == "mad") return multiply(d, true);
  if (base == "mul24" && d.has("lo")) {
    d.destination(4);
    d.sources(type);
    d.runs(InstructionClass::integer,
           type == Type::s32 ? each2<I32, I32, I32, Low24<I32>> : each2<U32, U32, U32, Low24<U32>>);
    return true;
  }
  if (base == "mad24" && d.has("lo") && !d.has("sat")) {
    return ternary(type == Type::s32 ? each3<I32, I32, I32, I32, MultiplyAdd24<I32>>
                                     : each3<U32, U32, U32, U32, MultiplyAdd24<U32>>);
  }
  if (base == "div") return binary<Divide>(d);
  if (base == "rem") return binary<Remainder>(d);
  if (base == "min" && !d.has("relu")) return binary<Least>(d);
  if (base == "max" && !d.has("relu")) return binary<Greatest>(d);
  if (base == "abs") return unary<Absolute>(d);
  if (base == "neg") return unary<Negate>(d);
  if (base == "sad") {
    return with_type(type, [&](auto value) {
      using T = decltype(value);
      d.destination(sizeof(T));
      d.sources(type);
      d.runs(InstructionClass::integer, each3<T, T, T, T, SumOfDifferences<T>>);
    });
  }
  if (base == "dp4a" || base == "dp2a") {
    const bool a = d.type(0) == Type::s32, b = d.type(1) == Type::s32;
    const bool of_halves = base == "dp2a", high = d.has("hi");
    return ternary(
        a ? (b ? dot_product<I8, I8>(of_halves, high) : dot_product<I8, U8>(of_halves, high))
          : (b ? dot_product<U8, I8>(of_halves, high) : dot_product<U8, U8>(of_halves, high)));
  }
  if (base == "vabsdiff4" && type == Type::u32 && d.type_count() == 3 && !d.has("sat")) {
    // All bytes of d are written, so that without .add the operand c does not matter.
    const bool adds = d.has("add");
    if (d.type(0) != Type::u32 || d.words().size() != (adds ? 5u : 4u)) d.unsupported();
    return ternary(adds ? each3<U32, U32, U32, U32, DifferencesOfBytes<U8, true>>
                        : each3<U32, U32, U32, U32, DifferencesOfBytes<U8, false>>);
  }
  return false;
}

}  // namespace emulator
