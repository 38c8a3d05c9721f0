// What describe() says of a plan before it runs, against what the executor counts when it does.
#include <gtest/gtest.h>

#include <set>

#include "host/cpu/device_traits.h"
#include "host/cpu/memory.h"
#include "host/cpu/tile_executor.h"
#include "host/plan/plan.h"
#include "tests/support/random_tape.h"
#include "tests/support/tape_text.h"

namespace tendon::test {
namespace {

TEST(Costs, AreWhatTheExecutorCounts) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const RandomTape random = random_tape(seed);
    const cpu::TileProgram program(plan::make_plan(random.tape, cpu::kTraits));
    const Tape& tape = program.plan().tape;
    std::vector<std::vector<std::byte>> outputs;
    std::vector<const void*> from;
    std::vector<void*> into;
    std::int64_t output_bytes = 0;
    std::set<Ref> targets;
    for (const auto& input : random.inputs) from.push_back(input.data());
    for (const Ref target : tape.targets()) {
      outputs.emplace_back(static_cast<std::size_t>(tape.bytes(target)));
      into.push_back(outputs.back().data());
      if (targets.insert(target).second && tape.op(target) != Op::input) {
        output_bytes += tape.bytes(target);
      }
    }
    cpu::Memory memory;
    cpu::Tally tally(tape);
    cpu::execute(program, tape, from, into, memory, &tally);
    const PlanSummary summary = plan::summarize(program.plan());
    EXPECT_EQ(tally.bytes_read(), summary.bytes_read) << "seed " << seed;
    EXPECT_EQ(tally.bytes_written(), summary.bytes_written) << "seed " << seed;
    EXPECT_EQ(memory.peak_bytes() + output_bytes, summary.peak_bytes) << "seed " << seed;
    if (HasFailure()) {
      ADD_FAILURE() << text_of_needed(tape) << plan::text(program.plan(), true);
      return;
    }
  }
}

}  // namespace
}  // namespace tendon::test
