// Arithmetic of f16 and bf16, single and in pairs.
#include "opcodes_make.h"

namespace emulator_test {
namespace {

struct Modifiers {
  std::string name;
  bool flushes = false, saturates = false, is_relu = false, keeps_nan = false;
};

// What an instruction makes of numbers: one result of up to three operands.
using Exact = Quad (*)(const Modifiers&, const Quad*);

bool is_less(Quad a, Quad b) { return a < b || (a == b && is_negative(a) && !is_negative(b)); }

Quad extreme(const Modifiers& modifiers, Quad a, Quad b, bool takes_least) {
  if (is_nan(a) || is_nan(b)) return modifiers.keeps_nan ? a + b : is_nan(a) ? b : a;
  return is_less(a, b) == takes_least ? a : b;
}

constexpr Exact kAdd = [](const Modifiers&, const Quad* x) {
  return sum(x[0], x[1], Rounding::nearest);
};
constexpr Exact kSubtract = [](const Modifiers&, const Quad* x) {
  return sum(x[0], -x[1], Rounding::nearest);
};
constexpr Exact kMultiply = [](const Modifiers&, const Quad* x) { return x[0] * x[1]; };
constexpr Exact kFuse = [](const Modifiers&, const Quad* x) {
  return sum(x[0] * x[1], x[2], Rounding::nearest);
};
constexpr Exact kNegate = [](const Modifiers&, const Quad* x) { return -x[0]; };
constexpr Exact kSize = [](const Modifiers&, const Quad* x) { return absolute(x[0]); };
constexpr Exact kLeast = [](const Modifiers& m, const Quad* x) {
  return extreme(m, x[0], x[1], true);
};
constexpr Exact kGreatest = [](const Modifiers& m, const Quad* x) {
  return extreme(m, x[0], x[1], false);
};

std::uint64_t apply(const Format& format, const Modifiers& modifiers, Exact exact,
                    std::span<const std::uint64_t> operands, int half) {
  Quad numbers[3] = {};
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::uint64_t bits = operands[i] >> (16 * half) & 0xffff;
    numbers[i] = decode(format, modifiers.flushes ? flushed(format, bits) : bits);
  }
  std::uint64_t result = encode(format, exact(modifiers, numbers));
  if (modifiers.flushes) result = flushed(format, result);
  const Quad value = decode(format, result);
  if (modifiers.saturates) {
    if (!(value > 0)) return 0;  // NaN as well
    if (value > 1) return encode(format, 1);
  }
  return modifiers.is_relu && !is_nan(value) && is_negative(value) ? 0 : result;
}

// Of single numbers and of pairs.
void append_both(std::vector<Form>& forms, const std::string& base, const Format& format,
                 const Modifiers& modifiers, Exact exact, std::size_t arity) {
  const std::string type = &format == &kF16 ? ".f16" : ".bf16";
  for (const bool is_pair : {false, true}) {
    const Register kind = is_pair ? Register::b32 : Register::b16;
    Form form;
    form.names = {base + modifiers.name + type + (is_pair ? "x2" : "")};
    form.text = form.names[0] + " " + operand_list(arity) + ";";
    form.result = kind;
    form.format = &format;
    form.elements = is_pair ? 2 : 1;
    form.operands.assign(arity, kind);
    form.values.assign(arity, is_pair ? pairs_of_edges(format) : edges(format));
    if (modifiers.is_relu) form.nearness = kEitherZero;
    form.want = [=, &format](std::span<const std::uint64_t> bits) {
      const std::uint64_t low = apply(format, modifiers, exact, bits, 0);
      return is_pair ? low | apply(format, modifiers, exact, bits, 1) << 16 : low;
    };
    forms.push_back(form);
  }
}

}  // namespace

std::vector<Form> half_forms() {
  std::vector<Form> forms;
  const Modifiers none{""}, flushing{".ftz", true}, saturating{".sat", false, true},
      both{".ftz.sat", true, true}, relu{".relu", false, false, true},
      flushing_relu{".ftz.relu", true, false, true}, with_nan{".NaN", false, false, false, true},
      flushing_nan{".ftz.NaN", true, false, false, true};
  const std::pair<const char*, Exact> arithmetic[] = {
      {"add", kAdd}, {"sub", kSubtract}, {"mul", kMultiply}};
  for (const auto& [name, exact] : arithmetic) {
    for (const std::string rounding : {"", ".rn"}) {
      for (const Modifiers& modifiers : {none, flushing, saturating, both}) {
        append_both(forms, name + rounding, kF16, modifiers, exact, 2);
      }
      append_both(forms, name + rounding, kBf16, none, exact, 2);
    }
  }
  for (const Modifiers& modifiers : {none, flushing, saturating, both, relu, flushing_relu}) {
    append_both(forms, "fma.rn", kF16, modifiers, kFuse, 3);
  }
  for (const Modifiers& modifiers : {none, relu})
    append_both(forms, "fma.rn", kBf16, modifiers, kFuse, 3);
  for (const Modifiers& modifiers : {none, flushing}) {
    append_both(forms, "neg", kF16, modifiers, kNegate, 1);
    append_both(forms, "abs", kF16, modifiers, kSize, 1);
  }
  append_both(forms, "neg", kBf16, none, kNegate, 1);
  append_both(forms, "abs", kBf16, none, kSize, 1);
  for (const Modifiers& modifiers : {none, flushing, with_nan, flushing_nan}) {
    for (const Format* const format : {&kF16, &kBf16}) {
      if (modifiers.flushes && format == &kBf16) continue;
      append_both(forms, "min", *format, modifiers, kLeast, 2);
      append_both(forms, "max", *format, modifiers, kGreatest, 2);
    }
  }
  return forms;
}

}  // namespace emulator_test
