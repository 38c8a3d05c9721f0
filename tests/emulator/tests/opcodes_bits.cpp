// Logic, shifts and fields of bits.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "opcodes_make.h"

namespace emulator_test {
namespace {

template <class T>
constexpr std::uint32_t kBits = 8 * sizeof(T);

template <class T>
std::string untyped() {
  return ".b" + std::to_string(kBits<T>);
}

template <class T>
std::vector<Form> logic() {
  const std::string type = untyped<T>();
  return {
      form("and" + type, [](T a, T b) { return static_cast<T>(a & b); }),
      form("or" + type, [](T a, T b) { return static_cast<T>(a | b); }),
      form("xor" + type, [](T a, T b) { return static_cast<T>(a ^ b); }),
      form("not" + type, [](T a) { return static_cast<T>(~a); }),
      form("cnot" + type, [](T a) { return static_cast<T>(a == 0); }),
  };
}

// By the width and more everything is shifted out; of signed numbers the sign stays.
template <class T>
std::vector<Form> shifts() {
  using Signed = std::make_signed_t<T>;
  const std::string bits = std::to_string(kBits<T>);
  const auto right = [](T a, Amount b) {
    return static_cast<T>(b.value >= kBits<T> ? 0 : a >> b.value);
  };
  return {
      form("shl.b" + bits,
           [](T a, Amount b) {
             return static_cast<T>(b.value >= kBits<T> ? 0 : std::uint64_t{a} << b.value);
           }),
      form("shr.b" + bits, right),
      form("shr.u" + bits, right),
      form("shr.s" + bits,
           [](Signed a, Amount b) {
             return static_cast<Signed>(a >> std::min(b.value, kBits<T> - 1));
           }),
  };
}

template <class T>
std::vector<Form> fields() {
  using Unsigned = std::make_unsigned_t<T>;
  const std::string type = "." + type_name<T>();
  const auto most_significant = [](T a) {
    return static_cast<std::uint32_t>(
               std::bit_width(static_cast<Unsigned>(std::is_signed_v<T> && a < T{0} ? ~a : a))) -
           1;
  };
  return {
      form("bfe" + type,
           [](T a, Amount position, Amount length) {
             const std::uint32_t first = position.value & 255, count = length.value & 255;
             const auto bit = [&](std::uint32_t i) {
               return Unsigned(static_cast<Unsigned>(a) >> std::min(i, kBits<T> - 1) & 1);
             };
             const Unsigned sign = std::is_signed_v<T> && count != 0 ? bit(first + count - 1) : 0;
             Unsigned result = 0;
             for (std::uint32_t i = 0; i < kBits<T>; ++i) {
               result |= Unsigned((i < count && first + i < kBits<T> ? bit(first + i) : sign) << i);
             }
             return static_cast<T>(result);
           }),
      form("bfind" + type, most_significant),
      form("bfind.shiftamt" + type,
           [=](T a) {
             const std::uint32_t found = most_significant(a);
             return found == ~0u ? found : kBits<T> - 1 - found;
           }),
  };
}

template <class T>
std::vector<Form> counts() {
  const std::string type = untyped<T>();
  return {
      form("clz" + type, [](T a) { return static_cast<std::uint32_t>(std::countl_zero(a)); }),
      form("popc" + type, [](T a) { return static_cast<std::uint32_t>(std::popcount(a)); }),
      form("brev" + type,
           [](T a) {
             T result = 0;
             for (std::uint32_t i = 0; i < kBits<T>; ++i)
               result |= (a >> i & 1) << (kBits<T> - 1 - i);
             return result;
           }),
      form("bfi" + untyped<T>(),
           [](T a, T b, Amount position, Amount length) {
             const std::uint32_t first = position.value & 255, count = length.value & 255;
             for (std::uint32_t i = 0; i < count && first + i < kBits<T>; ++i) {
               const T bit = T{1} << (first + i);
               b = (b & ~bit) | ((a >> i & 1) != 0 ? bit : T{0});
             }
             return b;
           }),
  };
}

using U32 = std::uint32_t;

Form funnel(bool goes_left, bool wraps) {
  const std::string name =
      std::string("shf.") + (goes_left ? "l" : "r") + (wraps ? ".wrap" : ".clamp") + ".b32";
  return form(name, [=](U32 a, U32 b, Amount c) {
    const U32 amount = wraps ? c.value & 31 : std::min(c.value, 32u);
    const std::uint64_t both = std::uint64_t{b} << 32 | a;
    return static_cast<U32>(goes_left ? both << amount >> 32 : both >> amount);
  });
}

U32 bytes_of(U32 a, U32 b, U32 selector) {
  const std::uint64_t both = std::uint64_t{b} << 32 | a;
  U32 result = 0;
  for (int i = 0; i < 4; ++i) {
    const U32 which = selector >> (4 * i) & 15;
    U32 byte = both >> (8 * (which & 7)) & 255;
    if ((which & 8) != 0) byte = (byte & 128) != 0 ? 255 : 0;
    result |= byte << (8 * i);
  }
  return result;
}

// The four selectors that a mode has.
Form permutation(const std::string& mode, const std::array<U32, 4>& selectors) {
  return form("prmt.b32." + mode,
              [=](U32 a, U32 b, Selector c) { return bytes_of(a, b, selectors[c.value & 3]); });
}

Form bit_mask(bool wraps) {
  return form(std::string("bmsk.") + (wraps ? "wrap" : "clamp") + ".b32", [=](Amount a, Amount b) {
    const U32 first = wraps ? a.value & 31 : a.value, count = wraps ? b.value & 31 : b.value;
    U32 result = 0;
    for (std::uint64_t i = first; i < std::uint64_t{first} + count && i < 32; ++i)
      result |= 1u << i;
    return result;
  });
}

// The n-th set bit from `base` on, upwards or down.
U32 nth_set(U32 mask, U32 base, std::int32_t offset) {
  if (offset == 0) return (mask >> base & 1) != 0 ? base : ~0u;
  std::int64_t count = std::abs(std::int64_t{offset});
  for (std::int64_t at = base; at >= 0 && at<32; at += offset> 0 ? 1 : -1) {
    if ((mask >> at & 1) != 0 && --count == 0) return static_cast<U32>(at);
  }
  return ~0u;
}

Form lookup(U32 table) {
  return form(
      "lop3.b32",
      [=](U32 a, U32 b, U32 c) {
        U32 result = 0;
        for (int i = 0; i < 32; ++i) {
          result |= (table >> ((a >> i & 1) << 2 | (b >> i & 1) << 1 | (c >> i & 1)) & 1) << i;
        }
        return result;
      },
      ", " + std::to_string(table));
}

}  // namespace

std::vector<Form> bit_forms() {
  std::vector<Form> forms;
  append(forms, logic<std::uint16_t>());
  append(forms, logic<std::uint32_t>());
  append(forms, logic<std::uint64_t>());
  append(forms, shifts<std::uint16_t>());
  append(forms, shifts<std::uint32_t>());
  append(forms, shifts<std::uint64_t>());
  append(forms, fields<std::int32_t>());
  append(forms, fields<std::uint32_t>());
  append(forms, fields<std::int64_t>());
  append(forms, fields<std::uint64_t>());
  append(forms, counts<std::uint32_t>());
  append(forms, counts<std::uint64_t>());
  for (const U32 table : {0x00u, 0x01u, 0x1eu, 0x80u, 0x96u, 0xcau, 0xe8u, 0xf0u, 0xfeu, 0xffu}) {
    forms.push_back(lookup(table));
  }
  Form set_bits = form("fns.b32", [](U32 mask, Amount base, std::int32_t offset) {
    return nth_set(mask, base.value, offset);
  });
  set_bits.values[1] = {0, 1, 5, 16, 30, 31};  // beyond, it is undefined
  set_bits.values[2] = {0, 1, 2, 3, 8, 31, 32, 33, 0xffffffff, 0xfffffffe, 0xfffffff0, 0x80000000};
  append(forms,
         {
             form("and.pred", [](bool a, bool b) { return a && b; }),
             form("or.pred", [](bool a, bool b) { return a || b; }),
             form("xor.pred", [](bool a, bool b) { return a != b; }),
             form("not.pred", [](bool a) { return !a; }),
             funnel(true, true),
             funnel(true, false),
             funnel(false, true),
             funnel(false, false),
             form("prmt.b32", [](U32 a, U32 b, Selector c) { return bytes_of(a, b, c.value); }),
             permutation("f4e", {0x3210, 0x4321, 0x5432, 0x6543}),
             permutation("b4e", {0x5670, 0x6701, 0x7012, 0x0123}),
             permutation("rc8", {0x0000, 0x1111, 0x2222, 0x3333}),
             permutation("ecl", {0x3210, 0x3211, 0x3222, 0x3333}),
             permutation("ecr", {0x0000, 0x1110, 0x2210, 0x3210}),
             permutation("rc16", {0x1010, 0x3232, 0x1010, 0x3232}),
             bit_mask(true),
             bit_mask(false),
             set_bits,
         });
  return forms;
}

}  // namespace emulator_test
