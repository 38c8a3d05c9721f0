// Conversions.
#include <algorithm>

#include "opcodes_make.h"

namespace emulator_test {
namespace {

struct Integer {
  std::string name;
  int bits;
  bool is_signed;
};
const std::vector<Integer>& integers() {
  static const std::vector<Integer> all{{"s8", 8, true},    {"u8", 8, false},  {"s16", 16, true},
                                        {"u16", 16, false}, {"s32", 32, true}, {"u32", 32, false},
                                        {"s64", 64, true},  {"u64", 64, false}};
  return all;
}

struct Floating {
  std::string name;
  const Format& format;
};
const std::vector<Floating>& floatings() {
  static const std::vector<Floating> all{
      {"f16", kF16}, {"bf16", kBf16}, {"f32", kF32}, {"f64", kF64}};
  return all;
}

struct Mode {
  const char* name;
  Rounding rounding;
};
constexpr Mode kModes[] = {{"rn", Rounding::nearest},
                           {"rz", Rounding::zero},
                           {"rm", Rounding::down},
                           {"rp", Rounding::up}};

Register register_of_bits(int bits) {
  return bits == 8    ? Register::b8
         : bits == 16 ? Register::b16
         : bits == 32 ? Register::b32
                      : Register::b64;
}

Quad value_of(const Integer& type, std::uint64_t bits) {
  const int unused = 64 - type.bits;
  if (!type.is_signed) return static_cast<Quad>(bits << unused >> unused);
  return static_cast<Quad>(static_cast<std::int64_t>(bits << unused) >> unused);
}

// In a register, which is of 16 bits at least: widened as its type says.
std::uint64_t in_register(const Integer& type, std::uint64_t bits) {
  if (type.bits == 64) return bits;
  bits &= (std::uint64_t{1} << type.bits) - 1;
  return type.bits == 8 && type.is_signed && (bits & 0x80) != 0 ? bits | 0xff00 : bits;
}

std::uint64_t clamped(const Integer& type, Quad value) {
  const Quad range = static_cast<Quad>(std::uint64_t{1} << (type.bits - 1));
  const Quad least = type.is_signed ? -range : Quad{0};
  const Quad most = (type.is_signed ? range : 2 * range) - 1;
  value = std::clamp(value, least, most);
  return in_register(type, value < 0 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value))
                                     : static_cast<std::uint64_t>(value));
}

bool holds_all_of(const Integer& to, const Integer& from) {
  if (from.is_signed && !to.is_signed) return false;
  return to.bits > from.bits || (to.bits == from.bits && to.is_signed == from.is_signed);
}

Form conversion(const std::string& name, Register result, const Format* format, Register operand,
                std::vector<std::uint64_t> values,
                std::function<std::uint64_t(std::uint64_t)> want) {
  Form form;
  form.names = {name};
  form.text = name + " %d, %a;";
  form.result = result == Register::b8 ? Register::b16 : result;
  form.format = format;
  form.operands = {operand};
  form.values = {std::move(values)};
  form.want = [want = std::move(want)](std::span<const std::uint64_t> bits) {
    return want(bits[0]);
  };
  return form;
}

void append_integers(std::vector<Form>& forms) {
  for (const Integer& to : integers()) {
    for (const Integer& from : integers()) {
      const auto add = [&](const std::string& modifiers,
                           std::function<std::uint64_t(std::uint64_t)> want) {
        forms.push_back(conversion("cvt" + modifiers + "." + to.name + "." + from.name,
                                   register_of_bits(to.bits), nullptr, register_of_bits(from.bits),
                                   integer_edges(from.bits), std::move(want)));
      };
      add("", [=](std::uint64_t bits) {
        const Quad value = value_of(from, bits);
        return in_register(to, value < 0
                                   ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value))
                                   : static_cast<std::uint64_t>(value));
      });
      if (!holds_all_of(to, from))
        add(".sat", [=](std::uint64_t bits) { return clamped(to, value_of(from, bits)); });
    }
  }
}

void append_to_floating(std::vector<Form>& forms) {
  for (const Integer& from : integers()) {
    for (const Floating& to : floatings()) {
      if (from.bits == 8 && to.name == "bf16") continue;
      for (const Mode& mode : kModes) {
        const Format* const format = &to.format;
        forms.push_back(
            conversion(std::string("cvt.") + mode.name + "." + to.name + "." + from.name,
                       register_of_bits(8 * format->bytes), format, register_of_bits(from.bits),
                       integer_edges(from.bits), [=, rounding = mode.rounding](std::uint64_t bits) {
                         return encode(*format, value_of(from, bits), rounding);
                       }));
      }
    }
  }
}

// What is too large becomes the nearest there is; NaN becomes zero, or the highest bit where 64
// bits take part.
void append_to_integer(std::vector<Form>& forms) {
  for (const Integer& to : integers()) {
    for (const Floating& from : floatings()) {
      if (to.bits == 8 && from.name != "f16") continue;
      for (const Mode& mode : kModes) {
        for (const bool flushes : {false, true}) {
          if (flushes && from.name != "f32") continue;
          const Format* const format = &from.format;
          const bool takes_highest = to.bits == 64 || from.name == "f64";
          forms.push_back(conversion(
              std::string("cvt.") + mode.name + "i" + (flushes ? ".ftz." : ".") + to.name + "." +
                  from.name,
              register_of_bits(to.bits), nullptr, register_of_bits(8 * format->bytes),
              edges(*format), [=, rounding = mode.rounding](std::uint64_t bits) {
                const Quad value = decode(*format, flushes ? flushed(*format, bits) : bits);
                if (is_nan(value))
                  return takes_highest ? std::uint64_t{1} << (to.bits - 1) : std::uint64_t{0};
                return clamped(to, whole(value, rounding));
              }));
        }
      }
    }
  }
}

// From one floating type to another, or to whole numbers of the same.
struct Change {
  std::string modifiers;
  const Format &to, &from;
  Rounding rounding = Rounding::nearest;
  bool flushes = false, saturates = false, is_relu = false, to_whole = false;
};

std::uint64_t changed(const Change& change, std::uint64_t bits) {
  // Only f32 is flushed.
  if (change.flushes && &change.from == &kF32) bits = flushed(change.from, bits);
  Quad value = decode(change.from, bits);
  if (change.to_whole) value = whole(value, change.rounding);
  std::uint64_t result = encode(change.to, value, change.rounding);
  if (change.flushes && &change.to == &kF32) result = flushed(change.to, result);
  value = decode(change.to, result);
  if (change.saturates) return !(value > 0) ? 0 : value > 1 ? encode(change.to, 1) : result;
  return change.is_relu && !is_nan(value) && is_negative(value) ? 0 : result;
}

std::string name_of(const Format& format) {
  for (const Floating& type : floatings()) {
    if (&type.format == &format) return type.name;
  }
  return "";
}

void append_change(std::vector<Form>& forms, const Change& change) {
  forms.push_back(conversion(
      "cvt" + change.modifiers + "." + name_of(change.to) + "." + name_of(change.from),
      register_of_bits(8 * change.to.bytes), &change.to, register_of_bits(8 * change.from.bytes),
      edges(change.from), [change](std::uint64_t bits) { return changed(change, bits); }));
  if (change.is_relu) forms.back().nearness = kEitherZero;
}

// Two numbers into a pair, the first to the upper half.
void append_packing(std::vector<Form>& forms, const Change& change) {
  Form form;
  form.names = {"cvt" + change.modifiers + "." + name_of(change.to) + "x2.f32"};
  form.text = form.names[0] + " %d, %a, %b;";
  form.result = Register::b32;
  form.format = &change.to;
  form.elements = 2;
  form.operands = {Register::b32, Register::b32};
  form.values = {edges(kF32), edges(kF32)};
  if (change.is_relu) form.nearness = kEitherZero;
  form.want = [change](std::span<const std::uint64_t> bits) {
    return changed(change, bits[0]) << 16 | changed(change, bits[1]);
  };
  forms.push_back(form);
}

void append_changes(std::vector<Form>& forms) {
  for (const Format* from : {&kF16, &kBf16}) {
    append_change(forms, {"", kF32, *from});
    append_change(forms, {"", kF64, *from});
  }
  append_change(forms, {"", kF64, kF32});
  append_change(forms, {".ftz", kF64, kF32, Rounding::nearest, true});
  append_change(forms, {".sat", kF32, kF32, Rounding::nearest, false, true});
  append_change(forms, {".ftz.sat", kF32, kF32, Rounding::nearest, true, true});
  append_change(forms, {".sat", kF64, kF64, Rounding::nearest, false, true});
  for (const Mode& mode : kModes) {
    const std::string name = std::string(".") + mode.name;
    append_change(forms, {name, kF32, kF64, mode.rounding});
    append_change(forms, {name + ".ftz", kF32, kF64, mode.rounding, true});
    append_change(forms, {name + ".sat", kF32, kF64, mode.rounding, false, true});
    append_change(forms, {name, kF16, kF32, mode.rounding});
    append_change(forms, {name + ".ftz", kF16, kF32, mode.rounding, true});
    append_change(forms, {name + ".sat", kF16, kF32, mode.rounding, false, true});
    append_change(forms, {name, kF16, kF64, mode.rounding});
    append_change(forms, {name, kBf16, kF64, mode.rounding});
    append_change(forms, {name, kBf16, kF32, mode.rounding});
    append_change(forms, {name, kBf16, kF16, mode.rounding});
    append_change(forms, {name, kF16, kBf16, mode.rounding});
    const std::string to_whole = name + "i";
    append_change(forms, {to_whole, kF32, kF32, mode.rounding, false, false, false, true});
    append_change(forms, {to_whole + ".ftz", kF32, kF32, mode.rounding, true, false, false, true});
    append_change(forms, {to_whole, kF64, kF64, mode.rounding, false, false, false, true});
    append_change(forms, {to_whole, kF16, kF16, mode.rounding, false, false, false, true});
    append_change(forms, {to_whole, kBf16, kBf16, mode.rounding, false, false, false, true});
  }
  for (const Format* to : {&kF16, &kBf16}) {
    for (const Mode& mode : {kModes[0], kModes[1]}) {
      const std::string name = std::string(".") + mode.name;
      append_packing(forms, {name, *to, kF32, mode.rounding});
      append_packing(forms, {name + ".relu", *to, kF32, mode.rounding, false, false, true});
      append_change(forms, {name + ".relu", *to, kF32, mode.rounding, false, false, true});
    }
  }
}

}  // namespace

std::vector<Form> conversion_forms() {
  std::vector<Form> forms;
  append_integers(forms);
  append_to_floating(forms);
  append_to_integer(forms);
  append_changes(forms);
  return forms;
}

}  // namespace emulator_test
