#include "host/explain/log.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace tendon::explain {
namespace {

std::atomic<std::int64_t> bytes = 0;

void count_bytes(std::int64_t change) { bytes.fetch_add(change, std::memory_order_relaxed); }

}  // namespace

std::int64_t log_bytes() { return bytes.load(std::memory_order_relaxed); }

void FreeIds::operator()(NodeId* ids) const noexcept {
  if (count == 0) return;
  count_bytes(-static_cast<std::int64_t>(count * sizeof(NodeId)));
  support::pool_free(ids, count * sizeof(NodeId));
}

void Entry::set_operand_count(std::size_t count, NodeId* room) {
  operand_count = static_cast<std::uint32_t>(count);
  if (count <= kInline) return;
  const bool owns = room == nullptr;
  if (owns) {
    count_bytes(static_cast<std::int64_t>(count * sizeof(NodeId)));
    room = static_cast<NodeId*>(support::pool_allocate(count * sizeof(NodeId)));
  }
  many = {room, FreeIds{owns ? operand_count : 0}};
}

Chunk::Chunk(std::uint64_t first_position) : first(first_position) { count_bytes(sizeof(Chunk)); }

Chunk::~Chunk() {
  std::destroy_n(entries, count);
  count_bytes(-static_cast<std::int64_t>(sizeof(Chunk)));
}

ThreadLog::ThreadLog() {
  static std::atomic<std::uint64_t> threads = 0;
  next_id_ = (threads.fetch_add(1) << kSequenceBits) + 1;  // no id is 0
}

void ThreadLog::keep_from(std::uint64_t position) {
  while (chunks_.size() > 1 && chunks_[1]->first <= position) chunks_.pop_front();
  // The last chunk is filled further where a kept gradient holds it: many short tapes share one.
  if (chunks_.size() == 1 && position == next_position_ && chunks_.front().use_count() == 1)
    chunks_.clear();
}

Log ThreadLog::since(std::uint64_t position) const {
  Log log;
  log.begin = position;
  log.end = next_position_;
  if (log.begin == log.end) return log;
  constexpr std::size_t kMostOften = 4;  // a step's, wherever chunks begin
  log.chunks.reserve(kMostOften);
  for (const std::shared_ptr<Chunk>& chunk : chunks_) {
    if (chunk->first + kChunkEntries > position) log.chunks.push_back(chunk);
  }
  return log;
}

Entry& ThreadLog::append(std::size_t operand_count) {
  if (chunks_.empty() || chunks_.back()->count == kChunkEntries) {
    chunks_.push_back(std::allocate_shared<Chunk>(support::PoolAllocator<Chunk>(), next_position_));
  }
  Chunk& chunk = *chunks_.back();
  Entry& entry = *std::construct_at(&chunk.entries[chunk.count++]);
  ++next_position_;
  const bool fits = operand_count <= kChunkIds - chunk.id_count;
  entry.set_operand_count(operand_count, fits ? chunk.ids + chunk.id_count : nullptr);
  if (fits && operand_count > Entry::kInline) chunk.id_count += operand_count;
  return entry;
}

void ThreadLog::append(const Facts& facts, std::span<const NodeId> operands) {
  Entry& entry = append(operands.size());
  static_cast<Facts&>(entry) = facts;
  std::ranges::copy(operands, entry.operands().begin());
}

}  // namespace tendon::explain
