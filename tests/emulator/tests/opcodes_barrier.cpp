// Barriers that are objects in shared memory, and the copies that arrive on them.
#include <cstring>

#include "opcodes_make.h"

namespace emulator_test {
namespace {

using Words = std::span<const std::uint64_t>;
using Out = std::span<std::uint64_t>;

constexpr std::size_t kThreads = 64;

// %r1: the gate, for `count` arrivals; %r2: a word for each thread; %r3: the thread; %r4: its word.
std::string gate_for(int count) {
  return ".shared .align 8 .b64 gate;\n.shared .align 16 .b8 words[512];\n"
         "mov.u32 %r1, gate; mov.u32 %r2, words; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r3, 8, "
         "%r2;\nsetp.eq.u32 %p1, %r3, 0;\n@%p1 mbarrier.init.shared.b64 [%r1], " +
         std::to_string(count) + ";\nbar.sync 0;\n";
}

// Reads the word of a thread in the other warp to %l3.
const char* const kReadOthers =
    "xor.b32 %r5, %r3, 33; mad.lo.s32 %r5, %r5, 8, %r2; ld.shared.b64 %l3, [%r5];\n";

std::string wait(const std::string& label, const std::string& test) {
  return label + ":\n" + test + "\n@!%p2 bra " + label + ";\n";
}

// Each thread gives the word of another, which must have come to the gate before.
Case meeting(std::vector<std::string> names, const std::string& body) {
  Case tested;
  tested.names = std::move(names);
  tested.block = kThreads;
  tested.grid = 2;
  tested.body = body;
  tested.want = [](Words in, Out out) {
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = in[i ^ 33];
  };
  return tested;
}

Case threads_meet(const std::string& arrive, const std::string& wait_for_state,
                  const std::string& wait_for_parity) {
  return meeting(
      {"mbarrier.init.shared.b64", arrive, wait_for_state, wait_for_parity,
       "mbarrier.inval.shared.b64"},
      gate_for(kThreads) + "ld.global.b64 %l1, [%in]; st.shared.b64 [%r4], %l1;\n" + arrive +
          " %l2, [%r1];\n" + wait("FIRST", wait_for_state + " %p2, [%r1], %l2;") + kReadOthers +
          // Nobody writes before all have read.
          arrive + " %l2, [%r1];\n" + wait("SECOND", wait_for_parity + " %p2, [%r1], 1;") +
          "st.shared.b64 [%r4], %l3; bar.sync 0;\n@%p1 mbarrier.inval.shared.b64 [%r1];\n" +
          "ld.shared.b64 %l3, [%r4]; st.global.b64 [%out], %l3;\n");
}

// `copy` brings all words; it is executed by the first thread, for which the gate waits.
Case bulk_copy(std::vector<std::string> names, const std::string& expect) {
  const std::string copy = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes";
  names.push_back(copy);
  return meeting(std::move(names),
                 gate_for(1) + "@!%p1 bra WAIT;\n" + expect + copy +
                     " [%r2], [%in], 512, [%r1];\n" +
                     wait("WAIT", "mbarrier.try_wait.parity.shared.b64 %p2, [%r1], 0;") +
                     kReadOthers + "st.global.b64 [%out], %l3;\n");
}

// Each thread brings its own word.
Case copies(const std::string& arrive, const std::string& more) {
  return meeting({arrive}, gate_for(kThreads) + "cp.async.ca.shared.global [%r4], [%in], 8;\n" +
                               arrive + " [%r1];\n" + more +
                               wait("WAIT", "mbarrier.test_wait.parity.shared.b64 %p2, [%r1], 0;") +
                               kReadOthers + "st.global.b64 [%out], %l3;\n");
}

// A gate of each thread's own: what it counts, as bits and numbers of the result.
Case counting() {
  Case tested;
  tested.names = {"mbarrier.arrive.shared.b64",
                  "mbarrier.arrive_drop.shared.b64",
                  "mbarrier.test_wait.shared.b64",
                  "mbarrier.test_wait.parity.shared.b64",
                  "mbarrier.pending_count.b64",
                  "mbarrier.arrive.noComplete.shared.b64",
                  "mbarrier.complete_tx.shared.b64",
                  "mbarrier.expect_tx.shared.b64",
                  "mbarrier.arrive.b64"};
  tested.body =
      ".shared .align 8 .b8 gates[256];\n"
      "mov.u32 %r1, gates; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r3, 8, %r1; mov.u32 %r10, 0;\n"
      "cvt.u64.u32 %l5, %r4; cvta.shared.u64 %l5, %l5;\n"
      "mbarrier.init.shared.b64 [%r4], 3;\n"
      "mbarrier.arrive.shared.b64 %l1, [%r4];\n"
      "mbarrier.test_wait.shared.b64 %p1, [%r4], %l1;\n@%p1 add.s32 %r10, %r10, 1;\n"
      "mbarrier.arrive.shared.b64 %l2, [%r4], 2;\n"  // the phase ends
      "mbarrier.test_wait.shared.b64 %p1, [%r4], %l1;\n@%p1 add.s32 %r10, %r10, 2;\n"
      "mbarrier.pending_count.b64 %r5, %l2;\nmad.lo.s32 %r10, %r5, 16, %r10;\n"
      "mbarrier.arrive_drop.shared.b64 %l3, [%r4];\n"  // 2 are left, now and later
      "mbarrier.arrive.noComplete.shared.b64 %l3, [%r4], 1;\n"
      "mbarrier.test_wait.parity.shared.b64 %p1, [%r4], 1;\n@%p1 add.s32 %r10, %r10, 4;\n"
      "mbarrier.expect_tx.shared.b64 [%r4], 64;\n"
      "mbarrier.arrive.b64 %l3, [%l5];\n"
      "mbarrier.test_wait.parity.shared.b64 %p1, [%r4], 1;\n@%p1 add.s32 %r10, %r10, 4;\n"
      "mbarrier.complete_tx.shared.b64 [%r4], 64;\n"
      "mbarrier.test_wait.parity.shared.b64 %p1, [%r4], 1;\n@%p1 add.s32 %r10, %r10, 8;\n"
      "mbarrier.arrive.shared.b64 %l3, [%r4];\n"
      "mbarrier.pending_count.b64 %r5, %l3;\nmad.lo.s32 %r10, %r5, 256, %r10;\n"
      "st.global.b32 [%out], %r10;\n";
  tested.want = [](Words, Out out) {
    for (std::uint64_t& word : out) word = 2 + 16 * 2 + 8 + 256 * 2;
  };
  return tested;
}

}  // namespace

std::vector<Case> barrier_cases() {
  std::vector<Case> cases;
  cases.push_back(threads_meet("mbarrier.arrive.shared.b64", "mbarrier.test_wait.shared.b64",
                               "mbarrier.test_wait.parity.shared.b64"));
  cases.push_back(threads_meet("mbarrier.arrive.shared::cta.b64", "mbarrier.try_wait.shared.b64",
                               "mbarrier.try_wait.parity.shared.b64"));
  cases.push_back(threads_meet("mbarrier.arrive.release.cta.shared::cta.b64",
                               "mbarrier.try_wait.acquire.cta.shared::cta.b64",
                               "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64"));
  const std::string expect = "mbarrier.expect_tx.relaxed.cta.shared::cta.b64";
  cases.push_back(bulk_copy(
      {expect}, expect + " [%r1], 512;\nmbarrier.arrive.shared::cta.b64 %l2, [%r1], 1;\n"));
  const std::string arrive = "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64";
  cases.push_back(bulk_copy({arrive}, arrive + " %l2, [%r1], 512;\n"));
  cases.push_back(copies("cp.async.mbarrier.arrive.noinc.shared.b64", ""));
  cases.push_back(copies("cp.async.mbarrier.arrive.shared.b64",
                         "mbarrier.arrive.shared::cta.b64 %l2, [%r1], 1;\n"));
  cases.push_back(counting());
  return cases;
}

}  // namespace emulator_test
