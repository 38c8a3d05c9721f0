#include "host/explain/log.h"

#include <algorithm>
#include <atomic>

namespace tendon::explain {

ThreadLog::ThreadLog() {
  static std::atomic<std::uint64_t> threads = 0;
  next_ = (threads.fetch_add(1) << kSequenceBits) + 1;  // no id is 0
}

void ThreadLog::new_chunk() {
  while (chunks_.size() > 1 && chunks_[1]->first + kChunkEntries <= keep_from_) chunks_.pop_front();
  chunks_.push_back(std::allocate_shared<Chunk>(support::PoolAllocator<Chunk>(), next_));
}

Log ThreadLog::since(std::uint64_t begin) const {
  Log log;
  log.end = next_;
  constexpr std::size_t kMostOften = 4;  // a step's, wherever chunks begin
  log.chunks.reserve(kMostOften);
  for (const std::shared_ptr<Chunk>& chunk : chunks_) {
    if (chunk->first + 2 * kChunkEntries > begin) log.chunks.push_back(chunk);
  }
  return log;
}

NodeId ThreadLog::append(Event event, Op op, DType dtype, std::span<const NodeId> operands,
                         Place place, std::uint64_t note, const char* called) {
  if (chunks_.empty() || chunks_.back()->count == kChunkEntries) new_chunk();
  Chunk& chunk = *chunks_.back();
  Entry& entry = *std::construct_at(&chunk.entries[chunk.count++]);
  entry.event = event;
  entry.op = op;
  entry.dtype = dtype;
  entry.operand_count = static_cast<std::uint32_t>(operands.size());
  entry.called = called;
  entry.place = place;
  entry.note = note;
  NodeId* into = entry.few;
  if (operands.size() > Entry::kInline) {
    const bool fits = operands.size() <= kChunkIds - chunk.id_count;
    into = fits ? chunk.ids + chunk.id_count
                : static_cast<NodeId*>(support::pool_allocate(operands.size_bytes()));
    entry.many = {into, FreeIds{fits ? 0 : entry.operand_count}};
    if (fits) chunk.id_count += operands.size();
  }
  std::ranges::copy(operands, into);
  return NodeId{next_++};
}

}  // namespace tendon::explain
