// Comparisons and selections.
#include <array>

#include "opcodes_make.h"

namespace emulator_test {
namespace {

enum Outcome : unsigned { kLess = 1, kEqual = 2, kGreater = 4, kUnordered = 8 };

struct Comparison {
  const char* name;
  unsigned holds;  // for which outcomes
};
constexpr Comparison kOrders[] = {{"eq", kEqual},   {"ne", kLess | kGreater},
                                  {"lt", kLess},    {"le", kLess | kEqual},
                                  {"gt", kGreater}, {"ge", kGreater | kEqual}};
constexpr Comparison kUnsignedOrders[] = {
    {"lo", kLess}, {"ls", kLess | kEqual}, {"hi", kGreater}, {"hs", kGreater | kEqual}};
constexpr Comparison kFloatingOrders[] = {
    {"equ", kEqual | kUnordered},       {"neu", kLess | kGreater | kUnordered},
    {"ltu", kLess | kUnordered},        {"leu", kLess | kEqual | kUnordered},
    {"gtu", kGreater | kUnordered},     {"geu", kGreater | kEqual | kUnordered},
    {"num", kLess | kEqual | kGreater}, {"nan", kUnordered}};

// A type as comparisons see it.
struct Compared {
  std::string name;
  Register kind;
  const Format* format = nullptr;
  bool flushes = false;
  char letter() const { return name[0]; }
};

Quad value(const Compared& type, std::uint64_t bits) {
  if (type.format != nullptr) {
    return decode(*type.format, type.flushes ? flushed(*type.format, bits) : bits);
  }
  if (type.letter() != 's') return static_cast<Quad>(bits);
  const int unused = type.kind == Register::b16 ? 48 : type.kind == Register::b32 ? 32 : 0;
  return static_cast<Quad>(static_cast<std::int64_t>(bits << unused) >> unused);
}

Outcome compare(const Compared& type, std::uint64_t a_bits, std::uint64_t b_bits) {
  const Quad a = value(type, a_bits), b = value(type, b_bits);
  return a < b ? kLess : a > b ? kGreater : a == b ? kEqual : kUnordered;
}

std::vector<Comparison> comparisons_of(const Compared& type) {
  if (type.letter() == 'b' && type.format == nullptr) return {kOrders, kOrders + 2};
  std::vector<Comparison> list(std::begin(kOrders), std::end(kOrders));
  if (type.letter() == 'u')
    list.insert(list.end(), std::begin(kUnsignedOrders), std::end(kUnsignedOrders));
  if (type.format != nullptr)
    list.insert(list.end(), std::begin(kFloatingOrders), std::end(kFloatingOrders));
  return list;
}

std::vector<std::uint64_t> values_of(const Compared& type) {
  if (type.format != nullptr) return edges(*type.format);
  return integer_edges(type.kind == Register::b16 ? 16 : type.kind == Register::b32 ? 32 : 64);
}

bool combine(const std::string& operation, bool a, bool b) {
  return operation == "and" ? a && b : operation == "or" ? a || b : a != b;
}

Form comparing(const Compared& type, const std::string& name, const std::string& text,
               Register result) {
  Form form;
  form.names = {name};
  form.text = name + text;
  form.result = result;
  form.operands = {type.kind, type.kind};
  form.values = {values_of(type), values_of(type)};
  return form;
}

void append_setp(std::vector<Form>& forms, const Compared& type) {
  for (const Comparison& comparison : comparisons_of(type)) {
    const std::string name = std::string("setp.") + comparison.name;
    const std::string end = (type.flushes ? ".ftz." : ".") + type.name;
    const auto holds = [type, which = comparison.holds](std::span<const std::uint64_t> bits) {
      return (which & compare(type, bits[0], bits[1])) != 0;
    };
    Form form = comparing(type, name + end, " %d, %a, %b;", Register::pred);
    form.want = holds;
    forms.push_back(form);
    // The second result, which halves lack, is of the comparison's opposite.
    const bool has_second =
        comparison.holds == kLess && (type.format == nullptr || type.format->bytes > 2);
    form.text = name + end + " %q|%d, %a, %b;";
    form.want = [holds](std::span<const std::uint64_t> bits) { return !holds(bits); };
    if (has_second) forms.push_back(form);
    for (const std::string operation : {"and", "or", "xor"}) {
      Form with = comparing(type, name + "." + operation + end, " %d, %a, %b, %c;", Register::pred);
      with.operands.push_back(Register::pred);
      with.values.push_back({0, 1});
      with.want = [=](std::span<const std::uint64_t> bits) {
        return combine(operation, holds(bits), bits[2] != 0);
      };
      forms.push_back(with);
      with.text = with.names[0] + " %q|%d, %a, %b, !%c;";
      with.want = [=](std::span<const std::uint64_t> bits) {
        return combine(operation, !holds(bits), bits[2] == 0);
      };
      if (has_second) forms.push_back(with);
    }
  }
}

void append_set(std::vector<Form>& forms, const Compared& type) {
  for (const Comparison& comparison : comparisons_of(type)) {
    for (const std::string result : {"u32", "s32", "f32"}) {
      const std::uint32_t yes = result == "f32" ? 0x3f800000 : 0xffffffff;
      Form form = comparing(type,
                            std::string("set.") + comparison.name + (type.flushes ? ".ftz." : ".") +
                                result + "." + type.name,
                            " %d, %a, %b;", Register::b32);
      form.want = [=, which = comparison.holds](std::span<const std::uint64_t> bits) {
        return (which & compare(type, bits[0], bits[1])) != 0 ? yes : 0u;
      };
      forms.push_back(form);
      for (const std::string operation : {"and", "or", "xor"}) {
        Form with = comparing(type,
                              std::string("set.") + comparison.name + "." + operation +
                                  (type.flushes ? ".ftz." : ".") + result + "." + type.name,
                              " %d, %a, %b, !%c;", Register::b32);
        with.operands.push_back(Register::pred);
        with.values.push_back({0, 1});
        with.want = [=, which = comparison.holds](std::span<const std::uint64_t> bits) {
          const bool holds = (which & compare(type, bits[0], bits[1])) != 0;
          return combine(operation, holds, bits[2] == 0) ? yes : 0u;
        };
        forms.push_back(with);
      }
    }
  }
}

// Of halves, single and in pairs: the result is a one of the same type, or a mask of bits.
void append_set_of_halves(std::vector<Form>& forms, const std::string& name, const Format& format) {
  const Compared type{"f", Register::b16, &format};
  for (const Comparison& comparison : comparisons_of(type)) {
    const auto holds = [=, which = comparison.holds](std::span<const std::uint64_t> bits,
                                                     int half) {
      const auto of_half = [&](std::uint64_t pair) { return pair >> (16 * half) & 0xffff; };
      return (which & compare(type, of_half(bits[0]), of_half(bits[1]))) != 0;
    };
    const std::string set = std::string("set.") + comparison.name + ".";
    const std::uint64_t one = encode(format, 1);
    Form single = comparing(type, set + name + "." + name, " %d, %a, %b;", Register::b16);
    single.want = [=](std::span<const std::uint64_t> bits) { return holds(bits, 0) ? one : 0; };
    forms.push_back(single);
    for (const bool is_mask : {false, true}) {
      const std::string types = is_mask ? "u32." + name + "x2" : name + "x2." + name + "x2";
      Form pair = comparing(type, set + types, " %d, %a, %b;", Register::b32);
      pair.operands = {Register::b32, Register::b32};
      pair.values = {pairs_of_edges(format), pairs_of_edges(format)};
      const std::uint64_t yes = is_mask ? 0xffff : one;
      pair.want = [=](std::span<const std::uint64_t> bits) {
        return (holds(bits, 0) ? yes : 0) | (holds(bits, 1) ? yes << 16 : 0);
      };
      forms.push_back(pair);
    }
  }
}

// Of both halves of a pair: one result each, of the lower half first.
void append_setp_of_pairs(std::vector<Form>& forms, const std::string& name, const Format& format) {
  const Compared type{"f", Register::b16, &format};
  for (const Comparison& comparison : comparisons_of(type)) {
    for (const int half : {0, 1}) {
      Form form = comparing(type, std::string("setp.") + comparison.name + "." + name + "x2",
                            half == 0 ? " %d|%q, %a, %b;" : " %q|%d, %a, %b;", Register::pred);
      form.operands = {Register::b32, Register::b32};
      form.values = {pairs_of_edges(format), pairs_of_edges(format)};
      form.want = [=, which = comparison.holds](std::span<const std::uint64_t> bits) {
        const auto of_half = [&](std::uint64_t pair) { return pair >> (16 * half) & 0xffff; };
        return (which & compare(type, of_half(bits[0]), of_half(bits[1]))) != 0;
      };
      forms.push_back(form);
    }
  }
}

template <class T>
void append_selections(std::vector<Form>& forms, const std::string& type) {
  forms.push_back(form("selp." + type, [](T a, T b, bool c) { return c ? a : b; }));
  forms.push_back(
      form("slct." + type + ".s32", [](T a, T b, std::int32_t c) { return c >= 0 ? a : b; }));
  // NaN is less than zero here, and -0 is not.
  forms.push_back(form("slct." + type + ".f32", [](T a, T b, float c) { return c >= 0 ? a : b; }));
}

}  // namespace

std::vector<Form> comparison_forms() {
  std::vector<Form> forms;
  const Compared f32{"f32", Register::b32, &kF32}, flushing{"f32", Register::b32, &kF32, true};
  for (const auto& [bits, kind] :
       {std::pair{"16", Register::b16}, {"32", Register::b32}, {"64", Register::b64}}) {
    for (const char* letter : {"b", "s", "u"})
      append_setp(forms, {std::string(letter) + bits, kind});
  }
  append_setp(forms, f32);
  append_setp(forms, flushing);
  append_setp(forms, {"f64", Register::b64, &kF64});
  append_setp(forms, {"f16", Register::b16, &kF16});
  append_setp(forms, {"bf16", Register::b16, &kBf16});
  append_setp(forms, {"f16", Register::b16, &kF16, true});
  append_setp_of_pairs(forms, "f16", kF16);
  append_setp_of_pairs(forms, "bf16", kBf16);
  append_set_of_halves(forms, "f16", kF16);
  append_set_of_halves(forms, "bf16", kBf16);
  append_set(forms, {"s32", Register::b32});
  append_set(forms, {"u32", Register::b32});
  append_set(forms, {"s64", Register::b64});
  append_set(forms, f32);
  append_set(forms, flushing);
  append_set(forms, {"f64", Register::b64, &kF64});
  for (const std::string letter : {"b", "s", "u"}) {
    append_selections<std::uint16_t>(forms, letter + "16");
    append_selections<std::uint32_t>(forms, letter + "32");
    append_selections<std::uint64_t>(forms, letter + "64");
  }
  append_selections<std::uint32_t>(forms, "f32");
  append_selections<std::uint64_t>(forms, "f64");
  return forms;
}

std::vector<Form> move_forms() {
  std::vector<Form> forms;
  for (const std::string letter : {"b", "s", "u"}) {
    forms.push_back(form("mov." + letter + "16", [](std::uint16_t a) { return a; }));
    forms.push_back(form("mov." + letter + "32", [](std::uint32_t a) { return a; }));
    forms.push_back(form("mov." + letter + "64", [](std::uint64_t a) { return a; }));
  }
  using U16 = std::uint16_t;
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  append(
      forms,
      {
          form("mov.f32", [](U32 a) { return a; }),
          form("mov.f64", [](U64 a) { return a; }),
          form("mov.pred", [](bool a) { return a; }),
          sequence({"mov.b32"}, "mov.b32 %d, {%a, %b};",
                   [](U16 a, U16 b) { return U32{a} | U32{b} << 16; }),
          sequence({"mov.b64"}, "mov.b64 %d, {%a, %b};",
                   [](U32 a, U32 b) { return U64{a} | U64{b} << 32; }),
          sequence({"mov.b64"}, "mov.b64 {%x, %d}, %a;",
                   [](U64 a) { return static_cast<U32>(a >> 32); }),
          sequence({"mov.b64"}, "mov.b64 {%d, _}, %a;", [](U64 a) { return static_cast<U32>(a); }),
          sequence({"mov.b64"}, "mov.b64 %d, {%a, %b, %b, %c};",
                   [](U16 a, U16 b, U16 c) {
                     return U64{a} | U64{b} << 16 | U64{b} << 32 | U64{c} << 48;
                   }),
          sequence({"mov.b32"}, "{ .reg .b16 %low; mov.b32 {%low, %d}, %a; }",
                   [](U32 a) { return static_cast<U16>(a >> 16); }),
          sequence({"mov.b64"}, "{ .reg .b16 %h1, %h2, %h3; mov.b64 {%h1, %h2, %d, %h3}, %a; }",
                   [](U64 a) { return static_cast<U16>(a >> 32); }),
          // As cuda_fp16.hpp declares its registers.
          sequence({"mov.b32"}, "{.reg.b32 x,y; mov.b32 x,%a; mov.b32 y,x; mov.b32 %d,y;}",
                   [](U32 a) { return a; }),
          sequence({"mov.b32"}, "mov.b32 %d, 0f3FC00000;", [](U32) { return 0x3fc00000u; }),
          sequence({"mov.b64"}, "mov.b64 %d, 0dBFF8000000000000;",
                   [](U32) { return U64{0xbff8000000000000}; }),
          sequence({"mov.u32"}, "mov.u32 %d, -2;", [](U32) { return 0xfffffffeu; }),
          sequence({"mov.b64"}, "mov.b64 %d, -9223372036854775808;",
                   [](U32) { return U64{1} << 63; }),
          sequence({"mov.u64"}, "mov.u64 %d, 0x123456789ABCDEF0;",
                   [](U32) { return U64{0x123456789abcdef0}; }),
          sequence({"mov.pred"}, "mov.pred %d, -1;", [](U32) { return true; }),
      });
  return forms;
}

}  // namespace emulator_test
