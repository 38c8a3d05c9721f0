// Branches, calls, addresses, special registers, and what has no result.
#include <array>

#include "opcodes_make.h"

namespace emulator_test {
namespace {

using Words = std::span<const std::uint64_t>;
using Out = std::span<std::uint64_t>;

// `want(word, thread)` of each thread's word.
Case simple(std::vector<std::string> names, const std::string& body,
            std::function<std::uint64_t(std::uint64_t, std::uint64_t)> want) {
  Case tested;
  tested.names = std::move(names);
  tested.block = 64;
  tested.grid = 2;
  tested.body = body;
  tested.want = [want](Words in, Out out) {
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = want(in[i], i);
  };
  return tested;
}

std::uint64_t collatz_steps(std::uint64_t value) {
  std::uint64_t steps = 0;
  for (; value != 1; ++steps) value = value % 2 == 0 ? value / 2 : 3 * value + 1;
  return steps;
}

void append_branches(std::vector<Case>& cases) {
  // Lanes leave the loop one by one, and turn off inside of it.
  cases.push_back(simple(
      {"bra", "bra.uni"},
      "ld.global.b64 %l1, [%in]; and.b64 %l1, %l1, 1023; add.s64 %l1, %l1, 1; mov.u32 %r1, 0;\n"
      "AGAIN:\nsetp.eq.u64 %p1, %l1, 1;\n@%p1 bra DONE;\nadd.s32 %r1, %r1, 1; and.b64 %l2, %l1, "
      "1;\n"
      "setp.ne.u64 %p2, %l2, 0;\n@%p2 bra ODD;\nshr.u64 %l1, %l1, 1;\nbra.uni AGAIN;\n"
      "ODD:\nmad.lo.s64 %l1, %l1, 3, 1;\nbra AGAIN;\nDONE:\nst.global.b32 [%out], %r1;\n",
      [](std::uint64_t word, std::uint64_t) { return collatz_steps(word % 1024 + 1); }));
  cases.push_back(
      simple({"brx.idx"},
             "ld.global.b32 %r1, [%in]; and.b32 %r1, %r1, 3; mov.u32 %r2, 7;\n"
             "TARGETS: .branchtargets A, B, C, B;\nbrx.idx %r1, TARGETS;\n"
             "A:\nmov.u32 %r2, 10;\nbra.uni END;\nB:\nmov.u32 %r2, 20;\nC:\nadd.s32 %r2, %r2, 1;\n"
             "END:\nst.global.b32 [%out], %r2;\n",
             [](std::uint64_t word, std::uint64_t) {
               return std::array<std::uint64_t, 4>{10, 21, 8, 21}[word & 3];
             }));
  cases.push_back(simple(
      {"exit"},
      "ld.global.b32 %r1, [%in]; st.global.b32 [%out], %r1; and.b32 %r2, %r1, 1; setp.eq.u32 %p1, "
      "%r2, 1;\n"
      "@%p1 exit;\nst.global.b32 [%out], 5;\nexit;\n",
      [](std::uint64_t word, std::uint64_t) { return (word & 1) != 0 ? word & 0xffffffff : 5; }));
  cases.push_back(simple({"ret"},
                         "ld.global.b32 %r1, [%in]; setp.lt.s32 %p1, %r1, 0;\n@!%p1 "
                         "ret;\nst.global.b32 [%out], %r1;\n",
                         [](std::uint64_t word, std::uint64_t) {
                           return (word & 0x80000000) != 0 ? word & 0xffffffff : 0;
                         }));
}

void append_calls(std::vector<Case>& cases) {
  // Called from two places, by some lanes; it calls another, which has no result.
  Case tested = simple(
      {"call", "call.uni", "ret", "ld.param.b32", "st.param.b32", "ld.param.b64", "st.param.b64"},
      "ld.global.b64 %l1, [%in]; and.b64 %l2, %l1, 1; setp.ne.u64 %p1, %l2, 0; cvta.global.u64 "
      "%l3, %out;\n"
      "@%p1 bra OTHER;\n"
      "{\n.param .b64 a;\n.param .b32 b;\n.param .b64 r;\nst.param.b64 [a], %l1;\nst.param.b32 "
      "[b], 3;\n"
      "call.uni (r), scale, (a, b);\nld.param.b64 %l4, [r];\n}\n"
      "bra.uni STORE;\nOTHER:\n"
      "{\n.param .b64 a;\n.param .b32 b;\n.param .b64 r;\nst.param.b64 [a], %l1;\nst.param.b32 "
      "[b], 5;\n"
      "call (r), scale, (a, b);\nld.param.b64 %l4, [r];\n}\n"
      "STORE:\n{\n.param .b64 to;\n.param .b64 what;\nst.param.b64 [to], %l3;\nst.param.b64 "
      "[what], %l4;\n"
      "call.uni write, (to, what);\n}\n",
      [](std::uint64_t word, std::uint64_t) {
        const std::uint64_t factor = (word & 1) != 0 ? 5 : 3;
        return (word & 2) != 0 ? word : word * factor + 1;
      });
  tested.declarations =
      ".func write(.param .b64 to, .param .b64 what)\n{\n.reg .b64 %l<3>;\nld.param.b64 %l1, "
      "[to];\nld.param.b64 %l2, [what];\n"
      "st.b64 [%l1], %l2;\nret;\n}\n"
      ".func (.param .b64 result) scale(.param .b64 value, .param .b32 factor)\n{\n"
      ".reg .b64 %l<5>;\n.reg .b32 %r<2>;\n.reg .pred %p<2>;\n"
      "ld.param.b64 %l1, [value];\nld.param.b32 %r1, [factor];\nand.b64 %l2, %l1, 2;\nsetp.eq.b64 "
      "%p1, %l2, 0;\n"
      "@%p1 bra SCALE;\nst.param.b64 [result], %l1;\nret;\nSCALE:\ncvt.u64.u32 %l3, "
      "%r1;\nmul.lo.s64 %l4, %l1, %l3;\nadd.s64 %l4, %l4, 1;\n"
      "st.param.b64 [result], %l4;\nret;\n}\n";
  // Loads and stores of parameters stand in the functions as well.
  cases.push_back(tested);
}

void append_addresses(std::vector<Case>& cases) {
  const std::string cell = ".shared .align 8 .b8 inside[8];\n.local .align 8 .b8 own[8];\n";
  struct Space {
    std::string name, address;
  };
  for (const Space& space : {Space{"global", "mov.u64 %l1, %out;"},
                             {"shared", "mov.u64 %l1, inside;"},
                             {"local", "mov.u64 %l1, own;"},
                             {"const", "mov.u64 %l1, table;"}}) {
    // To a generic address and back, and what it is then.
    Case there = simple(
        {"cvta." + space.name + ".u64", "cvta.to." + space.name + ".u64", "isspacep." + space.name},
        cell + space.address + "cvta." + space.name + ".u64 %l2, %l1; cvta.to." + space.name +
            ".u64 %l3, %l2;\n" + "setp.eq.u64 %p1, %l1, %l3; isspacep." + space.name +
            " %p2, %l2; and.pred %p3, %p1, %p2;\n" +
            "selp.u32 %r1, 1, 0, %p3; st.global.b32 [%out], %r1;\n",
        [](std::uint64_t, std::uint64_t) { return 1; });
    there.declarations = ".const .align 8 .b8 table[8];\n";
    cases.push_back(there);
    for (const std::string other : {"global", "shared", "local", "const"}) {
      if (other == space.name || (space.name == "const" && other == "global")) continue;
      Case elsewhere =
          simple({"isspacep." + other},
                 cell + space.address + "cvta." + space.name + ".u64 %l2, %l1; isspacep." + other +
                     " %p1, %l2; selp.u32 %r1, 1, 0, %p1; st.global.b32 [%out], %r1;\n",
                 [](std::uint64_t, std::uint64_t) { return 0; });
      elsewhere.declarations = there.declarations;
      cases.push_back(elsewhere);
    }
  }
  // A kernel's parameter by its address.
  cases.push_back(simple(
      {"cvta.param.u64"},
      "mov.b64 %l1, in; cvta.param.u64 %l2, %l1; ld.b64 %l3, [%l2]; ld.param.b64 %l4, [in];\n"
      "setp.eq.b64 %p1, %l3, %l4; selp.u32 %r1, 1, 0, %p1; st.global.b32 [%out], %r1;\n",
      [](std::uint64_t, std::uint64_t) { return 1; }));
  // Addresses of 32 bits are those of shared memory.
  cases.push_back(simple({"cvta.shared.u64", "cvta.to.shared.u64", "ld.shared.u32"},
                         ".shared .align 4 .b8 inside[512];\nmov.u32 %r1, inside; mov.u32 %r2, "
                         "%tid.x; mad.lo.s32 %r1, %r2, 4, %r1;\n"
                         "cvt.u64.u32 %l1, %r1; cvta.shared.u64 %l2, %l1; ld.global.b32 %r3, "
                         "[%in]; st.b32 [%l2], %r3;\n"
                         "cvta.to.shared.u64 %l3, %l2; cvt.u32.u64 %r4, %l3; ld.shared.u32 %r5, "
                         "[%r4]; st.global.b32 [%out], %r5;\n",
                         [](std::uint64_t word, std::uint64_t) { return word & 0xffffffff; }));
}

void append_registers(std::vector<Case>& cases) {
  const auto reads = [&](const std::string& text, auto value) {
    cases.push_back(
        simple({"mov.u32"}, text + " st.global.b32 [%out], %r1;\n",
               [=](std::uint64_t, std::uint64_t thread) { return std::uint64_t{value(thread)}; }));
  };
  const auto constant = [](std::uint32_t number) { return [=](std::uint64_t) { return number; }; };
  reads("mov.u32 %r1, %tid.x;", [](std::uint64_t thread) { return thread % 64; });
  reads("mov.u32 %r1, %ctaid.x;", [](std::uint64_t thread) { return thread / 64; });
  reads("mov.u32 %r1, %ntid.x;", constant(64));
  reads("mov.u32 %r1, %nctaid.x;", constant(2));
  reads("mov.u32 %r1, %ntid.y; mov.u32 %r2, %nctaid.z; add.u32 %r1, %r1, %r2;", constant(2));
  reads("mov.u32 %r1, %tid.y; mov.u32 %r2, %ctaid.z; add.u32 %r1, %r1, %r2;", constant(0));
  reads("mov.u32 %r1, %laneid;", [](std::uint64_t thread) { return thread % 32; });
  reads("mov.u32 %r1, WARP_SZ;", constant(32));
  reads("mov.u32 %r1, %lanemask_eq;",
        [](std::uint64_t thread) { return std::uint64_t{1} << thread % 32; });
  reads("mov.u32 %r1, %lanemask_lt;",
        [](std::uint64_t thread) { return (std::uint64_t{1} << thread % 32) - 1; });
  reads("mov.u32 %r1, %lanemask_le;",
        [](std::uint64_t thread) { return (std::uint64_t{2} << thread % 32) - 1; });
  reads("mov.u32 %r1, %lanemask_gt;",
        [](std::uint64_t thread) { return 0xffffffff & ~((std::uint64_t{2} << thread % 32) - 1); });
  reads("mov.u32 %r1, %lanemask_ge;",
        [](std::uint64_t thread) { return 0xffffffff & ~((std::uint64_t{1} << thread % 32) - 1); });
  reads(
      "mov.u32 %r1, %smid; mov.u32 %r2, %nsmid; setp.lt.u32 %p1, %r1, %r2; selp.u32 %r1, 1, 0, "
      "%p1;",
      constant(1));
  reads(
      "mov.u32 %r1, %warpid; mov.u32 %r2, %nwarpid; setp.lt.u32 %p1, %r1, %r2; selp.u32 %r1, 1, 0, "
      "%p1;",
      constant(1));
  reads("mov.u32 %r1, %dynamic_smem_size;", constant(0));
  // Clocks do not go back.
  for (const std::string clock : {"%clock64", "%globaltimer"}) {
    cases.push_back(simple(
        {"mov.u64"},
        "mov.u64 %l1, " + clock + "; mov.u64 %l2, " + clock +
            "; setp.ge.u64 %p1, %l2, %l1; selp.u32 %r1, 1, 0, %p1; st.global.b32 [%out], %r1;\n",
        [](std::uint64_t, std::uint64_t) { return 1; }));
  }
  reads("mov.u32 %r2, %clock; mov.u32 %r3, %clock; sub.s32 %r1, %r3, %r2; shr.u32 %r1, %r1, 31;",
        constant(0));
}

// Hints and waits, which change nothing.
void append_hints(std::vector<Case>& cases) {
  for (const std::string text :
       {"nanosleep.u32 20;", "griddepcontrol.wait;", "griddepcontrol.launch_dependents;",
        "prefetch.global.L1 [%in];", "prefetch.global.L2 [%in];",
        "prefetch.global.L2::evict_last [%in];", "prefetchu.L1 [%l2];",
        "applypriority.global.L2::evict_normal [%l3], 128;"}) {
    cases.push_back(
        simple({text.substr(0, text.find_first_of(" ;"))},
               "ld.global.b64 %l1, [%in]; cvta.global.u64 %l2, %in; and.b64 %l3, %in, -128;\n" +
                   text + "\nst.global.b64 [%out], %l1;\n",
               [](std::uint64_t word, std::uint64_t) { return word; }));
  }
}

}  // namespace

std::vector<Case> control_cases() {
  std::vector<Case> cases;
  append_branches(cases);
  append_calls(cases);
  append_addresses(cases);
  append_registers(cases);
  append_hints(cases);
  return cases;
}

}  // namespace emulator_test
