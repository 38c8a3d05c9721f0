// Atomics: each thread on a cell of its own, whose old value comes back, and all threads on one.
#include <algorithm>

#include "opcodes_make.h"

namespace emulator_test {
namespace {

struct Operation {
  std::string name;  // "add.u32"
  int bits;
  std::function<std::uint64_t(std::uint64_t old, std::uint64_t operand)> apply;
  std::vector<std::uint64_t> values{};  // random where empty
};

template <class T, class F>
Operation of(const std::string& name, F apply) {
  return {name, 8 * sizeof(T), [apply](std::uint64_t old, std::uint64_t operand) {
            return to_bits<T>(static_cast<T>(apply(from_bits<T>(old), from_bits<T>(operand))));
          }};
}

// Of numbers that no device flushes.
template <class T>
Operation sum_of(const std::string& name) {
  Operation operation{
      name, 8 * sizeof(T), [](std::uint64_t a, std::uint64_t b) {
        const Format& format = *format_of<T>();
        const int bits = 8 * format.bytes;
        std::uint64_t result = 0;
        for (int at = 0; at < static_cast<int>(8 * sizeof(T)); at += bits) {
          const auto part = [&](std::uint64_t whole) {
            return decode(format,
                          bits == 64 ? whole : whole >> at & ((std::uint64_t{1} << bits) - 1));
          };
          result |= encode(format, sum(part(a), part(b), Rounding::nearest)) << at;
        }
        return result;
      }};
  const Format& format = *format_of<T>();
  for (const double value : {1.0, -1.0, 0.5, 1024.0, -3.25, 0.1, 1.0 / 3, 2047.0, -0.75, 100.0}) {
    const std::uint64_t bits = encode(format, Quad{value});
    operation.values.push_back(kIsPair<T> ? bits | encode(format, Quad{value} / 3) << 16 : bits);
  }
  return operation;
}

template <class Signed, class Unsigned>
void append_operations(std::vector<Operation>& operations) {
  const std::string bits = std::to_string(8 * sizeof(Signed));
  const auto minimum = [](auto a, auto b) { return std::min(a, b); };
  const auto maximum = [](auto a, auto b) { return std::max(a, b); };
  operations.insert(operations.end(),
                    {
                        of<Unsigned>("add.u" + bits, [](Unsigned a, Unsigned b) { return a + b; }),
                        of<Signed>("min.s" + bits, minimum),
                        of<Unsigned>("min.u" + bits, minimum),
                        of<Signed>("max.s" + bits, maximum),
                        of<Unsigned>("max.u" + bits, maximum),
                        of<Unsigned>("and.b" + bits, [](Unsigned a, Unsigned b) { return a & b; }),
                        of<Unsigned>("or.b" + bits, [](Unsigned a, Unsigned b) { return a | b; }),
                        of<Unsigned>("xor.b" + bits, [](Unsigned a, Unsigned b) { return a ^ b; }),
                    });
}

std::vector<Operation> reductions() {
  using U32 = std::uint32_t;
  std::vector<Operation> operations;
  append_operations<std::int32_t, U32>(operations);
  append_operations<std::int64_t, std::uint64_t>(operations);
  operations.push_back(of<U32>("add.s32", [](U32 a, U32 b) { return a + b; }));
  operations.push_back(of<U32>("inc.u32", [](U32 a, U32 b) { return a >= b ? 0 : a + 1; }));
  operations.push_back(
      of<U32>("dec.u32", [](U32 a, U32 b) { return a == 0 || a > b ? b : a - 1; }));
  operations.push_back(sum_of<float>("add.f32"));
  operations.push_back(sum_of<double>("add.f64"));
  operations.push_back(sum_of<F16>("add.noftz.f16"));
  operations.push_back(sum_of<Bf16>("add.noftz.bf16"));
  operations.push_back(sum_of<F16x2>("add.noftz.f16x2"));
  operations.push_back(sum_of<Bf16x2>("add.noftz.bf16x2"));
  return operations;
}

// Where the cells are: the instruction's prefix, and the address that it goes to.
struct Place {
  std::string prefix;  // "global." or ""
  std::string prepare, address, collect;
};

std::vector<Place> places() {
  const std::string to_shared =
      ".shared .align 8 .b8 cells[256];\nmov.u32 %r30, %tid.x; shl.b32 %r30, %r30, 3; mov.u32 "
      "%r31, cells; "
      "add.s32 %r30, %r30, %r31; ld.global.b64 %l1, [%in]; st.shared.b64 [%r30], %l1;\n";
  const std::string from_shared = "ld.shared.b64 %l4, [%r30]; st.global.b64 [%out], %l4;\n";
  const std::string to_global = "ld.global.b64 %l1, [%in]; st.global.b64 [%out], %l1; ";
  return {
      {"global.", to_global + "mov.u64 %l0, %out;\n", "%l0", ""},
      {"", to_global + "cvta.global.u64 %l0, %out;\n", "%l0", ""},
      {"shared.", to_shared, "%r30", from_shared},
      {"", to_shared + "cvt.u64.u32 %l0, %r30; cvta.shared.u64 %l0, %l0;\n", "%l0", from_shared}};
}

std::string load(int bits, const std::string& place) {
  const std::string width = std::to_string(bits);
  return "ld.global.b" + width + " " +
         (bits == 16   ? "%h2"
          : bits == 32 ? "%r2"
                       : "%l2") +
         ", " + place + ";\n";
}

std::string registers(int bits, int number) {
  return (bits == 16 ? "%h" : bits == 32 ? "%r" : "%l") + std::to_string(number);
}

// Integers that are equal, next to each other, and at the ends: a cell and an operand each.
std::vector<std::uint64_t> integer_edges(int bits) {
  const std::uint64_t half = std::uint64_t{1} << (bits - 1), most = half - 1 + half;
  return {5, 5,    4,    5, 6,    5,    0,        0,    0,    1,        1,        0,
          0, most, most, 0, most, most, most - 1, most, half, half - 1, half - 1, half};
}

// The first word of a thread is its cell, and so is that of the output; the second is the operand,
// and what comes back.
Case own_cell(const Place& place, const std::string& order, const Operation& operation,
              bool gives_old) {
  const std::string opcode =
      std::string(gives_old ? "atom." : "red.") + order + place.prefix + operation.name;
  Case tested;
  tested.names = {opcode};
  tested.inputs = tested.outputs = 2;
  tested.body = place.prepare + load(operation.bits, "[%in+8]") + opcode + " " +
                (gives_old ? registers(operation.bits, 3) + ", " : "") + "[" + place.address +
                "], " + registers(operation.bits, 2) + ";\n";
  if (gives_old) {
    tested.body += "st.global.b" + std::to_string(operation.bits) + " [%out+8], " +
                   registers(operation.bits, 3) + ";\n";
  }
  tested.body += place.collect;
  if (operation.values.empty()) tested.input = integer_edges(operation.bits);  // and random ones
  for (std::size_t i = 0; !operation.values.empty() && i < 64; ++i) {
    tested.input.push_back(operation.values[(i * 7 + i / 10) % operation.values.size()]);
  }
  tested.want = [=](std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
    const std::uint64_t mask =
        operation.bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << operation.bits) - 1;
    for (std::size_t i = 0; i < in.size(); i += 2) {
      out[i] = (in[i] & ~mask) | (operation.apply(in[i] & mask, in[i + 1] & mask) & mask);
      if (gives_old) out[i + 1] = in[i] & mask;
    }
  };
  return tested;
}

Case compare_and_swap(const Place& place, const std::string& order, int bits) {
  const std::string opcode = "atom." + order + place.prefix + "cas.b" + std::to_string(bits);
  Case tested;
  tested.names = {opcode};
  tested.inputs = 3;
  tested.outputs = 2;
  const std::string width = "b" + std::to_string(bits);
  tested.body = place.prepare + load(bits, "[%in+8]") + "ld.global." + width + " " +
                registers(bits, 5) + ", [%in+16];\n" + opcode + " " + registers(bits, 3) + ", [" +
                place.address + "], " + registers(bits, 2) + ", " + registers(bits, 5) +
                ";\nst.global." + width + " [%out+8], " + registers(bits, 3) + ";\n" +
                place.collect;
  // Every other thread finds what it expects.
  for (std::uint64_t i = 0; i < 32; ++i) {
    const std::uint64_t cell = 0x0123456789abcdef * (i + 1);
    tested.input.insert(tested.input.end(), {cell, i % 2 == 0 ? cell : cell + 1, ~cell});
  }
  tested.want = [=](std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
    const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    for (std::size_t i = 0; i < 32; ++i) {
      const std::uint64_t cell = in[3 * i];
      const bool is_equal = (cell & mask) == (in[3 * i + 1] & mask);
      out[2 * i] = is_equal ? (cell & ~mask) | (in[3 * i + 2] & mask) : cell;
      out[2 * i + 1] = cell & mask;
    }
  };
  return tested;
}

// f32 in twos and fours: the cells are the thread's first output words, the old values the others.
Case sum_of_vectors(int count, bool gives_old) {
  const std::string type = "add.v" + std::to_string(count) + ".f32";
  const std::string opcode = (gives_old ? "atom.global." : "red.global.") + type;
  const std::string list = count == 2 ? "{%r1, %r2}" : "{%r1, %r2, %r3, %r4}";
  const std::string vector = ".v" + std::to_string(count) + ".b32 ";
  Case tested;
  tested.names = {opcode};
  tested.inputs = tested.outputs = static_cast<std::size_t>(count);
  const std::string half = std::to_string(4 * count);
  tested.body = "ld.global" + vector + list + ", [%in]; st.global" + vector + "[%out], " + list +
                "; ld.global" + vector + list + ", [%in+" + half + "];\n" + opcode + " " +
                (gives_old ? list + ", " : "") + "[%out], " + list + ";\n" +
                (gives_old ? "st.global" + vector + "[%out+" + half + "], " + list + ";\n" : "");
  const std::vector<float> numbers{1, -0.5f, 0.1f, 3e7f, -1.0f / 3, 100, 2, 0.75f, -3e7f, 5};
  for (std::size_t i = 0; i < 32 * tested.inputs; ++i) {
    tested.input.push_back(to_bits(numbers[i % 10]) | to_bits(numbers[(3 * i + 1) % 10]) << 32);
  }
  tested.want = [=](std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
    const auto words = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < in.size(); i += words) {
      for (std::size_t j = 0; j < words / 2; ++j) {
        const std::uint64_t cell = in[i + j], operand = in[i + words / 2 + j];
        const auto part = [&](int shift) {
          return to_bits(from_bits<float>(cell >> shift & 0xffffffff) +
                         from_bits<float>(operand >> shift & 0xffffffff));
        };
        out[i + j] = part(0) | part(32) << 32;
        if (gives_old) out[i + words / 2 + j] = cell;
      }
    }
  };
  return tested;
}

// All threads of four warps on the cell of the first.
Case one_cell(const std::string& opcode, int bits,
              std::function<std::uint64_t(std::uint64_t, std::uint64_t)> apply) {
  Case tested;
  tested.names = {opcode};
  tested.block = 64;
  tested.grid = 2;
  tested.body = "ld.param.u64 %l0, [out]; cvta.to.global.u64 %l0, %l0;\n" + load(bits, "[%in]") +
                opcode + " [%l0], " + registers(bits, 2) + ";\n";
  tested.want = [=](std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
    const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    for (const std::uint64_t value : in) out[0] = apply(out[0], value) & mask;
  };
  return tested;
}

}  // namespace

std::vector<Case> atomic_cases() {
  std::vector<Case> cases;
  const auto replace = [](std::uint64_t, std::uint64_t operand) { return operand; };
  const std::vector<Operation> exchanges{{"exch.b32", 32, replace}, {"exch.b64", 64, replace}};
  for (const Place& place : places()) {
    for (const std::string order :
         {"", "relaxed.gpu.", "relaxed.cta.", "relaxed.sys.", "acq_rel.gpu.", "release.gpu.",
          "acquire.gpu.", "acq_rel.sys."}) {
      for (const Operation& operation : reductions()) {
        cases.push_back(own_cell(place, order, operation, true));
        const bool may_reduce = order.empty() || order.starts_with("rel");
        if (may_reduce) cases.push_back(own_cell(place, order, operation, false));
      }
      for (const Operation& operation : exchanges)
        cases.push_back(own_cell(place, order, operation, true));
      for (const int bits : {16, 32, 64}) cases.push_back(compare_and_swap(place, order, bits));
    }
  }
  // The order may stand behind the operation, too, as libcu++ writes it.
  for (const Place& place : {places()[0], places()[1]}) {
    for (const std::string order : {"relaxed", "acquire", "release", "acq_rel"}) {
      for (const std::string scope : {"cta", "gpu", "sys"}) {
        for (Operation operation : reductions()) {
          const std::size_t dot = operation.name.find('.');
          operation.name.insert(dot, "." + order + "." + scope);
          cases.push_back(own_cell(place, "", operation, true));
        }
      }
    }
  }
  for (const int count : {2, 4}) {
    for (const bool gives_old : {false, true}) cases.push_back(sum_of_vectors(count, gives_old));
  }
  // nvcc writes the scope behind the space.
  for (const char* scope : {"cta.", "gpu.", "sys."}) {
    Place place = places()[0];
    place.prefix += scope;
    for (const Operation& operation : reductions()) {
      cases.push_back(own_cell(place, "", operation, true));
      cases.push_back(own_cell(place, "", operation, false));
    }
    for (const Operation& operation : exchanges)
      cases.push_back(own_cell(place, "", operation, true));
    for (const int bits : {16, 32, 64}) cases.push_back(compare_and_swap(place, "", bits));
  }
  cases.push_back(
      one_cell("red.global.add.u32", 32, [](std::uint64_t a, std::uint64_t b) { return a + b; }));
  cases.push_back(
      one_cell("red.global.add.u64", 64, [](std::uint64_t a, std::uint64_t b) { return a + b; }));
  cases.push_back(
      one_cell("red.global.xor.b64", 64, [](std::uint64_t a, std::uint64_t b) { return a ^ b; }));
  cases.push_back(one_cell("red.global.max.u32", 32, [](std::uint64_t a, std::uint64_t b) {
    return std::max(a & 0xffffffff, b & 0xffffffff);
  }));
  return cases;
}

}  // namespace emulator_test
