// What the lanes of a warp, and the threads of a block, do together.
#include <algorithm>
#include <bit>
#include <numeric>

#include "opcodes_make.h"

namespace emulator_test {
namespace {

using Words = std::span<const std::uint64_t>;
using Out = std::span<std::uint64_t>;

std::uint32_t low(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

// Lanes of two warps exchange their words; the second output says whether the source was in range.
Case shuffle(const std::string& mode, std::uint32_t b, std::uint32_t width, bool by_lane) {
  const std::uint32_t segment = (32 - width) << 8, clamp = (mode == "up" ? 0 : 0x1f) | segment;
  const std::string opcode = "shfl.sync." + mode + ".b32";
  Case tested;
  tested.names = {opcode};
  tested.block = 64;
  tested.outputs = 2;
  tested.body = "ld.global.b32 %r1, [%in];\n";
  // Every lane may have a source of its own.
  tested.body += by_lane ? "mov.u32 %r2, %laneid; mad.lo.s32 %r2, %r2, 3, " + std::to_string(b) +
                               "; and.b32 %r2, %r2, 31;\n"
                         : "mov.u32 %r2, " + std::to_string(b) + ";\n";
  tested.body +=
      opcode + " %r3|%p1, %r1, %r2, " + std::to_string(clamp) + ", -1;\n" +
      "st.global.b32 [%out], %r3; selp.u32 %r4, 1, 0, %p1; st.global.b32 [%out+8], %r4;\n";
  tested.want = [=](Words in, Out out) {
    for (std::uint32_t thread = 0; thread < 64; ++thread) {
      const std::uint32_t lane = thread % 32, value = by_lane ? (3 * lane + b) & 31 : b & 31;
      const std::uint32_t first = lane & ~(width - 1), last = first + width - 1;
      std::uint32_t source = lane;
      bool is_in_range = false;
      if (mode == "up") {
        is_in_range = lane >= first + value;
        source = lane - value;
      } else if (mode == "down") {
        is_in_range = lane + value <= last;
        source = lane + value;
      } else if (mode == "bfly") {
        is_in_range = (lane ^ value) <= last;
        source = lane ^ value;
      } else {
        source = first | (value & (width - 1));
        is_in_range = true;
      }
      if (!is_in_range) source = lane;
      out[2 * thread] = low(in[thread - lane + source]);
      out[2 * thread + 1] = is_in_range;
    }
  };
  return tested;
}

// Some lanes take part, by a bit of their word; these agree on it by a mask.
const char* const kTakePart =
    "ld.global.b32 %r1, [%in]; and.b32 %r2, %r1, 8; setp.ne.u32 %p1, %r2, 0;\n"
    "vote.sync.ballot.b32 %r20, %p1, -1;\n@!%p1 bra OTHERS;\n";

// Runs `text` in the lanes that take part; `want(words of those, own)` is what each gives.
Case of_some_lanes(
    const std::string& opcode, const std::string& text,
    std::function<std::uint64_t(const std::vector<std::uint64_t>&, std::uint64_t)> want) {
  Case tested;
  tested.names = {opcode, "vote.sync.ballot.b32"};
  tested.block = 64;
  tested.body = std::string(kTakePart) + text + "OTHERS:\n";
  tested.want = [=](Words in, Out out) {
    for (std::size_t first = 0; first < 64; first += 32) {
      std::vector<std::uint64_t> taking;
      for (std::size_t i = first; i < first + 32; ++i) {
        if ((in[i] & 8) != 0) taking.push_back(in[i]);
      }
      for (std::size_t i = first; i < first + 32; ++i) {
        if ((in[i] & 8) != 0) out[i] = want(taking, in[i]);
      }
    }
  };
  return tested;
}

// Few distinct words, so that some are equal.
std::vector<std::uint64_t> few_words(std::uint64_t kinds) {
  std::vector<std::uint64_t> words;
  for (std::uint64_t i = 0; i < 64; ++i)
    words.push_back((i * i + i / 7) % kinds | (i % 3 != 0 ? 8 : 0) | (i % 5) << 40);
  return words;
}

template <class T, class F>
Case reduction(const std::string& name, F apply) {
  const std::string opcode = "redux.sync." + name;
  return of_some_lanes(opcode, opcode + " %r3, %r1, %r20; st.global.b32 [%out], %r3;\n",
                       [=](const std::vector<std::uint64_t>& taking, std::uint64_t) {
                         T result = static_cast<T>(low(taking[0]));
                         for (std::size_t i = 1; i < taking.size(); ++i)
                           result = apply(result, static_cast<T>(low(taking[i])));
                         return std::uint64_t{static_cast<std::uint32_t>(result)};
                       });
}

// Lanes that name themselves and every other lane, at one instruction with the rest of the warp.
// `want(words of those, place among them)`.
Case in_parts(const std::string& opcode, const std::string& text,
              std::function<std::uint64_t(const std::vector<std::uint64_t>&, std::size_t)> want) {
  Case tested;
  tested.names = {opcode};
  tested.block = 64;
  tested.body =
      "ld.global.b32 %r1, [%in]; mov.u32 %r2, %laneid; and.b32 %r3, %r2, 1; shl.b32 %r20, "
      "0x55555555, %r3;\n" +
      text;
  tested.want = [=](Words in, Out out) {
    for (std::size_t i = 0; i < 64; ++i) {
      std::vector<std::uint64_t> part;
      for (std::size_t lane = i % 2; lane < 32; lane += 2)
        part.push_back(low(in[i / 32 * 32 + lane]));
      out[i] = want(part, i % 32 / 2);
    }
  };
  return tested;
}

void append_parts(std::vector<Case>& cases) {
  cases.push_back(in_parts(
      "shfl.sync.bfly.b32",
      "shfl.sync.bfly.b32 %r4|%p1, %r1, 2, 31, %r20; st.global.b32 [%out], "
      "%r4;\n",
      [](const std::vector<std::uint64_t>& part, std::size_t place) { return part[place ^ 1]; }));
  cases.push_back(in_parts(
      "redux.sync.add.u32", "redux.sync.add.u32 %r4, %r1, %r20; st.global.b32 [%out], %r4;\n",
      [](const std::vector<std::uint64_t>& part, std::size_t) {
        return std::uint64_t{low(std::accumulate(part.begin(), part.end(), std::uint64_t{0}))};
      }));
  cases.push_back(
      in_parts("vote.sync.ballot.b32",
               "and.b32 %r4, %r1, 1; setp.ne.u32 %p1, %r4, 0; vote.sync.ballot.b32 %r4, %p1, %r20; "
               "popc.b32 %r4, %r4; st.global.b32 [%out], %r4;\n",
               [](const std::vector<std::uint64_t>& part, std::size_t) {
                 return static_cast<std::uint64_t>(std::count_if(
                     part.begin(), part.end(), [](std::uint64_t word) { return (word & 1) != 0; }));
               }));
  // What one lane writes, the others of its part read behind the barrier.
  cases.push_back(in_parts(
      "bar.warp.sync",
      ".shared .align 4 .b8 cells[256];\nmov.u32 %r5, cells; mov.u32 %r6, %tid.x; mad.lo.s32 %r7, "
      "%r6, 4, %r5; st.shared.b32 [%r7], %r1; bar.warp.sync %r20; xor.b32 %r6, %r6, 4; mad.lo.s32 "
      "%r7, %r6, 4, %r5; ld.shared.b32 %r4, [%r7]; st.global.b32 [%out], %r4;\n",
      [](const std::vector<std::uint64_t>& part, std::size_t place) { return part[place ^ 2]; }));
}

void append_votes(std::vector<Case>& cases) {
  const auto counted = [](const std::vector<std::uint64_t>& taking) {
    return std::count_if(taking.begin(), taking.end(),
                         [](std::uint64_t word) { return (word & 1) != 0; });
  };
  const std::string ask = "and.b32 %r4, %r1, 1; setp.ne.u32 %p2, %r4, 0;\n";
  const std::string answer = "selp.u32 %r5, 1, 0, %p3; st.global.b32 [%out], %r5;\n";
  for (const std::string mode : {"all", "any", "uni"}) {
    const std::string opcode = "vote.sync." + mode + ".pred";
    for (const std::uint64_t kinds : {1u, 2u, 4u}) {
      Case tested = of_some_lanes(
          opcode, ask + opcode + " %p3, %p2, %r20;\n" + answer,
          [=](const std::vector<std::uint64_t>& taking, std::uint64_t) -> std::uint64_t {
            const auto count = static_cast<std::size_t>(counted(taking));
            const bool all = count == taking.size(), none = count == 0;
            return mode == "all" ? all : mode == "any" ? !none : all || none;
          });
      tested.input = few_words(kinds);
      cases.push_back(tested);
    }
  }
  for (const std::string opcode : {"vote.sync.ballot.b32", "vote.ballot.sync.b32"}) {
    Case ballot;
    ballot.names = {opcode};
    ballot.block = 64;
    ballot.body = "ld.global.b32 %r1, [%in]; " + ask + opcode +
                  " %r3, !%p2, 0xffffffff; st.global.b32 [%out], %r3;\n";
    ballot.want = [](Words in, Out out) {
      for (std::size_t i = 0; i < 64; ++i) {
        for (std::size_t lane = 0; lane < 32; ++lane)
          out[i] |= (~in[i / 32 * 32 + lane] & 1) << lane;
      }
    };
    // CUB writes the words in another order; not every ptxas takes both.
    cases.push_back(ballot);
  }
}

void append_matches(std::vector<Case>& cases) {
  for (const bool is_wide : {false, true}) {
    const std::string type = is_wide ? "b64" : "b32", word = is_wide ? "%l1" : "%r1";
    for (const std::string mode : {"any", "all"}) {
      for (const std::uint64_t kinds : {1u, 4u}) {
        const std::string opcode = "match." + mode + ".sync." + type;
        Case tested;
        tested.names = {opcode};
        tested.block = 64;
        tested.outputs = 2;
        tested.input = few_words(kinds);
        if (kinds == 1) std::fill(tested.input.begin(), tested.input.end(), 7);
        tested.body = "ld.global." + type + " " + word + ", [%in]; mov.u32 %r4, 2;\n" + opcode +
                      (mode == "all" ? " %r3|%p1, " : " %r3, ") + word +
                      ", -1; st.global.b32 [%out], %r3;\n" +
                      (mode == "all" ? "selp.u32 %r4, 1, 0, %p1;\n" : "") +
                      "st.global.b32 [%out+8], %r4;\n";
        tested.want = [=](Words in, Out out) {
          for (std::size_t i = 0; i < 64; ++i) {
            std::uint32_t equal = 0;
            for (std::size_t lane = 0; lane < 32; ++lane) {
              const std::uint64_t other = in[i / 32 * 32 + lane];
              if (is_wide ? other == in[i] : low(other) == low(in[i])) equal |= 1u << lane;
            }
            const bool all = equal == ~0u;
            out[2 * i] = mode == "any" ? equal : all ? equal : 0;
            out[2 * i + 1] = mode == "any" ? 2 : all;
          }
        };
        cases.push_back(tested);
      }
    }
  }
}

// The block's threads hand words round through shared memory, between barriers written like this.
Case barrier(const std::vector<std::string>& names, const std::string& text) {
  Case tested;
  tested.names = names;
  tested.block = 96;
  tested.body =
      ".shared .align 8 .b8 cells[768];\n.reg .b32 %own, %other;\n"
      "ld.global.b64 %l1, [%in]; mov.u32 %own, cells; mov.u32 %r1, %tid.x; mad.lo.s32 %own, %r1, "
      "8, %own;\n"
      "add.s32 %r2, %r1, 37; rem.u32 %r2, %r2, 96; mov.u32 %other, cells; mad.lo.s32 %other, %r2, "
      "8, %other;\n"
      "st.shared.b64 [%own], %l1;\n" +
      text + "\nld.shared.b64 %l2, [%other]; st.global.b64 [%out], %l2;\n";
  tested.want = [](Words in, Out out) {
    for (std::size_t i = 0; i < 96; ++i) out[i] = in[(i + 37) % 96];
  };
  return tested;
}

// bar.red and its like: over the lowest bits of the words.
Case reducing_barrier(const std::string& opcode, const std::string& kind, std::uint64_t ones) {
  Case tested;
  tested.names = {opcode};
  tested.block = 64;
  for (std::uint64_t i = 0; i < 64; ++i) tested.input.push_back(i * 7 % 64 < ones ? 3 : 2);
  tested.body = "ld.global.b32 %r1, [%in]; and.b32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, 0;\n";
  tested.body += kind == "popc" ? opcode + " %r2, 0, %p1;\n"
                                : opcode + " %p2, 0, %p1; selp.u32 %r2, 1, 0, %p2;\n";
  tested.body += "st.global.b32 [%out], %r2;\n";
  tested.want = [=](Words, Out out) {
    std::fill(out.begin(), out.end(),
              kind == "popc"  ? ones
              : kind == "and" ? std::uint64_t{ones == 64}
                              : std::uint64_t{ones != 0});
  };
  return tested;
}

void append_barriers(std::vector<Case>& cases) {
  for (const std::string opcode :
       {"bar.sync", "barrier.sync", "barrier.sync.aligned", "bar.cta.sync", "barrier.cta.sync",
        "barrier.cta.sync.aligned"}) {
    cases.push_back(barrier({opcode}, opcode + " 0;"));
    cases.push_back(barrier({opcode}, opcode + " 3, 96;"));
    cases.push_back(barrier({opcode}, "mov.u32 %r3, 5; mov.u32 %r4, 96; " + opcode + " %r3, %r4;"));
  }
  // A warp arrives for those that wait, and waits in turn.
  cases.push_back(barrier({"bar.arrive", "bar.sync"},
                          "setp.lt.u32 %p1, %r1, 32;\n@%p1 bra FIRST;\nbar.sync 1, 96;\nbar.arrive "
                          "2, 96;\nbra.uni READY;\n"
                          "FIRST:\nbar.arrive 1, 96;\nbar.sync 2, 96;\nREADY:"));
  for (const std::string word : {"bar", "barrier", "barrier.cta"}) {
    for (const std::uint64_t ones : {0u, 1u, 63u, 64u}) {
      const std::string aligned = word == "bar" ? "" : ".aligned";
      cases.push_back(reducing_barrier(word + ".red.popc" + aligned + ".u32", "popc", ones));
      cases.push_back(reducing_barrier(word + ".red.and" + aligned + ".pred", "and", ones));
      cases.push_back(reducing_barrier(word + ".red.or" + aligned + ".pred", "or", ones));
    }
  }
  for (const std::string fence :
       {"membar.cta", "membar.gl", "membar.sys", "fence.acq_rel.cta", "fence.acq_rel.gpu",
        "fence.acq_rel.sys", "fence.sc.cta", "fence.sc.gpu", "fence.sc.sys"}) {
    cases.push_back(barrier({fence}, fence + "; bar.sync 0;"));
  }
}

}  // namespace

std::vector<Case> warp_cases() {
  std::vector<Case> cases;
  for (const std::string mode : {"up", "down", "bfly", "idx"}) {
    for (const std::uint32_t width : {32u, 16u, 8u, 1u}) {
      for (const std::uint32_t b : {0u, 1u, 5u, 16u, 31u}) {
        cases.push_back(shuffle(mode, b, width, false));
        cases.push_back(shuffle(mode, b, width, true));
      }
    }
  }
  append_votes(cases);
  append_matches(cases);
  using S32 = std::int32_t;
  using U32 = std::uint32_t;
  cases.push_back(reduction<U32>("add.u32", [](U32 a, U32 b) { return a + b; }));
  cases.push_back(reduction<U32>("add.s32", [](U32 a, U32 b) { return a + b; }));
  cases.push_back(reduction<U32>("min.u32", [](U32 a, U32 b) { return std::min(a, b); }));
  cases.push_back(reduction<U32>("max.u32", [](U32 a, U32 b) { return std::max(a, b); }));
  cases.push_back(reduction<S32>("min.s32", [](S32 a, S32 b) { return std::min(a, b); }));
  cases.push_back(reduction<S32>("max.s32", [](S32 a, S32 b) { return std::max(a, b); }));
  cases.push_back(reduction<U32>("and.b32", [](U32 a, U32 b) { return a & b; }));
  cases.push_back(reduction<U32>("or.b32", [](U32 a, U32 b) { return a | b; }));
  cases.push_back(reduction<U32>("xor.b32", [](U32 a, U32 b) { return a ^ b; }));
  // The shuffle of some lanes alone, and a barrier of them.
  cases.push_back(of_some_lanes(
      "bar.warp.sync", "bar.warp.sync %r20; popc.b32 %r3, %r20; st.global.b32 [%out], %r3;\n",
      [](const std::vector<std::uint64_t>& taking, std::uint64_t) { return taking.size(); }));
  cases.push_back(of_some_lanes(
      "elect.sync",
      "elect.sync %r3|%p2, %r20; brev.b32 %r4, %r20; clz.b32 %r4, %r4; sub.s32 %r3, %r3, %r4; "
      "st.global.b32 [%out], %r3;\n",
      [](const std::vector<std::uint64_t>&, std::uint64_t) { return std::uint64_t{0}; }));
  Case active;
  active.names = {"activemask.b32"};
  active.body =
      "activemask.b32 %r1; mov.u32 %r2, %laneid; shr.u32 %r1, %r1, %r2; and.b32 %r1, %r1, 1; "
      "st.global.b32 [%out], %r1;\n";
  active.want = [](Words, Out out) { std::fill(out.begin(), out.end(), 1); };
  cases.push_back(active);
  append_parts(cases);
  append_barriers(cases);
  return cases;
}

}  // namespace emulator_test
