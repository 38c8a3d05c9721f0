// Every opcode of the tables against the host, and whether the tables know every opcode that stands
// in the programs of the tests.
#include "opcodes.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "support/device.h"

namespace emulator_test {
namespace {

using Opcodes = DeviceTest;

TEST_F(Opcodes, OfIntegersComputeWhatTheHostDoes) { expect_forms(integer_forms()); }
TEST_F(Opcodes, OfBitsComputeWhatTheHostDoes) { expect_forms(bit_forms()); }
TEST_F(Opcodes, OfComparisonsComputeWhatTheHostDoes) { expect_forms(comparison_forms()); }
TEST_F(Opcodes, OfMovesKeepTheBits) { expect_forms(move_forms()); }
TEST_F(Opcodes, OfFloatsRoundOnce) { expect_forms(floating_forms()); }
TEST_F(Opcodes, OfHalvesRoundOnce) { expect_forms(half_forms()); }
TEST_F(Opcodes, OfApproximationsAreAsNearAsDocumented) { expect_forms(approximate_forms()); }
TEST_F(Opcodes, OfConversionsRoundAndClamp) { expect_forms(conversion_forms()); }
TEST_F(Opcodes, OfMemoryLoadAndStoreEveryWidth) { expect_cases(memory_cases()); }
TEST_F(Opcodes, OfAtomicsGiveTheOldAndKeepTheNew) { expect_cases(atomic_cases()); }
TEST_F(Opcodes, OfWarpsAndBlocksActTogether) { expect_cases(warp_cases()); }
TEST_F(Opcodes, OfBarriersInMemoryLetThreadsMeet) { expect_cases(barrier_cases()); }
TEST_F(Opcodes, OfControlGoWhereTheyShould) { expect_cases(control_cases()); }

std::set<std::string> known_opcodes() {
  std::set<std::string> known;
  for (const auto& forms :
       {integer_forms(), bit_forms(), comparison_forms(), move_forms(), floating_forms(),
        half_forms(), approximate_forms(), conversion_forms()}) {
    for (const Form& form : forms) known.insert(form.names.begin(), form.names.end());
  }
  for (const auto& cases :
       {memory_cases(), atomic_cases(), warp_cases(), barrier_cases(), control_cases()}) {
    for (const Case& tested : cases) known.insert(tested.names.begin(), tested.names.end());
  }
  // Those that end a kernel or are not known are tested among the faults.
  known.insert({"trap", "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64"});
  return known;
}

// The PTX texts inside of a program, where they stand uncompressed and end with a zero byte.
std::vector<std::string> texts_of(const std::string& program) {
  std::ifstream file(program, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::vector<std::string> texts;
  const std::string begin = ".version ";
  for (std::size_t at = bytes.find(begin); at != std::string::npos; at = bytes.find(begin, at)) {
    const std::size_t end = std::min(bytes.find('\0', at), bytes.size());
    if (bytes.substr(at, 200).find(".target") != std::string::npos)
      texts.push_back(bytes.substr(at, end - at));
    at = end;
  }
  return texts;
}

std::vector<std::string> split_paths(const std::string& list) {
  std::istringstream stream(list);
  std::vector<std::string> paths;
  for (std::string path; std::getline(stream, path, ':');) {
    if (!path.empty()) paths.push_back(path);
  }
  return paths;
}

void expect_known(const std::vector<std::string>& programs) {
  const std::set<std::string> known = known_opcodes();
  std::map<std::string, std::string> unknown;  // where each stands first
  for (const std::string& program : programs) {
    const auto texts = texts_of(program);
    EXPECT_FALSE(texts.empty()) << program << " holds no uncompressed PTX";
    for (const std::string& text : texts) {
      for (const std::string& opcode : opcodes_of(text)) {
        if (!known.contains(opcode)) unknown.try_emplace(opcode, program);
      }
    }
  }
  for (const auto& [opcode, program] : unknown) {
    ADD_FAILURE() << opcode << " stands in " << program << ", and no form or case tests it";
  }
}

TEST(CoverageOfForms, HoldsForTheProgramsOfTheTests) {
  expect_known(split_paths(EMULATOR_PROGRAMS));
}

// Programs or PTX files of others, separated by colons.
TEST(CoverageOfForms, HoldsForTheProgramsOfTheEnvironment) {
  const char* const list = std::getenv("TENDON_EMULATOR_PTX");
  if (list == nullptr) GTEST_SKIP() << "TENDON_EMULATOR_PTX names none";
  expect_known(split_paths(list));
}

TEST(CoverageOfForms, SeesThroughLabelsGuardsScopesAndDirectives) {
  const auto opcodes = opcodes_of(
      ".version 9.0\n.target sm_90 // a comment; add.u8\n.visible .entry f(\n\t.param .u64 "
      "f_param_0\n)\n.maxntid 32, 1, 1\n{\n"
      "\t.reg .b32 \t%r<3>;\n\t.loc 1 5 3\n$L__BB0_1:\n\t@%p1 bra $L__BB0_1;\n\t@!%p2 bra.uni "
      "\t$L__BB0_1;\n"
      "\t// begin inline asm\n\t{ .reg .pred q; setp.lt.s32 q, %r1, 0; }\n\t// end inline asm\n"
      "\t{ // callseq 1, 0\n\t.param .b32 param0;\n\tst.param.b32 \t[param0], %r2;\n\tcall.uni "
      "\n\tg, \n\t(\n\tparam0\n\t);\n\t}\n"
      "\tld.global.nc.L1::no_allocate.v2.u32 \t{%r1, %r2}, [%rd1];\n\tret;\n}\n");
  const std::set<std::string> want{"bra",         "bra.uni",
                                   "setp.lt.s32", "st.param.b32",
                                   "call.uni",    "ld.global.nc.L1::no_allocate.v2.u32",
                                   "ret"};
  EXPECT_EQ(opcodes, want);
}

}  // namespace
}  // namespace emulator_test
