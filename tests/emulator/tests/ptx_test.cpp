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
  EXPECT_EQ(first_error(text_with("bra\n  THERE\n;\nTHERE: HERE:\n  add.s32\n%r1\n,\n%r1,-3;")),
            cudaSuccess);
  EXPECT_EQ(
      first_error(text_with(".reg .f32 %f<3>; mov.f32 %f1, 0f3f800000; add.f32 %f2, %f1, 1.5;")),
      cudaSuccess);
  EXPECT_EQ(first_error(text_with(
                ".reg .b32 a, $b, _c; mov.u32 a, 3; add.u32 $b, a, a; sub.u32 _c, $b, a;")),
            cudaSuccess);
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
  EXPECT_NE(load(larger + kBody), cudaSuccess);
}

TEST_F(PtxText, OfABinaryIsRefused) {
  std::vector<char> elf(4096);
  const unsigned char head[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  std::memcpy(elf.data(), head, sizeof(head));
  cudaLibrary_t library = nullptr;
  EXPECT_NE(cudaLibraryLoadData(&library, elf.data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
            cudaSuccess);
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
  EXPECT_NE(first_error(text_with("add.s32 %r1, %r2, %nowhere;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("add.s32 %r1, %r2, %r99;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("bra NOWHERE;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("ld.param.u64 %l1, [nothing];")), cudaSuccess);
  EXPECT_NE(first_error(text_with("call.uni no_such_function;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("frobnicate.s32 %r1, %r2;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("add.s32 %r1, %r2;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("add.s32 %r1, %r2, %r3, %r1, %r2;")), cudaSuccess);
  EXPECT_NE(first_error(text_with("@%r1 add.s32 %r1, %r2, %r3;")), cudaSuccess);
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

// An instruction that nobody executes does not matter.
TEST_F(PtxText, MayHoldWhatIsUnknownWhereNothingRuns) {
  if (emulator() == nullptr) GTEST_SKIP() << "a compiler reads it all";
  EXPECT_EQ(first_error(text_with("bra.uni OVER;\nwgmma.fence.sync.aligned;\nOVER:")), cudaSuccess);
  EXPECT_EQ(first_error(text_with("wgmma.fence.sync.aligned;")), cudaErrorIllegalInstruction);
}

}  // namespace
}  // namespace emulator_test
