// Integer arithmetic.
#include <algorithm>
#include <cstdlib>

#include "opcodes_make.h"

namespace emulator_test {
namespace {

__extension__ typedef __int128 Wide;
__extension__ typedef unsigned __int128 UnsignedWide;

template <class T>
constexpr int kBits = 8 * sizeof(T);

// The low bits, of signed numbers too.
template <class T>
T low(Wide value) {
  return static_cast<T>(static_cast<std::uint64_t>(static_cast<UnsignedWide>(value)));
}
template <class T>
T high(Wide value) {
  return low<T>(value >> kBits<T>);
}
// Products of unsigned numbers of 64 bits do not fit otherwise.
template <class T>
Wide product(T a, T b) {
  return static_cast<Wide>(static_cast<UnsignedWide>(Wide{a}) * static_cast<UnsignedWide>(Wide{b}));
}
template <class T>
T high_of_product(T a, T b) {
  if constexpr (std::is_signed_v<T>) return high<T>(product(a, b));
  return low<T>(static_cast<Wide>(static_cast<UnsignedWide>(product(a, b)) >> kBits<T>));
}

std::int32_t saturated(Wide value) {
  return static_cast<std::int32_t>(std::clamp<Wide>(value, INT32_MIN, INT32_MAX));
}

Form without_zero_divisors(Form form) {
  std::erase(form.values[1], std::uint64_t{0});
  return form;
}

template <class T>
std::vector<Form> arithmetic() {
  const std::string type = "." + type_name<T>();
  std::vector<Form> forms{
      form("add" + type, [](T a, T b) { return low<T>(Wide{a} + Wide{b}); }),
      form("sub" + type, [](T a, T b) { return low<T>(Wide{a} - Wide{b}); }),
      form("mul.lo" + type, [](T a, T b) { return low<T>(product(a, b)); }),
      form("mul.hi" + type, [](T a, T b) { return high_of_product(a, b); }),
      form("mad.lo" + type, [](T a, T b, T c) { return low<T>(product(a, b) + Wide{c}); }),
      form("mad.hi" + type,
           [](T a, T b, T c) { return low<T>(Wide{high_of_product(a, b)} + Wide{c}); }),
      form("min" + type, [](T a, T b) { return a < b ? a : b; }),
      form("max" + type, [](T a, T b) { return a > b ? a : b; }),
      // The least divided by -1 is itself.
      without_zero_divisors(form("div" + type, [](T a, T b) { return low<T>(Wide{a} / Wide{b}); })),
      without_zero_divisors(form("rem" + type, [](T a, T b) { return low<T>(Wide{a} % Wide{b}); })),
      form("sad" + type,
           [](T a, T b, T c) {
             return low<T>(Wide{c} + (a < b ? Wide{b} - Wide{a} : Wide{a} - Wide{b}));
           }),
  };
  if constexpr (std::is_signed_v<T>) {
    forms.push_back(form("abs" + type, [](T a) { return low<T>(a < 0 ? -Wide{a} : Wide{a}); }));
    forms.push_back(form("neg" + type, [](T a) { return low<T>(-Wide{a}); }));
  }
  return forms;
}

template <class T, class Result>
std::vector<Form> widening() {
  const std::string type = "." + type_name<T>();
  return {
      form("mul.wide" + type, [](T a, T b) { return low<Result>(product(a, b)); }),
      form("mad.wide" + type,
           [](T a, T b, Result c) { return low<Result>(product(a, b) + Wide{c}); }),
  };
}

// Of 24 bits, with the rest of the operands ignored.
template <class T>
std::vector<Form> of_24_bits() {
  const std::string type = "." + type_name<T>();
  constexpr auto kept = [](T a) {
    return low<T>(std::is_signed_v<T>
                      ? Wide{static_cast<std::int32_t>(static_cast<std::uint32_t>(a) << 8) >> 8}
                      : Wide{a} & 0xffffff);
  };
  return {
      form("mul24.lo" + type, [kept](T a, T b) { return low<T>(product(kept(a), kept(b))); }),
      form("mad24.lo" + type,
           [kept](T a, T b, T c) { return low<T>(product(kept(a), kept(b)) + Wide{c}); }),
  };
}

// The carry goes from one instruction to the next. `free` is a register of this width.
template <class T>
std::vector<Form> carrying(const std::string& free) {
  const std::string type = "." + type_name<T>();
  using Unsigned = std::make_unsigned_t<T>;
  constexpr auto sum = [](T a, T b, bool carry) {
    return static_cast<UnsignedWide>(static_cast<Unsigned>(a)) + static_cast<Unsigned>(b) +
           (carry ? 1u : 0u);
  };
  constexpr auto carries = [](UnsignedWide value) { return (value >> kBits<T>) != 0; };
  constexpr auto borrows = [](T a, T b, bool borrow) {
    return static_cast<UnsignedWide>(static_cast<Unsigned>(a)) <
           static_cast<UnsignedWide>(static_cast<Unsigned>(b)) + (borrow ? 1u : 0u);
  };
  constexpr auto full = [](T a, T b, T c) {
    return static_cast<UnsignedWide>(static_cast<Unsigned>(low<T>(product(a, b)))) +
           static_cast<Unsigned>(c);
  };
  const std::string set = " " + free + ", %a, %b; ";
  return {
      form("add.cc" + type, [](T a, T b) { return low<T>(Wide{a} + Wide{b}); }),
      form("sub.cc" + type, [](T a, T b) { return low<T>(Wide{a} - Wide{b}); }),
      form("mad.lo.cc" + type, [](T a, T b, T c) { return low<T>(product(a, b) + Wide{c}); }),
      form("mad.hi.cc" + type,
           [](T a, T b, T c) { return low<T>(Wide{high_of_product(a, b)} + Wide{c}); }),
      sequence(
          {"addc" + type}, "add.cc" + type + set + "addc" + type + " %d, %c, %b;",
          [=](T a, T b, T c) { return low<T>(Wide{c} + Wide{b} + carries(sum(a, b, false))); }),
      sequence({"addc.cc" + type},
               "add.cc" + type + set + "addc.cc" + type + " " + free + ", %c, %b; addc" + type +
                   " %d, 0, 0;",
               [=](T a, T b, T c) {
                 return static_cast<T>(carries(sum(c, b, carries(sum(a, b, false)))));
               }),
      sequence({"subc" + type}, "sub.cc" + type + set + "subc" + type + " %d, %c, %b;",
               [=](T a, T b, T c) { return low<T>(Wide{c} - Wide{b} - borrows(a, b, false)); }),
      sequence({"subc.cc" + type},
               "sub.cc" + type + set + "subc.cc" + type + " " + free + ", %c, %b; subc" + type +
                   " %d, 0, 0;",
               [=](T a, T b, T c) { return low<T>(-Wide{borrows(c, b, borrows(a, b, false))}); }),
      // A subtraction leaves the carry of adding the complement and one.
      sequence({"sub.cc" + type}, "sub.cc" + type + set + "addc" + type + " %d, 0, 0;",
               [=](T a, T b) { return T{!borrows(a, b, false)}; }),
      sequence({"subc" + type}, "add.cc" + type + set + "subc" + type + " %d, 0, 0;",
               [=](T a, T b) { return static_cast<T>(carries(sum(a, b, false)) ? 0 : -1); }),
      sequence({"madc.lo" + type}, "add.cc" + type + set + "madc.lo" + type + " %d, %a, %b, %c;",
               [=](T a, T b, T c) {
                 return low<T>(product(a, b) + Wide{c} + carries(sum(a, b, false)));
               }),
      sequence(
          {"madc.hi" + type},
          "mad.lo.cc" + type + " " + free + ", %a, %b, %c; madc.hi" + type + " %d, %a, %b, %c;",
          [=](T a, T b, T c) {
            return low<T>(Wide{high_of_product(a, b)} + Wide{c} + carries(full(a, b, c)));
          }),
      sequence({"madc.lo.cc" + type},
               "add.cc" + type + set + "madc.lo.cc" + type + " " + free + ", %a, %b, %c; addc" +
                   type + " %d, 0, 0;",
               [=](T a, T b, T c) {
                 return static_cast<T>(carries(full(a, b, c) + carries(sum(a, b, false))));
               }),
      sequence({"madc.hi.cc" + type},
               "mad.lo.cc" + type + " " + free + ", %a, %b, %c; madc.hi.cc" + type + " " + free +
                   ", %a, %b, %c; addc" + type + " %d, 0, 0;",
               [=](T a, T b, T c) {
                 return static_cast<T>(
                     carries(sum(high_of_product(a, b), c, carries(full(a, b, c)))));
               }),
  };
}

// Two of 16 bits in one register.
template <class T, class F>
Form halves(const std::string& name, F want) {
  return form(name, [want](std::uint32_t a, std::uint32_t b) {
    const auto half = [&](int shift) {
      return std::uint32_t{static_cast<std::uint16_t>(
                 want(static_cast<T>(a >> shift), static_cast<T>(b >> shift)))}
             << shift;
    };
    return half(16) | half(0);
  });
}

std::uint32_t differences(std::uint32_t a, std::uint32_t b, bool adds, std::uint32_t c) {
  std::uint32_t sum = c, bytes = 0;
  for (int shift = 0; shift < 32; shift += 8) {
    const int difference =
        std::abs(static_cast<int>(a >> shift & 255) - static_cast<int>(b >> shift & 255));
    sum += static_cast<std::uint32_t>(difference);
    bytes |= static_cast<std::uint32_t>(difference) << shift;
  }
  return adds ? sum : bytes;
}

template <class A, class B>
std::vector<Form> dot_products() {
  // Bytes are signed where their operand is.
  constexpr auto byte = [](auto whole, int i) {
    const auto bits = static_cast<std::uint8_t>(static_cast<std::uint32_t>(whole) >> (8 * i));
    return std::is_signed_v<decltype(whole)> ? Wide{static_cast<std::int8_t>(bits)} : Wide{bits};
  };
  constexpr auto half = [](auto whole, int i) {
    const auto bits = static_cast<std::uint16_t>(static_cast<std::uint32_t>(whole) >> (16 * i));
    return std::is_signed_v<decltype(whole)> ? Wide{static_cast<std::int16_t>(bits)} : Wide{bits};
  };
  const std::string types = "." + type_name<A>() + "." + type_name<B>();
  const auto dot2 = [=](int first) {
    return [=](A a, B b, std::uint32_t c) {
      return low<std::uint32_t>(Wide{c} + half(a, 0) * byte(b, first) +
                                half(a, 1) * byte(b, first + 1));
    };
  };
  return {
      form("dp4a" + types,
           [=](A a, B b, std::uint32_t c) {
             Wide sum = c;
             for (int i = 0; i < 4; ++i) sum += byte(a, i) * byte(b, i);
             return low<std::uint32_t>(sum);
           }),
      form("dp2a.lo" + types, dot2(0)),
      form("dp2a.hi" + types, dot2(2)),
  };
}

}  // namespace

std::vector<Form> integer_forms() {
  std::vector<Form> forms;
  append(forms, arithmetic<std::int16_t>());
  append(forms, arithmetic<std::uint16_t>());
  append(forms, arithmetic<std::int32_t>());
  append(forms, arithmetic<std::uint32_t>());
  append(forms, arithmetic<std::int64_t>());
  append(forms, arithmetic<std::uint64_t>());
  append(forms, widening<std::int16_t, std::int32_t>());
  append(forms, widening<std::uint16_t, std::uint32_t>());
  append(forms, widening<std::int32_t, std::int64_t>());
  append(forms, widening<std::uint32_t, std::uint64_t>());
  append(forms, of_24_bits<std::int32_t>());
  append(forms, of_24_bits<std::uint32_t>());
  append(forms, carrying<std::int32_t>("%x"));
  append(forms, carrying<std::uint32_t>("%x"));
  append(forms, carrying<std::int64_t>("%wide"));
  append(forms, carrying<std::uint64_t>("%wide"));
  append(forms, dot_products<std::int32_t, std::int32_t>());
  append(forms, dot_products<std::uint32_t, std::uint32_t>());
  for (const bool adds : {false, true}) {
    forms.push_back(form(std::string("vabsdiff4.u32.u32.u32") + (adds ? ".add" : ""),
                         [=](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
                           return differences(a, b, adds, c);
                         }));
  }
  using S16 = std::int16_t;
  using U16 = std::uint16_t;
  using S32 = std::int32_t;
  append(forms, {
                    form("add.sat.s32", [](S32 a, S32 b) { return saturated(Wide{a} + Wide{b}); }),
                    form("sub.sat.s32", [](S32 a, S32 b) { return saturated(Wide{a} - Wide{b}); }),
                    form("min.s32.relu", [](S32 a, S32 b) { return std::max(0, std::min(a, b)); }),
                    form("max.s32.relu",
                         [](S32 a, S32 b) {
                           return std::max({0, a, b});
                         }),
                    halves<U16>("add.u16x2", [](U16 a, U16 b) { return a + b; }),
                    halves<S16>("add.s16x2", [](S16 a, S16 b) { return a + b; }),
                    halves<U16>("min.u16x2", [](U16 a, U16 b) { return std::min(a, b); }),
                    halves<S16>("min.s16x2", [](S16 a, S16 b) { return std::min(a, b); }),
                    halves<U16>("max.u16x2", [](U16 a, U16 b) { return std::max(a, b); }),
                    halves<S16>("max.s16x2", [](S16 a, S16 b) { return std::max(a, b); }),
                    halves<S16>("min.s16x2.relu",
                                [](S16 a, S16 b) { return std::max<int>(0, std::min(a, b)); }),
                    halves<S16>("max.s16x2.relu",
                                [](S16 a, S16 b) {
                                  return std::max<int>({0, a, b});
                                }),
                });
  return forms;
}

}  // namespace emulator_test
