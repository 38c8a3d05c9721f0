// The log keeps what a tape or a gradient needs, and nothing else.
#include "host/explain/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

namespace tendon::explain {
namespace {

NodeId append(ThreadLog& log) { return log.append(Event::op, Op::add, DType::f32, {}, Place()); }

TEST(ThreadLog, IdsAscendAndNoneIsZero) {
  ThreadLog log;
  const NodeId first = append(log);
  EXPECT_NE(static_cast<std::uint64_t>(first), 0U);
  EXPECT_EQ(static_cast<std::uint64_t>(append(log)), static_cast<std::uint64_t>(first) + 1);
  EXPECT_NE(thread_of(first), thread_of(append(*std::make_unique<ThreadLog>())));
}

TEST(ThreadLog, HoldsOperandsOfAnyNumber) {
  ThreadLog log;
  std::vector<NodeId> operands;
  for (int i = 0; i < 10; ++i) operands.push_back(append(log));
  const auto at =
      static_cast<std::uint64_t>(log.append(Event::op, Op::concat, DType::f32, operands, Place()));
  const Log all = log.since(at);
  const Entry& entry = all.chunks.back()->entries[at - all.chunks.back()->first];
  EXPECT_TRUE(std::ranges::equal(entry.operands(), operands));
}

TEST(ThreadLog, HoldsTheOperandsOfMoreEntriesThanAChunkHasRoomFor) {
  ThreadLog log;
  std::vector<NodeId> operands;
  for (int i = 0; i < 10; ++i) operands.push_back(append(log));
  std::vector<std::uint64_t> ids;
  for (std::uint64_t i = 0; i < kChunkEntries; ++i) {
    const std::span<const NodeId> some = std::span(operands).first(i % 11);
    ids.push_back(
        static_cast<std::uint64_t>(log.append(Event::op, Op::concat, DType::f32, some, Place())));
  }
  const Log all = log.since(ids[0]);
  const std::uint64_t first = all.chunks.front()->first;
  for (std::uint64_t i = 0; i < kChunkEntries; ++i) {
    const std::uint64_t at = ids[i] - first;
    const Entry& entry = all.chunks[at / kChunkEntries]->entries[at % kChunkEntries];
    EXPECT_TRUE(std::ranges::equal(entry.operands(), std::span(operands).first(i % 11))) << i;
  }
}

TEST(ThreadLog, KeepsOnlyAChunkFromBeforeWhatIsAskedFor) {
  ThreadLog log;
  for (int i = 0; i < 20'000; ++i) {
    log.keep_from(log.next());
    append(log);
  }
  EXPECT_LE(log.since(0).chunks.size(), 3U);
}

TEST(ThreadLog, IsNotHeldFurtherByAStretchThatIsKept) {
  ThreadLog log;
  append(log);
  const Log stretch = log.since(log.next());
  std::weak_ptr<const Chunk> later;
  for (std::uint64_t i = 0; i < 10 * kChunkEntries; ++i) {
    log.keep_from(log.next());
    append(log);
    if (i == 2 * kChunkEntries) later = log.since(log.next()).chunks.back();
  }
  EXPECT_EQ(stretch.chunks.size(), 1U);
  EXPECT_TRUE(later.expired());
}

}  // namespace
}  // namespace tendon::explain
