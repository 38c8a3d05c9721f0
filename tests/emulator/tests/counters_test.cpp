// What is counted, against counts made by hand.
#include <nlohmann/json.hpp>

#include "support/device.h"
#include "support/library.h"

namespace emulator_test {
namespace {

using Json = nlohmann::json;

// A kernel of `in` and `out`, with %t the thread's index in the grid.
std::string kernel_text(const std::string& body) {
  return std::string(kPtxHead) +
         ".visible .entry counted(.param .u64 in, .param .u64 out)\n{\n"
         ".reg .pred %p<4>;\n.reg .b16 %h<4>;\n.reg .b32 %r<8>, %t;\n.reg .b64 %l<8>;\n"
         ".reg .f32 %f<8>;\n.reg .f64 %g<4>;\n.shared .align 16 .b8 cells[4096];\n"
         "ld.param.u64 %l0, [in];\nld.param.u64 %l1, [out];\n"
         "mov.u32 %r0, %ctaid.x;\nmov.u32 %r1, %ntid.x;\nmov.u32 %t, %tid.x;\n"
         "mad.lo.s32 %t, %r0, %r1, %t;\n" +
         body + "\nret;\n}\n";
}

class Counted : public EmulatedTest {
 protected:
  // The counters of one launch over 64 KiB of input, which are written, and as much output.
  Json counts_of(const std::string& body, std::uint32_t grid = 1, std::uint32_t block = 32) {
    const Library library(kernel_text(body));
    const DeviceArray<std::uint32_t> in(std::vector<std::uint32_t>(16384, 1)), out(16384);
    std::uint32_t *in_address = in.get(), *out_address = out.get();
    require(cudaDeviceSynchronize());
    emulator()->reset();
    require(library.launch("counted", dim3(grid), dim3(block), {&in_address, &out_address}));
    require(cudaDeviceSynchronize());
    const Json all = Json::parse(emulator()->counters());
    EXPECT_EQ(all.at("launches").size(), 1u);
    EXPECT_EQ(all.at("total"), all.at("launches").at(0).at("counters"));
    return all.at("launches").at(0).at("counters");
  }
};

void expect_traffic(const Json& traffic, int requests, int bytes, int sectors, int excess,
                    int first_touch) {
  EXPECT_EQ(traffic.at("requests"), requests);
  EXPECT_EQ(traffic.at("bytes"), bytes);
  EXPECT_EQ(traffic.at("sectors"), sectors);
  EXPECT_EQ(traffic.at("excess"), excess);
  EXPECT_EQ(traffic.at("first_touch"), first_touch);
}

TEST_F(Counted, ACoalescedCopyMovesWhatItAsksFor) {
  // 8 warps, each with 16 bytes a thread: 16 sectors a request.
  const Json counts = counts_of(
      "mul.wide.u32 %l2, %t, 16; add.s64 %l3, %l0, %l2; add.s64 %l4, %l1, %l2;\n"
      "ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%l3]; st.global.v4.u32 [%l4], {%r2, %r3, %r4, %r5};",
      2, 128);
  expect_traffic(counts.at("global_load"), 8, 4096, 128, 0, 4096);
  expect_traffic(counts.at("global_store"), 8, 4096, 128, 0, 4096);
}

TEST_F(Counted, AStrideOfTwoTouchesTwiceTheSectors) {
  const Json counts =
      counts_of("mul.wide.u32 %l2, %t, 8; add.s64 %l3, %l0, %l2; ld.global.u32 %r2, [%l3];", 2, 64);
  expect_traffic(counts.at("global_load"), 4, 4 * 128, 4 * 8, 4 * 4, 4 * 128);
  expect_traffic(counts.at("global_store"), 0, 0, 0, 0, 0);
}

TEST_F(Counted, AWalkDownAColumnTouchesASectorAThread) {
  const Json counts =
      counts_of("mul.wide.u32 %l2, %t, 128; add.s64 %l3, %l0, %l2; ld.global.u32 %r2, [%l3];");
  expect_traffic(counts.at("global_load"), 1, 128, 32, 28, 128);
}

TEST_F(Counted, ABroadcastTouchesOneSector) {
  const Json counts = counts_of("ld.global.u32 %r2, [%l0];");
  expect_traffic(counts.at("global_load"), 1, 128, 1, 0, 4);
}

TEST_F(Counted, AMisplacedRowTouchesOneSectorMore) {
  const Json counts =
      counts_of("mul.wide.u32 %l2, %t, 4; add.s64 %l3, %l0, %l2; ld.global.u32 %r2, [%l3+4];");
  expect_traffic(counts.at("global_load"), 1, 128, 5, 1, 128);
}

TEST_F(Counted, ReadingAgainTouchesNothingFirst) {
  const Json counts = counts_of(
      "mul.wide.u32 %l2, %t, 4; add.s64 %l3, %l0, %l2; ld.global.u32 %r2, [%l3]; ld.global.u32 "
      "%r3, [%l3];\n"
      "ld.global.u32 %r4, [%l0+128];",
      2, 32);
  // The last one's four bytes are those of the second block's first thread.
  expect_traffic(counts.at("global_load"), 6, 6 * 128, 2 * (4 + 4 + 1), 0, 256);
}

TEST_F(Counted, FirstTouchesOfACopyAreItsFloor) {
  const Json counts = counts_of(
      "mul.wide.u32 %l2, %t, 4; add.s64 %l3, %l0, %l2; add.s64 %l4, %l1, %l2; ld.global.u32 %r2, "
      "[%l3]; st.global.u32 [%l4], %r2;",
      64, 256);
  EXPECT_EQ(counts.at("global_load").at("first_touch"), 65536);
  EXPECT_EQ(counts.at("global_store").at("first_touch"), 65536);
}

TEST_F(Counted, ConflictsOfBanksArePassesBeyondTheFirst) {
  const auto of_stride = [&](int stride) {
    return counts_of("mov.u32 %r2, cells; mad.lo.s32 %r2, %t, " + std::to_string(4 * stride) +
                     ", %r2; st.shared.u32 [%r2], %t; ld.shared.u32 %r3, [%r2];");
  };
  for (const auto& [stride, conflicts] : {std::pair{1, 0}, {2, 1}, {8, 7}, {31, 0}, {32, 31}}) {
    const Json counts = of_stride(stride);
    EXPECT_EQ(counts.at("shared_requests"), 2) << "of stride " << stride;
    EXPECT_EQ(counts.at("shared_conflicts"), 2 * conflicts) << "of stride " << stride;
  }
  const Json broadcast =
      counts_of("st.shared.u32 [cells], 7; bar.warp.sync -1; ld.shared.u32 %r2, [cells];");
  EXPECT_EQ(broadcast.at("shared_conflicts"), 0);
}

TEST_F(Counted, ABranchDivergesWhereHalfAWarpTakesIt) {
  const auto from = [&](int least) {
    return counts_of("setp.lt.u32 %p1, %t, " + std::to_string(least) +
                     ";\n@%p1 bra THERE;\nadd.s32 %r2, %t, 1;\nadd.s32 %r2, %r2, 1;\nTHERE:");
  };
  for (const auto& [least, divergent, skipped] : {std::tuple{16, 1, 16}, {0, 0, 0}, {32, 0, 32}}) {
    const Json counts = from(least);
    EXPECT_EQ(counts.at("branches"), 1) << least << " threads take it";
    EXPECT_EQ(counts.at("divergent_branches"), divergent) << least << " threads take it";
    // mad, setp and the two additions, of those that do not take it.
    EXPECT_EQ(counts.at("instructions").at("integer"), 2 * 32 + 2 * (32 - skipped)) << least;
  }
}

TEST_F(Counted, InstructionsAreCountedByTheirClass) {
  const Json counts = counts_of(
      "add.s32 %r2, %t, 1; xor.b32 %r2, %r2, 3;\n"  // integer: 2, and mad
      "mov.b32 %f1, 0f3F800000; add.f32 %f2, %f1, %f1; fma.rn.f32 %f2, %f2, %f1, %f1; "
      "ex2.approx.f32 %f3, %f2;\n"                        // f32: 3
      "cvt.f64.f32 %g1, %f2; cvt.rn.f32.s32 %f4, %r2;\n"  // convert: 2
      "mul.f64 %g2, %g1, %g1;\n"                          // f64: 1
      "mov.b16 %h1, 0x3C00; add.f16 %h2, %h1, %h1;\n"     // f16: 1
      "shfl.sync.bfly.b32 %r3|%p1, %r2, 1, 31, -1; vote.sync.all.pred %p2, %p1, -1;\n"  // warp: 2
      "mul.wide.u32 %l2, %t, 4; add.s64 %l3, %l1, %l2;\n"  // integer: 2
      "st.global.u32 [%l3], %r3;\n"                        // memory: 1, and two ld.param
      "atom.global.add.u32 %r4, [%l3], 1; red.global.add.u32 [%l3], 1;\n"  // atomic: 2
      "setp.eq.u32 %p3, %t, 99;\n@%p3 bra END;\nEND:");  // integer 1; control: none taken, and ret
  const Json& classes = counts.at("instructions");
  EXPECT_EQ(classes.at("integer"), 32 * 6);
  EXPECT_EQ(classes.at("f32"), 32 * 3);
  EXPECT_EQ(classes.at("f64"), 32);
  EXPECT_EQ(classes.at("f16"), 32);
  EXPECT_EQ(classes.at("convert"), 32 * 2);
  EXPECT_EQ(classes.at("warp"), 32 * 2);
  EXPECT_EQ(classes.at("memory"), 32 * 3);
  EXPECT_EQ(classes.at("atomic"), 32 * 2);
  EXPECT_EQ(counts.at("atomics"), 32 * 2);
  EXPECT_EQ(classes.at("control"), 32);
  EXPECT_EQ(classes.at("other"), 32 * 5);  // mov
  int sum = 0;
  for (const auto& [name, count] : classes.items()) sum += count.get<int>();
  EXPECT_EQ(counts.at("thread_instructions"), sum);
  EXPECT_EQ(counts.at("warp_instructions"), sum / 32);
}

TEST_F(Counted, OnlyThreadsThatTakePartCount) {
  const Json counts = counts_of(
      "setp.lt.u32 %p1, %t, 5;\n@%p1 add.s32 %r2, %t, 1;\n@!%p1 ret;\nadd.s32 %r2, %t, 2;", 1, 20);
  EXPECT_EQ(counts.at("instructions").at("integer"), 20 + 20 + 5 + 5);
}

TEST_F(Counted, LaunchesTellTheirShape) {
  const Library library(kernel_text(""));
  const DeviceArray<std::uint32_t> cells(1);
  std::uint32_t* address = cells.get();
  emulator()->reset();
  require(library.launch("counted", dim3(3, 2), dim3(32, 4), {&address, &address}, 100));
  require(cudaDeviceSynchronize());
  const Json launch = Json::parse(emulator()->counters()).at("launches").at(0);
  EXPECT_EQ(launch.at("kernel"), "counted");
  EXPECT_EQ(launch.at("grid"), Json({3, 2, 1}));
  EXPECT_EQ(launch.at("block"), Json({32, 4, 1}));
  EXPECT_EQ(launch.at("from_graph"), false);
  EXPECT_GE(launch.at("shared_bytes"), 100);
}

TEST_F(Counted, CallsAreCountedByTheirKind) {
  const Library library(kernel_text(""));
  std::vector<std::uint32_t> host(100);
  cudaStream_t stream = nullptr;
  require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  emulator()->reset();
  {
    const DeviceArray<std::uint32_t> a(100), b(100);
    std::uint32_t* address = a.get();
    require(cudaMemcpy(a.get(), host.data(), 400, cudaMemcpyHostToDevice));
    require(cudaMemcpy(b.get(), a.get(), 200, cudaMemcpyDeviceToDevice));
    require(cudaMemset(b.get(), 0, 400));
    require(cudaMemcpy(host.data(), b.get(), 100, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 3; ++i)
      require(library.launch("counted", dim3(1), dim3(32), {&address, &address}));
    require(cudaDeviceSynchronize());
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    for (int i = 0; i < 2; ++i)
      require(library.launch("counted", dim3(1), dim3(32), {&address, &address}, 0, stream));
    require(cudaStreamEndCapture(stream, &graph));
    require(cudaGraphInstantiate(&executable, graph, 0));
    for (int i = 0; i < 5; ++i) require(cudaGraphLaunch(executable, stream));
    require(cudaStreamSynchronize(stream));
    require(cudaGraphExecDestroy(executable));
    require(cudaGraphDestroy(graph));
  }
  const Json calls = Json::parse(emulator()->counters()).at("calls");
  EXPECT_EQ(calls.at("launches"), 3);
  EXPECT_EQ(calls.at("graph_launches"), 5);
  EXPECT_EQ(calls.at("graph_kernels"), 10);
  EXPECT_EQ(calls.at("library_calls"), 0);
  EXPECT_EQ(calls.at("allocations"), 2);
  EXPECT_EQ(calls.at("frees"), 2);
  EXPECT_EQ(calls.at("allocated_bytes"), 800);
  EXPECT_EQ(calls.at("copies_to_device"), 1);
  EXPECT_EQ(calls.at("bytes_to_device"), 400);
  EXPECT_EQ(calls.at("copies_on_device"), 1);
  EXPECT_EQ(calls.at("bytes_on_device"), 200);
  EXPECT_EQ(calls.at("copies_to_host"), 1);
  EXPECT_EQ(calls.at("bytes_to_host"), 100);
  EXPECT_EQ(calls.at("memsets"), 1);
  EXPECT_EQ(calls.at("memset_bytes"), 400);
  EXPECT_GE(calls.at("synchronizations"), 2);
  require(cudaStreamDestroy(stream));
}

TEST_F(Counted, TheSameProgramCountsTheSameUnderEverySeed) {
  Json first;
  for_each_seed([&](std::uint64_t seed) {
    const Json counts = counts_of(
        "mul.wide.u32 %l2, %t, 8; add.s64 %l3, %l0, %l2; ld.global.u32 %r2, [%l3];\n"
        "mov.u32 %r3, cells; st.shared.u32 [%r3], 1; bar.sync 0;",
        7, 64);
    if (seed == 0) first = counts;
    EXPECT_EQ(counts, first);
  });
}

}  // namespace
}  // namespace emulator_test
