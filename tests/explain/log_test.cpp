// The log keeps what a tape or a gradient needs, and nothing else.
#include "host/explain/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace tendon::explain {
namespace {

NodeId append(ThreadLog& log, std::span<const NodeId> operands = {}) {
  Facts facts;
  facts.id = log.new_id();
  log.append(facts, operands);
  return facts.id;
}

TEST(ThreadLog, IdsAscendAndNoneIsZero) {
  ThreadLog log;
  const NodeId first = append(log);
  EXPECT_NE(static_cast<std::uint64_t>(first), 0U);
  EXPECT_EQ(static_cast<std::uint64_t>(append(log)), static_cast<std::uint64_t>(first) + 1);
  EXPECT_NE(thread_of(first), thread_of(append(*std::make_unique<ThreadLog>())));
}

TEST(ThreadLog, GivesWhatCameSinceAPosition) {
  ThreadLog log;
  for (std::uint64_t i = 0; i < 2 * kChunkEntries + 5; ++i) append(log);
  log.new_id();  // of a node that is not logged
  const std::uint64_t position = log.now().position;
  const NodeId first = append(log);
  const NodeId second = append(log);
  const Log since = log.since(position);
  ASSERT_EQ(since.size(), 2U);
  EXPECT_EQ(since[0].id, first);
  EXPECT_EQ(since[1].id, second);
  EXPECT_EQ(log.since(log.now().position).size(), 0U);
}

TEST(ThreadLog, HoldsTheOperandsOfMoreEntriesThanAChunkHasRoomFor) {
  ThreadLog log;
  std::vector<NodeId> operands;
  for (int i = 0; i < 10; ++i) operands.push_back(append(log));
  const std::uint64_t position = log.now().position;
  for (std::uint64_t i = 0; i < 2 * kChunkEntries; ++i)
    append(log, std::span(operands).first(i % 11));
  const Log all = log.since(position);
  for (std::uint64_t i = 0; i < all.size(); ++i)
    EXPECT_TRUE(std::ranges::equal(all[i].operands(), std::span(operands).first(i % 11))) << i;
}

TEST(ThreadLog, OfWhichNothingIsNeededTakesNoMemory) {
  const std::int64_t before = log_bytes();
  ThreadLog log;
  std::vector<NodeId> operands;
  for (int i = 0; i < 10; ++i) operands.push_back(append(log));
  for (std::uint64_t i = 0; i < 3 * kChunkEntries; ++i) append(log, operands);
  EXPECT_GT(log_bytes(), before);
  log.keep_from(log.now().position);
  EXPECT_EQ(log_bytes(), before);
}

TEST(ThreadLog, IsNotHeldFurtherByAStretchThatIsKept) {
  ThreadLog log;
  const std::uint64_t position = log.now().position;
  const NodeId kept = append(log);
  const Log stretch = log.since(position);
  log.keep_from(log.now().position);
  std::weak_ptr<const Chunk> later;
  for (std::uint64_t i = 0; i < 10 * kChunkEntries; ++i) {
    append(log);
    if (i == 2 * kChunkEntries) later = log.since(log.now().position - 1).chunks.back();
    log.keep_from(log.now().position);
  }
  EXPECT_EQ(stretch[0].id, kept);
  EXPECT_TRUE(later.expired());
}

TEST(ThreadLog, SharesAChunkBetweenShortStretches) {
  ThreadLog log;
  std::vector<Log> kept;
  const std::int64_t before = log_bytes();
  for (std::uint64_t i = 0; i < kChunkEntries; ++i) {
    const std::uint64_t position = log.now().position;
    append(log);
    kept.push_back(log.since(position));
    log.keep_from(log.now().position);
  }
  EXPECT_LE(log_bytes() - before, static_cast<std::int64_t>(sizeof(Chunk)));
}

}  // namespace
}  // namespace tendon::explain
