// PTX that is not as it should be is refused, and never brings the program down.
#include <cstring>

#include "support/device.h"
#include "support/library.h"

namespace emulator_test {
namespace {

const char* const kBody =
    ".visible .entry f(.param .u64 out)\n{\n.reg .b32 %r<4>;\n.reg .b64 %l<4>;\n"
    "ld.param.u64 %l1, [out];\ncvta.to.global.u64 %l1, %l1;\n"
    "mov.u32 %r1, 7;\nadd.s32 %r2, %r1, 5;\nst.global.u32 [%l1], %r2;\nret;\n}\n";

std::string text_with(const std::string& body) {
  return std::string(kPtxHead) +
         ".visible .entry f(.param .u64 out)\n{\n.reg .b32 %r<4>;\n.reg .b64 %l<4>;\n" + body +
         "\nret;\n}\n";
}

// The first error of loading it, finding f, and running that.
cudaError_t first_error(const std::string& text) {
  cudaLibrary_t library = nullptr;
  cudaKernel_t kernel = nullptr;
  cudaError_t error =
      cudaLibraryLoadData(&library, text.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0);
  if (error != cudaSuccess) return error;
  error = cudaLibraryGetKernel(&kernel, library, "f");
  if (error == cudaSuccess) {
    const DeviceArray<std::uint32_t> out(16);
    std::uint32_t* address = out.get();
    void* arguments[] = {&address};
    error = cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3(1), dim3(1), arguments, 0,
                             nullptr);
    if (error == cudaSuccess) error = cudaDeviceSynchronize();
    if (emulator() != nullptr) emulator()->reset();
  }
  cudaGetLastError();
  cudaLibraryUnload(library);
  return error;
}

class PtxText : public DeviceTest {
 protected:
  void TearDown() override {
    cudaGetLastError();
    DeviceTest::TearDown();
  }
};

TEST_F(PtxText, ThatIsWellFormedRuns) {
  EXPECT_EQ(first_error(std::string(kPtxHead) + kBody), cudaSuccess);
}

TEST_F(PtxText, MayBeWrittenInOtherWays) {
  std::string with_returns;
  for (const char c : std::string(kPtxHead) + kBody)
    with_returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(first_error(with_returns), cudaSuccess) << "lines end with \\r\\n";
  EXPECT_EQ(first_error("// first\n/* more\n lines */" + std::string(kPtxHead) + "\n\n" + kBody +
                        "// no newline"),
            cudaSuccess);
  EXPECT_EQ(first_error(text_with("mov.u32 %r1,0x1F;mov.u32 %r2,017;mov.u32 %r3,0b101;{.reg .b32 "
                                  "%r1;mov.u32 %r1,%tid.x;}")),
            cudaSuccess);
  EXPECT_EQ(first_error(text_with(".reg.b32%a,%b;mov.u32%a,%tid.x;add.s32%b,%a,%a;")), cudaSuccess);
  EXPECT_EQ(first_error(text_with("bra\n  THERE\n;\nTHERE: HERE:\n  add.s32\n%r1\n,\n%r1,-3;")),
            cudaSuccess);
  EXPECT_EQ(
      first_error(text_with(".reg .f32 %f<3>; mov.f32 %f1, 0f3f800000; add.f32 %f2, %f1, 1.5;")),
      cudaSuccess);
  EXPECT_EQ(first_error(text_with(
                ".reg .b32 a, $b, _c; mov.u32 a, 3; add.u32 $b, a, a; sub.u32 _c, $b, a;")),
            cudaSuccess);
}

// Runs f, which stores a word; gives that.
std::uint32_t stored(const std::string& text) {
  const Library library(text);
  const DeviceArray<std::uint32_t> out(std::vector<std::uint32_t>(1));
  std::uint32_t* address = out.get();
  require(library.launch("f", dim3(1), dim3(1), {&address}));
  return out.values()[0];
}

TEST_F(PtxText, MayHoldDecimalNumbers) {
  const auto single = [](const std::string& number) {
    return stored(text_with(".reg .f32 %f; mov.f32 %f, " + number +
                            "; ld.param.u64 %l1, [out]; st.global.f32 [%l1], %f;"));
  };
  EXPECT_EQ(single("1.5"), 0x3fc00000u);
  EXPECT_EQ(single(".5"), 0x3f000000u);
  EXPECT_EQ(single("-2."), 0xc0000000u);
  EXPECT_EQ(single("1e5"), 0x47c35000u);
  EXPECT_EQ(single("-1.5E+3"), 0xc4bb8000u);
  EXPECT_EQ(single("12.5e-2"), 0x3e000000u);
  EXPECT_EQ(single("0d3FF8000000000000"), 0x3fc00000u);
  EXPECT_EQ(single("-0f3F800000"), 0xbf800000u);
  const auto high = [](const std::string& number) {
    return stored(text_with(".reg .f64 %f; mov.f64 %f, " + number +
                            "; mov.b64 {%r1, %r2}, %f; ld.param.u64 %l1, [out];"
                            "st.global.u32 [%l1], %r2;"));
  };
  EXPECT_EQ(high("-0.1"), 0xbfb99999u);
  EXPECT_EQ(high("0f3F800000"), 0x3ff00000u);
  const auto initial = [](const std::string& variable) {
    return stored(std::string(kPtxHead) + ".global " + variable +
                  ";\n.visible .entry f(.param .u64 out)\n{\n.reg .b32 %r;\n.reg .b64 %l;\n"
                  "ld.param.u64 %l, [out];\nld.global.u32 %r, [values+4];\n"
                  "st.global.u32 [%l], %r;\nret;\n}\n");
  };
  EXPECT_EQ(initial(".f32 values[2] = {0.25, -1.5}"), 0xbfc00000u);
  EXPECT_EQ(initial(".f64 values = -1.5"), 0xbff80000u);
  EXPECT_EQ(initial(".s32 values[2] = {1, -2}"), 0xfffffffeu);
}

TEST_F(PtxText, OfGarbageIsRefused) {
  EXPECT_EQ(load("this is no PTX"), cudaErrorInvalidPtx);
  EXPECT_EQ(load(std::string(kPtxHead) + "visible entry"), cudaErrorInvalidPtx);
  EXPECT_EQ(load(std::string(kPtxHead) + "}}}}"), cudaErrorInvalidPtx);
  EXPECT_EQ(load(std::string(kPtxHead) + ".visible .entry"), cudaErrorInvalidPtx);
  EXPECT_EQ(load(std::string(kPtxHead) + ".visible .entry f(.param .u64"), cudaErrorInvalidPtx);
  EXPECT_EQ(load(std::string(kPtxHead) + "/* never closed" + kBody), cudaErrorInvalidPtx);
  cudaLibrary_t library = nullptr;
  EXPECT_EQ(cudaLibraryLoadData(&library, nullptr, nullptr, nullptr, 0, nullptr, nullptr, 0),
            cudaErrorInvalidValue);
}

TEST_F(PtxText, OfAnotherMachineIsRefused) {
  std::string newer(kPtxHead);
  newer.replace(newer.find("9.0"), 3, "99.0");
  EXPECT_NE(load(newer + kBody), cudaSuccess);
  if (emulator() == nullptr) return;
  std::string larger(kPtxHead);
  larger.replace(larger.find("sm_90"), 5, "sm_100");
  EXPECT_EQ(load(larger + kBody), cudaErrorNoKernelImageForDevice);
  EXPECT_EQ(load(newer + kBody), cudaErrorUnsupportedPtxVersion);
  const auto head = [](const std::string& version, const std::string& target) {
    return ".version " + version + "\n" + target + "\n.address_size 64\n" + kBody;
  };
  EXPECT_EQ(load(head("9.0", ".target sm_90a")), cudaSuccess);
  EXPECT_EQ(load(head("7.8", ".target sm_80, debug")), cudaSuccess);
  EXPECT_EQ(load(head("9.0", ".target sm_80a")), cudaErrorNoKernelImageForDevice);
  EXPECT_EQ(load(head("9.0", ".target gfx_90")), cudaErrorNoKernelImageForDevice);
  EXPECT_EQ(load(head("9.1", ".target sm_90")), cudaErrorUnsupportedPtxVersion);
  EXPECT_EQ(load(head("9", ".target sm_90")), cudaErrorInvalidPtx);
  EXPECT_EQ(load(head("9.0", "")), cudaErrorInvalidPtx);
}

TEST_F(PtxText, OfABinaryIsRefused) {
  std::vector<char> elf(4096);
  const unsigned char head[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  std::memcpy(elf.data(), head, sizeof(head));
  cudaLibrary_t library = nullptr;
  EXPECT_NE(cudaLibraryLoadData(&library, elf.data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
            cudaSuccess);
}

TEST_F(PtxText, OfABrokenFatBinaryIsRefused) {
  if (emulator() == nullptr) GTEST_SKIP() << "a driver may trust what nvcc wrote";
  std::vector<unsigned char> binary(256);
  const unsigned char head[] = {0x50, 0xed, 0x55, 0xba, 1, 0, 16, 0, 240};
  std::memcpy(binary.data(), head, sizeof(head));  // and an entry of no bytes
  cudaLibrary_t library = nullptr;
  EXPECT_EQ(cudaLibraryLoadData(&library, binary.data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
            cudaErrorInvalidKernelImage);
  binary[16 + 4] = 64;
  binary[16 + 8 + 7] = 0xff;  // more bytes than there are
  EXPECT_EQ(cudaLibraryLoadData(&library, binary.data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
            cudaErrorInvalidKernelImage);
}

TEST_F(PtxText, CutAnywhereIsRefusedOrRuns) {
  const std::string text = std::string(kPtxHead) + kBody;
  for (std::size_t length = 0; length < text.size(); ++length) {
    const cudaError_t error = first_error(text.substr(0, length));
    const bool is_whole = text.find_first_not_of(" \n", length) == std::string::npos;
    if (is_whole) continue;
    EXPECT_NE(error, cudaSuccess) << "cut after " << text.substr(0, length);
  }
}

TEST_F(PtxText, WithABadByteAnywhereDoesNoHarm) {
  if (emulator() == nullptr) GTEST_SKIP() << "takes long with a compiler";
  const std::string text = std::string(kPtxHead) + kBody;
  for (const char bad : {'\1', '{', '}', ';', ',', '%', '.', '9', '\xff'}) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      std::string changed = text;
      changed[at] = bad;
      static_cast<void>(first_error(changed));
    }
  }
  EXPECT_EQ(first_error(text), cudaSuccess);
}

TEST_F(PtxText, WithWrongNamesIsRefused) {
  for (const char* const name : {"%nowhere", "%r99", "%p", "%l4", "%"}) {
    EXPECT_EQ(first_error(text_with("add.s32 %r1, %r2, " + std::string(name) + ";")),
              cudaErrorInvalidPtx)
        << name;
  }
  EXPECT_NE(first_error(text_with("bra NOWHERE;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("ld.param.u64 %l1, [nothing];")), cudaSuccess);
  EXPECT_NE(first_error(text_with("call.uni no_such_function;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("frobnicate.s32 %r1, %r2;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("add.s32 %r1, %r2;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("add.s32 %r1, %r2, %r3, %r1, %r2;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("@%r1 add.s32 %r1, %r2, %r3;")), cudaSuccess);
}

TEST_F(PtxText, WithOtherOperandsThanAnInstructionTakesIsRefused) {
  for (const char* wrong : {
           "add.s32 %r1;",
           "add.s32 %r1, %r2;",
           "add.s32 %r1, %r2, %r3, %r1;",
           "add.s32 %r1, %r2, %r3, %r1, %r2, %r3, %r1, %r2, %r3;",
           "mad.lo.s32 %r1, %r2, %r3;",
           "mov.u32 %r1;",
           "ret %r1;",
           "ld.global.u32 %r1;",
           "ld.global.u32 %r1, %l1;",
           "ld.global.u32 %r1, [%r<1>];",
           "st.global.u32 [%l1], %r1, %r2;",
           "st.global.v2.u32 [%l1], {%r1, %l2};",
           "mov.b64 %l1, {%l1, %l2};",
           "atom.global.add.u32 %r1, [%l1];",
           "atom.global.cas.b32 %r1, [%l1], %r2;",
           "shfl.sync.idx.b32 %r1, %r2, %r3;",
           "vote.sync.ballot.b32 %r1, 1;",
           "cvt.rn.f16x2.f32 %r1, %r2;",
           "bar.sync;",
           "bar.arrive 0;",
           "add.s32 %r1, %l2, %r3;",
           "add.s64 %l1, %l2, %r3;",
           "add.s32 %l1, %r2, %r3;",
           "add.s32 5, %r2, %r3;",
           "add.s32 %r1, %r2, 1.5;",
           ".reg .pred %p; add.s32 %r1, %p, %r2;",
           ".reg .pred %p; mov.u32 %p, %r2;",
           "setp.eq.s32 %r1, %r2, %r3;",
           "@1 add.s32 %r1, %r2, %r3;",
           "mov.u32 %r1, nothing;",
       }) {
    EXPECT_EQ(first_error(text_with(wrong)), cudaErrorInvalidPtx) << wrong;
  }
}

TEST_F(PtxText, WithWrongDeclarationsIsRefused) {
  for (const char* wrong :
       {".global .align 0 .b8 x[4];", ".global .align 3 .b8 x[4];", ".global x;",
        ".global .pred x;", ".global .b8 x[-4];", ".global .b32 x = {{1;",
        ".global .attribute(.managed", ".pragma \"nounroll\"", ".global .f32 x = 1.5.5;"}) {
    EXPECT_EQ(load(std::string(kPtxHead) + wrong + "\n" + kBody), cudaErrorInvalidPtx) << wrong;
  }
  if (emulator() != nullptr) {  // ptxas takes it for no bytes
    EXPECT_EQ(load(std::string(kPtxHead) + ".global .b8 x[4294967296][4294967296];\n" + kBody),
              cudaErrorInvalidPtx);
  }
  const std::string braces(100'000, '{');
  EXPECT_EQ(load(std::string(kPtxHead) + ".global .b32 x = " + braces), cudaErrorInvalidPtx);
  EXPECT_EQ(load(text_with("mov.b64 %l1, " + braces)), cudaErrorInvalidPtx);
  EXPECT_EQ(load(text_with("mov.b64 %l1, " + std::string(100'000, '!'))), cudaErrorInvalidPtx);
  EXPECT_EQ(load(text_with(".loc 1 2 3, function_name $L__info")), cudaErrorInvalidPtx);
}

TEST_F(PtxText, MayTakeTheStaticSharedMemoryThatThereIs) {
  const auto taking = [](int bytes) {
    return text_with(".shared .align 8 .b8 cells[" + std::to_string(bytes) +
                     "];\nst.shared.u32 [cells], 1;");
  };
  EXPECT_EQ(first_error(taking(48 << 10)), cudaSuccess);
  EXPECT_EQ(first_error(taking((48 << 10) + 1)), cudaErrorInvalidPtx);
}

TEST_F(PtxText, GivesItsVariablesBackWhenItIsUnloaded) {
  if (emulator() == nullptr) GTEST_SKIP() << "a driver keeps some";
  const auto free_bytes = [] {
    std::size_t free = 0, total = 0;
    require(cudaMemGetInfo(&free, &total));
    return free;
  };
  const std::size_t before = free_bytes();
  const std::string variable = ".global .align 4 .b8 large[67108864];\n";
  {
    const Library library(kPtxHead + variable + kBody);
    EXPECT_LT(free_bytes(), before);
  }
  EXPECT_EQ(free_bytes(), before);
  EXPECT_EQ(load(kPtxHead + variable + ".global .b8 larger[17179869184];\n" + kBody),
            cudaErrorMemoryAllocation);
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(PtxText, WithHugeNumbersIsRefused) {
  EXPECT_NE(first_error(text_with(".reg .b32 %q<4000000000>;")), cudaSuccess);
  EXPECT_NE(first_error(text_with(".reg .b32 %q<99999999999999999999>;")), cudaSuccess);
  EXPECT_NE(
      first_error(text_with(".local .align 8 .b8 depot[9000000000];\nst.local.u32 [depot], 1;")),
      cudaSuccess);
  EXPECT_NE(
      first_error(text_with(".shared .align 8 .b8 cells[300000];\nst.shared.u32 [cells], 1;")),
      cudaSuccess);
  EXPECT_NE(
      load(std::string(kPtxHead) + ".global .align 8 .b8 all[18446744073709551615];\n" + kBody),
      cudaSuccess);
}

TEST_F(PtxText, WithDeepNestingIsReadOrRefused) {
  std::string scopes, ends;
  for (int i = 0; i < 100'000; ++i) {
    scopes += "{";
    ends += "}";
  }
  if (emulator() != nullptr) static_cast<void>(first_error(text_with(scopes + ends)));
  EXPECT_EQ(first_error(text_with("{{{{mov.u32 %r1, 1;}}}}")), cudaSuccess);
}

TEST_F(PtxText, ThatCallsItselfIsRefused) {
  if (emulator() == nullptr) GTEST_SKIP() << "a real device has a stack";
  const std::string again = ".func again()\n{\ncall.uni again;\nret;\n}\n";
  EXPECT_NE(first_error(std::string(kPtxHead) + again +
                        ".visible .entry f(.param .u64 out)\n{\ncall.uni again;\nret;\n}\n"),
            cudaSuccess);
}

// What was wrong is written to the log that the caller gives, with its line.
TEST_F(PtxText, IsRefusedWithTheLine) {
  if (emulator() == nullptr) GTEST_SKIP() << "the words are the emulator's";
  const std::string text =
      std::string(kPtxHead) +
      ".visible .entry f()\n{\n  .reg .b32 %r<2>;\n  .reg .b33 %x;\n  ret;\n}\n";
  char log[1000] = {};
  cudaJitOption options[] = {cudaJitErrorLogBuffer, cudaJitErrorLogBufferSizeBytes};
  void* values[] = {log, reinterpret_cast<void*>(sizeof(log))};
  cudaLibrary_t library = nullptr;
  cudaError_t error =
      cudaLibraryLoadData(&library, text.c_str(), options, values, 2, nullptr, nullptr, 0);
  cudaKernel_t kernel = nullptr;
  if (error == cudaSuccess) error = cudaLibraryGetKernel(&kernel, library, "f");
  EXPECT_EQ(error, cudaErrorInvalidPtx);
  EXPECT_NE(std::string(log).find("line 7"), std::string::npos) << "the log is: " << log;
}

TEST_F(PtxText, IsToldOfInAsMuchOfTheLogAsThereIs) {
  if (emulator() == nullptr) GTEST_SKIP() << "the words are the emulator's";
  char log[] = "untouched, all of it";
  cudaJitOption options[] = {cudaJitErrorLogBufferSizeBytes, cudaJitErrorLogBuffer};
  void* values[] = {reinterpret_cast<void*>(std::uintptr_t{5}), log};
  cudaLibrary_t library = nullptr;
  const std::string text = text_with("add.s32 %r1, %r2;");
  EXPECT_EQ(cudaLibraryLoadData(&library, text.c_str(), options, values, 2, nullptr, nullptr, 0),
            cudaErrorInvalidPtx);
  EXPECT_STREQ(log, "line");
  EXPECT_EQ(log[5], 'c');
  EXPECT_EQ(values[0], reinterpret_cast<void*>(std::uintptr_t{4}));
  values[0] = reinterpret_cast<void*>(sizeof log);
  EXPECT_EQ(
      cudaLibraryLoadData(&library, text_with("").c_str(), options, values, 2, nullptr, nullptr, 0),
      cudaSuccess);
  EXPECT_STREQ(log, "");
  EXPECT_EQ(cudaLibraryUnload(library), cudaSuccess);
}

// An instruction that nobody executes does not matter.
TEST_F(PtxText, MayHoldWhatIsUnknownWhereNothingRuns) {
  if (emulator() == nullptr) GTEST_SKIP() << "a compiler reads it all";
  EXPECT_EQ(first_error(text_with("bra.uni OVER;\nwgmma.fence.sync.aligned;\nOVER:")), cudaSuccess);
  EXPECT_EQ(first_error(text_with("wgmma.fence.sync.aligned;")), cudaErrorIllegalInstruction);
}

class PtxReports : public EmulatedTest {};

// A store to nowhere in g.h, whose function is called in g.h and inlined in f.cu.
constexpr const char* kInlined =
    ".visible .entry f()\n{\n.reg .b32 %r;\n"
    ".loc 1 10 3\nmov.u32 %r, 1;\n"
    ".loc 2 20 5, function_name $L__info_string0, inlined_at 1 10 3\nadd.u32 %r, %r, 1;\n"
    ".loc 2 30 7, function_name $L__info_string0+12, inlined_at 2 20 5\nst.global.u32 [0], %r;\n"
    ".loc 1 40 1\nret;\n}\n.file 1 \"f.cu\"\n.file 2 \"g.h\"\n";

TEST_F(PtxReports, NameTheLinesThatALineIsInlinedAt) {
  const Library library(std::string(kPtxHead) + kInlined);
  EXPECT_EQ(library.launch("f", dim3(1), dim3(1), {}), cudaSuccess);
  const std::vector<Finding> findings = take_findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(mentions(findings[0], "\n  from g.h:30\n  inlined at g.h:20\n  inlined at f.cu:10"));
}

TEST_F(PtxReports, NameAKernelAsItIsWritten) {
  const Library library(std::string(kPtxHead) + kInlined);
  EXPECT_EQ(library.launch("f", dim3(1), dim3(1), {}), cudaSuccess);
  const std::vector<Finding> findings = take_findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(mentions(findings[0], "in f, block")) << "which, as a type, is float";
}

}  // namespace
}  // namespace emulator_test
