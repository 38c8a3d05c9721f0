// Loads and stores of every width, through every space and with every qualifier.
#include <cstring>

#include "opcodes_make.h"

namespace emulator_test {
namespace {

struct Element {
  std::string name;
  int bits;
};
const std::vector<Element>& elements() {
  static const std::vector<Element> all{
      {"b8", 8},   {"u8", 8},   {"s8", 8},   {"b16", 16}, {"u16", 16}, {"s16", 16}, {"b32", 32},
      {"u32", 32}, {"s32", 32}, {"f32", 32}, {"b64", 64}, {"u64", 64}, {"s64", 64}, {"f64", 64}};
  return all;
}

// How an access is written, and how its memory is prepared.
struct Access {
  std::string opcode;                 // "ld.global.nc"
  std::string declarations, prepare;  // the latter leaves the address in %l0, or in `address`
  std::string module{};
  std::string address = "%l0";
};

// 16 bytes of the input are in shared or local memory, or where else.
constexpr const char* kFillShared =
    "mov.u32 %r30, %tid.x; shl.b32 %r30, %r30, 4; mov.u32 %r31, cells; add.s32 %r30, %r30, %r31; "
    "ld.global.v2.b64 {%l30, %l31}, [%in]; st.shared.v2.b64 [%r30], {%l30, %l31};\n";
constexpr const char* kSharedCells = ".shared .align 16 .b8 cells[512];\n";
constexpr const char* kFillLocal =
    "ld.global.v2.b64 {%l30, %l31}, [%in]; st.local.v2.b64 [cell], {%l30, %l31};\n";
constexpr const char* kLocalCell = ".local .align 16 .b8 cell[16];\n";

std::string register_at(const Element& element, int i) {
  return (element.bits == 64 ? "%l" : "%r") + std::to_string(i + 1);
}

std::string registers_of(const Element& element, int count) {
  if (count == 1) return register_at(element, 0);
  std::string list = "{";
  for (int i = 0; i < count; ++i) list += (i == 0 ? "" : ", ") + register_at(element, i);
  return list + "}";
}

std::string opcode_of(const Access& access, const Element& element, int count) {
  return access.opcode + (count == 1 ? "." : ".v" + std::to_string(count) + ".") + element.name;
}

std::uint64_t element_at(std::span<const std::uint64_t> words, const Element& element, int i) {
  const std::uint64_t mask =
      element.bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << element.bits) - 1;
  return words[static_cast<std::size_t>(i * element.bits / 64)] >> (i * element.bits % 64) & mask;
}

// A register of 32 bits takes less with its sign, or with zeros.
Case load_case(const Access& access, const Element& element, int count) {
  const std::string opcode = opcode_of(access, element, count);
  Case tested;
  tested.names = {opcode};
  tested.declarations = access.module;
  tested.inputs = 2;
  tested.outputs = 4;
  tested.body = access.declarations + access.prepare + opcode + " " + registers_of(element, count) +
                ", [" + access.address + "];\n";
  for (int i = 0; i < count; ++i) {
    tested.body += std::string("st.global.") + (element.bits == 64 ? "b64" : "b32") + " [%out+" +
                   std::to_string(8 * i) + "], " + register_at(element, i) + ";\n";
  }
  tested.want = [=](std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
    for (std::size_t thread = 0; thread < out.size() / 4; ++thread) {
      for (int i = 0; i < count; ++i) {
        std::uint64_t value = element_at(in.subspan(2 * thread, 2), element, i);
        const bool is_negative = element.name[0] == 's' && (value >> (element.bits - 1) & 1) != 0;
        if (is_negative && element.bits < 32)
          value = static_cast<std::uint32_t>(value | ~std::uint64_t{0} << element.bits);
        out[4 * thread + static_cast<std::size_t>(i)] = value;
      }
    }
  };
  return tested;
}

// Stores the elements of the input; `collect` brings what was stored to the output.
Case store_case(const Access& access, const std::string& collect, const Element& element,
                int count) {
  const std::string opcode = opcode_of(access, element, count);
  Case tested;
  tested.names = {opcode};
  tested.inputs = tested.outputs = 2;
  tested.body = access.declarations + access.prepare;
  for (int i = 0; i < count; ++i) {
    const std::string width = element.bits == 8 ? "u8" : "b" + std::to_string(element.bits);
    tested.body += "ld.global." + width + " " + register_at(element, i) + ", [%in+" +
                   std::to_string(i * element.bits / 8) + "];\n";
  }
  tested.body +=
      opcode + " [" + access.address + "], " + registers_of(element, count) + ";\n" + collect;
  tested.want = [=](std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
    const std::size_t bytes = static_cast<std::size_t>(count * element.bits / 8);
    for (std::size_t thread = 0; thread < out.size() / 2; ++thread)
      std::memcpy(&out[2 * thread], &in[2 * thread], bytes);
  };
  return tested;
}

void append_loads(std::vector<Case>& cases, const Access& access, bool all_types = false) {
  for (const Element& element : elements()) {
    if (!all_types && element.bits < 32 && element.name[0] == 'b') continue;
    for (const int count : {1, 2, 4}) {
      if (count * element.bits <= 128) cases.push_back(load_case(access, element, count));
    }
  }
}

void append_stores(std::vector<Case>& cases, const Access& access, const std::string& collect) {
  for (const Element& element : elements()) {
    if (element.name[0] == 's' && element.bits > 32) continue;
    for (const int count : {1, 2, 4}) {
      if (count * element.bits <= 128) cases.push_back(store_case(access, collect, element, count));
    }
  }
}

// A function's parameter and result of 16 bytes, through which the element goes.
void append_parameters(std::vector<Case>& cases) {
  for (const Element& element : elements()) {
    for (const int count : {1, 2, 4}) {
      if (count * element.bits > 128) continue;
      const std::string load = opcode_of({"ld.param", "", ""}, element, count);
      const std::string store = opcode_of({"st.param", "", ""}, element, count);
      Case tested;
      tested.names = {"call.uni"};
      tested.declarations =
          ".func (.param .align 16 .b8 result[16]) pass(.param .align 16 .b8 given[16])\n{\n"
          "  .reg .b32 %r<8>;\n  .reg .b64 %l<8>;\n  mov.b64 %l0, 0;\n"
          "  st.param.b64 [result+0], %l0;\n  st.param.b64 [result+8], %l0;\n  " +
          load + " " + registers_of(element, count) + ", [given+0];\n  " + store + " [result+0], " +
          registers_of(element, count) + ";\n  ret;\n}\n";
      tested.inputs = tested.outputs = 2;
      tested.body =
          "ld.global.v2.b64 {%l1, %l2}, [%in];\n"
          "{\n.param .align 16 .b8 given[16];\n.param .align 16 .b8 taken[16];\n"
          "st.param.v2.b64 [given], {%l1, %l2};\n"
          "call.uni (taken), pass, (given);\n"
          "ld.param.v2.b64 {%l3, %l4}, [taken];\n}\n"
          "st.global.v2.b64 [%out], {%l3, %l4};\n";
      tested.names.insert(tested.names.end(), {load, store, "ret"});
      tested.want = [=](std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
        const std::size_t bytes = static_cast<std::size_t>(count * element.bits / 8);
        for (std::size_t thread = 0; thread < out.size() / 2; ++thread)
          std::memcpy(&out[2 * thread], &in[2 * thread], bytes);
      };
      cases.push_back(tested);
    }
  }
}

// Constants that the module holds: each thread reads the same 16 bytes.
void append_constants(std::vector<Case>& cases) {
  const std::string bytes = "{129, 2, 3, 132, 5, 6, 7, 136, 201, 202, 203, 204, 13, 14, 15, 240}";
  for (const bool is_constant : {true, false}) {
    const std::string space = is_constant ? "const" : "global";
    std::vector<Case> of_space;
    append_loads(
        of_space,
        {"ld." + space, "", "", "." + space + " .align 16 .b8 table[16] = " + bytes + ";", "table"},
        true);
    for (Case& tested : of_space) {
      tested.want = [want = tested.want](std::span<const std::uint64_t> in,
                                         std::span<std::uint64_t> out) {
        std::vector<std::uint64_t> same(in.size());
        for (std::size_t i = 0; i < same.size(); ++i)
          same[i] = i % 2 == 0 ? 0x8807060584030281 : 0xf00f0e0dcccbcac9;
        want(same, out);
      };
      cases.push_back(tested);
    }
  }
}

// Bytes go straight from global to shared memory.
Case asynchronous_copy(const std::string& cache, int bytes) {
  const std::string opcode = "cp.async." + cache + ".shared.global";
  Case tested;
  tested.names = {opcode, "cp.async.commit_group", "cp.async.wait_group", "cp.async.wait_all"};
  tested.inputs = tested.outputs = 2;
  tested.body = std::string(kSharedCells) + kFillShared +
                "mov.b64 %l1, 0; st.shared.v2.b64 [%r30], {%l1, %l1};\n" + opcode +
                " [%r30], [%in], " + std::to_string(bytes) +
                ";\ncp.async.commit_group;\ncp.async.wait_group 0;\ncp.async.wait_all;\n"
                "ld.shared.v2.b64 {%l2, %l3}, [%r30];\nst.global.v2.b64 [%out], {%l2, %l3};\n";
  tested.want = [=](std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
    for (std::size_t thread = 0; thread < out.size() / 2; ++thread) {
      std::memcpy(&out[2 * thread], &in[2 * thread], static_cast<std::size_t>(bytes));
    }
  };
  return tested;
}

// Of the 16 bytes that come, those behind the first `thread % 17` are zero.
Case copy_of_some() {
  const std::string opcode = "cp.async.cg.shared.global";
  Case tested;
  tested.names = {opcode};
  tested.inputs = tested.outputs = 2;
  tested.body = std::string(kSharedCells) + kFillShared +
                "mov.u32 %r1, %tid.x; rem.u32 %r1, %r1, 17;\n" + opcode +
                " [%r30], [%in], 16, %r1;\ncp.async.wait_all;\n"
                "ld.shared.v2.b64 {%l2, %l3}, [%r30];\nst.global.v2.b64 [%out], {%l2, %l3};\n";
  tested.want = [](std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
    for (std::size_t thread = 0; thread < out.size() / 2; ++thread)
      std::memcpy(&out[2 * thread], &in[2 * thread], thread % 17);
  };
  return tested;
}

}  // namespace

std::vector<Case> memory_cases() {
  std::vector<Case> cases;
  const std::string global = "mov.u64 %l0, %in;\n", generic = "cvta.global.u64 %l0, %in;\n";
  for (const std::string qualifiers :
       {"", ".nc", ".ca", ".cg", ".cs", ".lu", ".cv", ".nc.L1::no_allocate", ".nc.L1::evict_last",
        ".L1::no_allocate", ".L1::evict_last", ".L2::128B"}) {
    append_loads(cases, {"ld.global" + qualifiers, "", global},
                 qualifiers.empty() || qualifiers == ".nc");
  }
  for (const std::string order : {"volatile", "relaxed.cta", "relaxed.gpu", "relaxed.sys",
                                  "acquire.cta", "acquire.gpu", "acquire.sys", "weak"}) {
    append_loads(cases, {"ld." + order + ".global", "", global});
    append_loads(cases, {"ld." + order, "", generic});
  }
  append_loads(cases, {"ld", "", generic}, true);
  const Access shared{"ld.shared", kSharedCells, kFillShared, "", "%r30"};
  append_loads(cases, shared, true);
  append_loads(cases, {"ld.volatile.shared", kSharedCells, kFillShared, "", "%r30"});
  append_loads(cases,
               {"ld", kSharedCells,
                std::string(kFillShared) + "cvt.u64.u32 %l0, %r30; cvta.shared.u64 %l0, %l0;\n"});
  append_loads(cases, {"ld.local", kLocalCell, kFillLocal, "", "cell"}, true);
  append_loads(cases, {"ld", kLocalCell,
                       std::string(kFillLocal) + "mov.u64 %l0, cell; cvta.local.u64 %l0, %l0;\n"});
  append_constants(cases);

  const std::string to_global = "mov.u64 %l0, %out;\n", to_generic = "cvta.global.u64 %l0, %out;\n";
  for (const std::string qualifiers : {"", ".wb", ".cg", ".cs", ".wt", ".L1::no_allocate"}) {
    append_stores(cases, {"st.global" + qualifiers, "", to_global}, "");
  }
  for (const std::string order : {"volatile", "relaxed.cta", "relaxed.gpu", "relaxed.sys",
                                  "release.cta", "release.gpu", "release.sys", "weak"}) {
    append_stores(cases, {"st." + order + ".global", "", to_global}, "");
    append_stores(cases, {"st." + order, "", to_generic}, "");
  }
  append_stores(cases, {"st", "", to_generic}, "");
  const std::string clear_shared =
      std::string(kFillShared) + "mov.b64 %l29, 0; st.shared.v2.b64 [%r30], {%l29, %l29};\n";
  const std::string read_shared =
      "ld.shared.v2.b64 {%l27, %l28}, [%r30]; st.global.v2.b64 [%out], {%l27, %l28};\n";
  append_stores(cases, {"st.shared", kSharedCells, clear_shared, "", "%r30"}, read_shared);
  append_stores(cases, {"st.volatile.shared", kSharedCells, clear_shared, "", "%r30"}, read_shared);
  append_stores(
      cases,
      {"st", kSharedCells, clear_shared + "cvt.u64.u32 %l0, %r30; cvta.shared.u64 %l0, %l0;\n"},
      read_shared);
  const std::string clear_local = "mov.b64 %l29, 0; st.local.v2.b64 [cell], {%l29, %l29};\n";
  append_stores(cases, {"st.local", kLocalCell, clear_local, "", "cell"},
                "ld.local.v2.b64 {%l27, %l28}, [cell]; st.global.v2.b64 [%out], {%l27, %l28};\n");
  append_parameters(cases);
  for (const int bytes : {4, 8, 16}) cases.push_back(asynchronous_copy("ca", bytes));
  cases.push_back(asynchronous_copy("cg", 16));
  cases.push_back(copy_of_some());
  return cases;
}

}  // namespace emulator_test
