// Makes forms of C++ functions: the types of a function's parameters say which registers and edge
// values are taken.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "opcodes.h"

namespace emulator_test {

// Types that C++ lacks.
struct F16 {
  std::uint16_t bits;
};
struct Bf16 {
  std::uint16_t bits;
};
struct F16x2 {
  std::uint32_t bits;
};
struct Bf16x2 {
  std::uint32_t bits;
};
struct Amount {
  std::uint32_t value;
};  // of bits: shifts, positions, lengths
struct Selector {
  std::uint32_t value;
};  // of prmt

std::vector<std::uint64_t> edges(const Format& format);
std::vector<std::uint64_t> pairs_of_edges(const Format& format);
std::vector<std::uint64_t> integer_edges(int bits);
std::vector<std::uint64_t> amounts();
std::vector<std::uint64_t> selectors();

template <class T>
constexpr Register register_of() {
  if constexpr (std::is_same_v<T, bool>) return Register::pred;
  if constexpr (sizeof(T) == 1) return Register::b8;
  if constexpr (sizeof(T) == 2) return Register::b16;
  if constexpr (sizeof(T) == 4) return Register::b32;
  return Register::b64;
}

template <class T>
constexpr const Format* format_of() {
  if constexpr (std::is_same_v<T, F16> || std::is_same_v<T, F16x2>) return &kF16;
  if constexpr (std::is_same_v<T, Bf16> || std::is_same_v<T, Bf16x2>) return &kBf16;
  if constexpr (std::is_same_v<T, float>) return &kF32;
  if constexpr (std::is_same_v<T, double>) return &kF64;
  return nullptr;
}

// "s32": how instructions name the type.
template <class T>
std::string type_name() {
  if constexpr (std::is_same_v<T, F16>) return "f16";
  if constexpr (std::is_same_v<T, Bf16>) return "bf16";
  if constexpr (std::is_same_v<T, F16x2>) return "f16x2";
  if constexpr (std::is_same_v<T, Bf16x2>) return "bf16x2";
  const char* const letter = std::is_floating_point_v<T> ? "f" : std::is_signed_v<T> ? "s" : "u";
  return letter + std::to_string(8 * sizeof(T));
}

template <class T>
inline constexpr bool kIsPair = std::is_same_v<T, F16x2> || std::is_same_v<T, Bf16x2>;

template <class T>
std::vector<std::uint64_t> values_of() {
  if constexpr (std::is_same_v<T, bool>) return {0, 1};
  if constexpr (std::is_same_v<T, Amount>) return amounts();
  if constexpr (std::is_same_v<T, Selector>) return selectors();
  if constexpr (kIsPair<T>) return pairs_of_edges(*format_of<T>());
  if constexpr (format_of<T>() != nullptr) return edges(*format_of<T>());
  return integer_edges(8 * sizeof(T));
}

template <class T>
T from_bits(std::uint64_t bits) {
  if constexpr (std::is_same_v<T, bool>) return bits != 0;
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

// The bits of a register that holds the value: eight bits are widened by their sign.
template <class T>
std::uint64_t to_bits(T value) {
  if constexpr (std::is_same_v<T, bool>) return value ? 1 : 0;
  if constexpr (sizeof(T) == 1) return static_cast<std::uint16_t>(std::int16_t{value});
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}

template <class T>
Quad number(T value) {
  return decode(*format_of<T>(), to_bits(value));
}

template <class T>
T rounded(Quad value, Rounding rounding = Rounding::nearest) {
  return from_bits<T>(encode(*format_of<T>(), value, rounding));
}

template <class T>
T flush(T value) {
  return from_bits<T>(flushed(*format_of<T>(), to_bits(value)));
}

// The operands that a form's text names, "%d, %a, %b".
inline std::string operand_list(std::size_t arity) {
  std::string list = "%d";
  for (std::size_t i = 0; i < arity; ++i) list += std::string(", %") + "abce"[i];
  return list;
}

template <class R, class... A>
Form form_of(std::vector<std::string> names, std::string text, std::function<R(A...)> want) {
  Form form;
  form.names = std::move(names);
  form.text = std::move(text);
  form.result = register_of<R>() == Register::b8 ? Register::b16 : register_of<R>();
  form.format = format_of<R>();
  form.elements = kIsPair<R> ? 2 : 1;
  form.operands = {register_of<A>()...};
  form.values = {values_of<A>()...};
  form.want = [want](std::span<const std::uint64_t> bits) {
    return [&]<std::size_t... i>(std::index_sequence<i...>) {
      return to_bits<R>(want(from_bits<A>(bits[i])...));
    }
    (std::index_sequence_for<A...>());
  };
  return form;
}

// `name` with its operands in order, and `suffix` behind them: ", 0x96".
template <class F>
Form form(const std::string& name, F want, const std::string& suffix = "") {
  const auto make = [&]<class R, class... A>(std::function<R(A...)> function) {
    return form_of({name}, name + " " + operand_list(sizeof...(A)) + suffix + ";", function);
  };
  return make(std::function(want));
}

// A text of one's own, which tests the opcodes of `names`.
template <class F>
Form sequence(std::vector<std::string> names, const std::string& text, F want) {
  return form_of(std::move(names), text, std::function(want));
}

template <class F>
Form near(Nearness nearness, const std::string& name, F want) {
  Form made = form(name, want);
  made.nearness = nearness;
  return made;
}

inline void append(std::vector<Form>& forms, std::vector<Form> more) {
  for (Form& form : more) forms.push_back(std::move(form));
}

}  // namespace emulator_test
